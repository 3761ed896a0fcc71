"""First-party plugins, installed as `reclaim_plugins`, entering as third-party plugins do."""
