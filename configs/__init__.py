"""Configurations that ship with the package: `reclaim run NAME` finds `NAME.yaml` here."""
