"""Where plugins are found, checked and kept by name; pluggy lives here and nowhere else."""
