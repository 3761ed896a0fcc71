"""The rare events of a trace: what each verb is called, its number and its arguments.

Accesses are columns; everything else that happens to a process lies beside them as rows of one
structured array. `position` says how many access rows come before the event.

==========  =========================================  ==========================================
verb        arguments a0 .. a5                         meaning
==========  =========================================  ==========================================
mmap        space start npages file offset prot        map; file -1: anonymous private
munmap      space start npages
mremap      space old npages new                       move; the target is unmapped first
mprotect    space start npages prot
madvise     space start npages advice                  DONTNEED, COLD or PAGEOUT
mlock       space start npages
munlock     space start npages
fork        parent child                               child: a new space id
exec        space                                      every VMA goes, the id stays
exit        space
fdread      file offset npages                         read(2): through a descriptor
fdwrite     file offset npages
evict       space page                                 probe: reclaim the frame behind the page
referenced  space page                                 probe: ask the rmap, clear young bits
truncate    file npages                                pages at offsets >= npages die
mark        index                                      into `Trace.marks`
expect      index                                      into `Trace.expects`
==========  =========================================  ==========================================

`prot` is `ids.PROT_READ | PROT_WRITE | PROT_EXEC`, with `ids.MAP_SHARED` for a shared mapping (mmap
only). Anonymous shared memory is a mapping of a shm object, which has a file id like a file.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MMAP = 0
MUNMAP = 1
MREMAP = 2
MPROTECT = 3
MADVISE = 4
MLOCK = 5
MUNLOCK = 6
FORK = 7
EXEC = 8
EXIT = 9
FDREAD = 10
FDWRITE = 11
EVICT = 12
REFERENCED = 13
TRUNCATE = 14
MARK = 15
EXPECT = 16

VERB_NAMES = (
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "mlock",
    "munlock",
    "fork",
    "exec",
    "exit",
    "fdread",
    "fdwrite",
    "evict",
    "referenced",
    "truncate",
    "mark",
    "expect",
)
"""Name of each verb, by its number."""

VERB_ARGS: tuple[tuple[str, ...], ...] = (
    ("space", "start", "npages", "file", "offset", "prot"),
    ("space", "start", "npages"),
    ("space", "old", "npages", "new"),
    ("space", "start", "npages", "prot"),
    ("space", "start", "npages", "advice"),
    ("space", "start", "npages"),
    ("space", "start", "npages"),
    ("parent", "child"),
    ("space",),
    ("space",),
    ("file", "offset", "npages"),
    ("file", "offset", "npages"),
    ("space", "page"),
    ("space", "page"),
    ("file", "npages"),
    ("index",),
    ("index",),
)
"""Names of the arguments of each verb, in the order a0, a1, ..."""

ADVICE_DONTNEED, ADVICE_COLD, ADVICE_PAGEOUT = 0, 1, 2
ADVICE_NAMES = ("dontneed", "cold", "pageout")

ARG_FIELDS = ("a0", "a1", "a2", "a3", "a4", "a5")

EVENT_DTYPE = np.dtype([(name, np.int64) for name in ("position", "verb", *ARG_FIELDS, "line")])
"""One event: nine int64, 72 bytes. `line`: 1-based line of the script or log, 0 if none."""

Events = npt.NDArray[np.void]
"""An array of `EVENT_DTYPE`."""


def event_row(position: int, verb: int, *args: int, line: int = 0) -> tuple[int, ...]:
    """Return one event as the tuple that `EVENT_DTYPE` takes.

    Parameters
    ----------
    position : int
        Access rows before the event.
    verb : int
        One of the verb numbers.
    *args : int
        The verb's arguments, as `VERB_ARGS` names them.
    line : int
        Line of the script or log, 0 if there is none.
    """
    if len(args) != len(VERB_ARGS[verb]):
        raise ValueError(f"{VERB_NAMES[verb]} takes {VERB_ARGS[verb]}, not {args}")
    return (position, verb, *args, *(0,) * (len(ARG_FIELDS) - len(args)), line)


def event_array(rows: list[tuple[int, ...]]) -> Events:
    """Return rows of `event_row` as one array of `EVENT_DTYPE`."""
    return np.array(rows, dtype=EVENT_DTYPE)
