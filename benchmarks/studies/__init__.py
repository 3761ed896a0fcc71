"""Published shapes, reproduced: what a mail or a paper measured, beside what the model counts.

    python -m benchmarks.studies                # all of them, and their pages' tables and figures
    python -m benchmarks.studies aim7 rmap_test

Each module has a `study()` that runs the model and returns lines of a table, a `chart()` of them,
and a docstring with the source. Times there were measured on other machines; what is compared is
who pays more, and how it grows.
"""
