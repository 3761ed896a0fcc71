"""Array-backed structures for the machine, strategies and policies: lists, pool, interval tree, heap.

Each works on rows it is given, allocates nothing in a kernel, and has a naive twin in tests/unit.
"""
