"""Replacement algorithms as their papers write them: a list of page numbers in, misses out.

Nothing but the algorithm: no writes, no processes, no page tables; slow and obvious. One module an
algorithm, named as the policy it answers for, sharing no code with it:

``misses(trace, frames, **params) -> list[int]``
    The positions of the accesses that missed, so that two implementations can be compared miss for
    miss. Params have the defaults of the policy's.
``library(frames)``
    libcachesim's cache that misses at the very same accesses; left out where that library has none
    or follows other rules, which the module's docstring then names.
``LIBRARY_FROM``
    From how many frames on it does, where with fewer it has rules of its own.
``SLOW``
    True where 60,000 accesses take more than some seconds.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def papers() -> dict[str, ModuleType]:
    """Return every module here by its name."""
    names = sorted(found.name for found in iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}") for name in names}
