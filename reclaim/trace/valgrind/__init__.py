"""Traces from valgrind's lackey: its text, what the syscalls in it mean, and one order for all.

log -> `fold` (text to rows) -> `log` (one process's rows and calls) -> `interleave` (whose turn it
is) -> `replay` (calls to events, with `spaces` and `files` as its memory) -> a `Trace`.
"""
