"""Array-backed structures: lists, pool, heap, interval tree, anon_vmas, anonmms, file
tree.

Each works on rows it is given, allocates nothing in a kernel, and has a naive twin in tests/unit.
"""
