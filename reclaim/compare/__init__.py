"""Comparisons of reverse maps: on workloads, and as processes and generations grow in number."""
