"""Sections of reports: one file for each question."""
