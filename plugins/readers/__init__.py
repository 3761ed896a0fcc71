"""Trace readers: one file for each format."""
