"""Generated workloads: one file for each complaint."""
