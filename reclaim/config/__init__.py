"""From YAML and the command line to one checked, complete configuration."""
