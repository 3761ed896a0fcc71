"""Events that need no policy: one compiled entry per strategy, shared by all policies.

What they take from the policy they leave as notes, which the pair's entry drains afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import P_EXEC, P_EXIT, P_FORK, P_MMAP, P_PROBE, enter, leave
from reclaim.ids import LEAF_PTES, NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel
from reclaim.trace.events import (
    EVICT,
    EXEC,
    EXIT,
    FORK,
    MADVISE,
    MLOCK,
    MMAP,
    MPROTECT,
    MREMAP,
    MUNMAP,
    REFERENCED,
    TRUNCATE,
)
from reclaim.vm.evict import look, referenced, swap_full, unmap_and_write
from reclaim.vm.frames import frame_flag, is_anon, is_locked, mapcount, page_of, set_flag
from reclaim.vm.mapping import PROBE, leave_note, removals_short
from reclaim.vm.mmap import madvise, mmap, mprotect, mremap, munmap, relock, truncate
from reclaim.vm.process import exec_space, exit_space, fork_space, open_space
from reclaim.vm.pte import PRESENT, VALUE_SHIFT
from reclaim.vm.reclaim import stop
from reclaim.vm.tables import find_pte, tables_short

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


# Not an event of a trace: look at `a1` frames, spread evenly over memory, and change nothing; with
# `a2` not 0 only at frames of files and shm objects.
LOOK = 64


@kernel(cold=True)
def _short(
    m: Machine, space: int, nr_ptes: int, forks: bool, nr_leaves: int, nr_nodes: int, vmas: int
) -> bool:
    """Tell whether rows may run short in an event; notes what is wanted."""
    live = m.live
    live[U(r.WANT_PAGES)] = 0
    live[U(r.WANT_FRAMES)] = 0
    live[U(r.WANT_TOUCHES)] = 0
    live[U(r.WANT_VMAS)] = vmas
    live[U(r.WANT_OBJECTS)] = m.rmap.room(m, space, nr_ptes, forks)
    short = tables_short(m, nr_leaves, nr_nodes)
    if m.rmap.short(m, live[U(r.WANT_OBJECTS)]):
        short = True
    if (live[U(r.VMA_TOP)] + vmas) * r.VMA_WORDS > len(m.vma):
        short = True
    return short


@kernel(cold=True)
def _room_short(m: Machine, verb: int, space: int, nr_pages: int) -> bool:
    row = space * r.SPACE_WORDS
    if verb == FORK:
        m.live[U(r.WANT_REMOVALS)] = 0
        return _short(
            m,
            space,
            m.space[U(row + r.SPACE_NR_PTES)],
            True,
            m.space[U(row + r.SPACE_NR_LEAVES)],
            m.space[U(row + r.SPACE_NR_NODES)] + 2,
            m.space[U(row + r.SPACE_NR_VMAS)] + 5,
        )
    leaves, moved = 0, 0
    if verb == MREMAP:
        leaves = nr_pages // LEAF_PTES + 2
        moved = min(nr_pages, m.space[U(row + r.SPACE_NR_PTES)])
    # Truncate names a file where others name a space, and takes no objects.
    short = _short(m, 0 if verb == TRUNCATE else space, moved, False, leaves, leaves // 256 + 12, 4)
    nr_ptes = m.live[U(r.NR_PTES)] if verb == TRUNCATE else m.space[U(row + r.SPACE_NR_PTES)]
    if verb == TRUNCATE:
        nr_ptes += m.file[U(space * r.FILE_WORDS + r.FILE_NR_PAGES)]
    if removals_short(m, nr_ptes):
        short = True
    return short


@kernel(cold=True)
def _probe(m: Machine, verb: int, space: int, vpn: int) -> None:
    """Ask about, or evict, the frame behind a page; one that is not there answers with zeros."""
    entry = m.pte[U(find_pte(m, space, vpn))]
    pfn = entry >> VALUE_SHIFT
    m.live[U(r.PROBE_MAPCOUNT)] = 0
    m.live[U(r.YOUNG)] = 0
    if (entry & PRESENT) == 0:
        return
    m.live[U(r.PROBE_MAPCOUNT)] = mapcount(m, pfn)
    if not m.rmap.finds(m, pfn):
        stop(m, r.E_WALK, space, vpn)
        return
    if verb == REFERENCED:
        referenced(m, pfn)
    elif not (
        is_locked(m, pfn) or frame_flag(m, pfn, r.FRAME_WRITEBACK) or swap_full(m, page_of(m, pfn))
    ):
        if unmap_and_write(m, pfn):
            set_flag(m, pfn, r.FRAME_WRITEBACK)
        leave_note(m, pfn, PROBE)


@kernel(cold=True)
def _look(m: Machine, nr: int, files: bool) -> None:
    """Walk a sample of the mapped frames: every k-th frame, or the next one that is mapped."""
    step = (m.nr_frames + nr - 1) // nr
    for first in range(0, m.nr_frames, step):
        for pfn in range(first, min(first + step, m.nr_frames)):
            if mapcount(m, pfn) > 0 and not (files and is_anon(m, page_of(m, pfn))):
                look(m, pfn)
                break


@kernel(cold=True)
def _change(m: Machine, args: I64) -> None:
    """The mmap family."""
    verb, space, start, nr = args[U(0)], args[U(1)], args[U(2)], args[U(3)]
    if verb == MMAP:
        mmap(m, space, start, nr, args[U(4)], args[U(5)], args[U(6)])
    elif verb == MUNMAP:
        munmap(m, space, start, nr)
    elif verb == MREMAP:
        mremap(m, space, start, nr, args[U(4)])
    elif verb == MPROTECT:
        mprotect(m, space, start, nr, args[U(4)])
    elif verb == MADVISE:
        madvise(m, space, start, nr, args[U(4)])
    elif verb == TRUNCATE:
        truncate(m, space, start)
    else:
        relock(m, space, start, nr, verb == MLOCK)


@kernel(cold=True)
def apply(m: Machine, args: I64) -> int:
    """Apply the event args[0] with operands args[1] ..; returns DONE, GROW or STOPPED."""
    verb = args[U(0)]
    if verb == LOOK:
        before = enter(m, P_PROBE)
        _look(m, args[U(1)], args[U(2)] != 0)
        leave(m, before)
        return r.DONE
    space = args[U(1)]
    m.live[U(r.WORK_START)] = NIL
    m.live[U(r.ROOM)] = 0
    if _room_short(m, verb, space, args[U(3)]):
        return r.GROW
    if verb == FORK:
        before = enter(m, P_FORK)
        fork_space(m, space, args[U(2)])
    elif verb == EXEC:
        before = enter(m, P_EXEC)
        exec_space(m, space)
    elif verb == EXIT:
        before = enter(m, P_EXIT)
        exit_space(m, space)
    elif verb == EVICT or verb == REFERENCED:
        before = enter(m, P_PROBE)
        _probe(m, verb, space, args[U(2)])
    else:
        before = enter(m, P_MMAP)
        if verb == MMAP and m.space[U(space * r.SPACE_WORDS + r.SPACE_ROOT)] == 0:
            open_space(m, space)
        _change(m, args)
    leave(m, before)
    return r.DONE if m.live[U(r.ERROR)] == r.E_NONE else r.STOPPED
