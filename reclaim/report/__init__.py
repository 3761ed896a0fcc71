"""Pictures of results: one page that works offline, and single figures for papers.

It reads a store, never the engine: what is shown can be made again from what is on disk.
"""
