"""From axes to runs, and from runs to the store: a study that survives whatever stops it."""
