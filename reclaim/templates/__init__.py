"""Files that `reclaim new` copies: working plugins, written to be read."""
