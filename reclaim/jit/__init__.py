"""How plain Python becomes machine code: one `kernel` decorator, one `Handle` base class.

`kernel` and `handle` never import numba, so a plugin can be listed without it; `lower` (imported by
the engine when it binds) teaches numba what kernels and handles are.
"""
