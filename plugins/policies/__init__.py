"""Replacement policies: which page leaves its frame. One file each."""
