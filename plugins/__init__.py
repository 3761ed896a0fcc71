"""First-party plugins, installed as `reclaim_plugins`; they come in by entry points, like any other."""
