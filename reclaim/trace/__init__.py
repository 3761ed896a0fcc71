"""Traces: what a program touched, in what order, and what its address spaces went through."""
