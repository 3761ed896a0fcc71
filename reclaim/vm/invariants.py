"""What must hold of a machine between kernels, checked the slow way, for tests and `--check`.

Everything that the machine keeps as a count is counted again from its page tables, and each frame's
walk is compared with them. Nothing is changed: counters are put back.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.ids import ANON, LEAF_PTES, NIL
from reclaim.jit.handle import Handle
from reclaim.vm.machine import Machine
from reclaim.vm.pte import PRESENT, VALUE_SHIFT

Walks = Callable[[Machine, list[int]], dict[int, list[int]]]


class Collector(Handle):
    """Visitor that notes the PTEs it is shown and changes nothing."""

    UNMAPS = True  # a walk that asks nothing leaves chains as they are

    def visit(self, m: Machine, pte: int) -> int:
        """See one PTE."""
        self.__dict__.setdefault("seen", []).append(int(pte))
        return 0


class _Tables:
    """The page tables, read once: the truth that everything is compared with."""

    def __init__(self, m: Machine) -> None:
        self.mapped: dict[int, list[int]] = defaultdict(list)
        self.swapped: Counter[int] = Counter()
        self.used: Counter[int] = Counter()
        for leaf in range(1, int(m.live[r.LEAF_TOP])):
            space = int(m.leaf[leaf * r.LEAF_WORDS + r.LEAF_SPACE])
            entries = m.pte[leaf * LEAF_PTES : (leaf + 1) * LEAF_PTES]
            for slot in np.flatnonzero(entries):
                entry = int(entries[slot])
                self.used[space] += 1
                if entry & PRESENT:
                    self.mapped[entry >> VALUE_SHIFT].append(leaf * LEAF_PTES + int(slot))
                else:
                    self.swapped[entry >> VALUE_SHIFT] += 1


def _frame_problems(m: Machine, tables: _Tables) -> list[str]:
    problems = []
    free = set(m.free[: int(m.live[r.NR_FREE])].tolist())
    rows = m.frame.reshape(-1, r.FRAME_WORDS)[: m.nr_frames]
    if len(free) != int(m.live[r.NR_FREE]):
        problems.append("a frame is free twice")
    for pfn, row in enumerate(rows):
        page = int(row[r.FRAME_PAGE])
        if (page == NIL) != (pfn in free):
            problems.append(f"frame {pfn} holds page {page} and is free: {pfn in free}")
        elif page != NIL and int(m.page[page * r.PAGE_WORDS + r.PAGE_FRAME]) != pfn:
            problems.append(f"frame {pfn} holds page {page}, which does not say so")
        if page != NIL and row[r.FRAME_MAPCOUNT] != len(tables.mapped[pfn]):
            mapcount = int(row[r.FRAME_MAPCOUNT])
            problems.append(f"frame {pfn}: mapcount {mapcount}, PTEs {len(tables.mapped[pfn])}")
    return problems


def _page_problems(m: Machine, tables: _Tables) -> list[str]:
    problems = []
    slots = 0
    for page in range(int(m.live[r.NR_PAGES])):
        row = m.page[page * r.PAGE_WORDS : (page + 1) * r.PAGE_WORDS]
        pfn = int(row[r.PAGE_FRAME])
        held = tables.swapped[page] + (len(tables.mapped[pfn]) if pfn != NIL else 0)
        slots += int(row[r.PAGE_SLOT])
        if row[r.PAGE_SWAPPED] != tables.swapped[page]:
            problems.append(f"page {page}: {row[r.PAGE_SWAPPED]} swapped, {tables.swapped[page]}")
        if (row[r.PAGE_BACKING] & 3) == ANON and row[r.PAGE_SHARERS] != held:
            problems.append(f"page {page}: {row[r.PAGE_SHARERS]} sharers, {held} PTEs")
        if tables.swapped[page] and not row[r.PAGE_SLOT]:
            problems.append(f"page {page} is swapped and has no slot")
    if slots != int(m.live[r.SLOTS_USED]):
        problems.append(f"{m.live[r.SLOTS_USED]} slots used, {slots} owned")
    return problems


def _vmas(m: Machine, space: int) -> list[Any]:
    found = []
    vma = int(m.space[space * r.SPACE_WORDS + r.SPACE_VMAS])
    while vma != NIL:
        found.append(m.vma[vma * r.VMA_WORDS : (vma + 1) * r.VMA_WORDS])
        vma = int(found[-1][r.VMA_NEXT])
    return found


def _space_problems(m: Machine, tables: _Tables) -> list[str]:
    problems = []
    locks: Counter[int] = Counter()
    total = 0
    for space in range(len(m.space) // r.SPACE_WORDS):
        row = m.space[space * r.SPACE_WORDS : (space + 1) * r.SPACE_WORDS]
        if not row[r.SPACE_ALIVE]:
            continue
        vmas = _vmas(m, space)
        total += len(vmas)
        if row[r.SPACE_NR_PTES] != tables.used[space]:
            problems.append(f"space {space}: {row[r.SPACE_NR_PTES]} PTEs, {tables.used[space]}")
        if row[r.SPACE_NR_VMAS] != len(vmas):
            problems.append(f"space {space}: {row[r.SPACE_NR_VMAS]} VMAs, {len(vmas)} listed")
        for left, right in itertools.pairwise(vmas):
            if left[r.VMA_LAST] >= right[r.VMA_START]:
                problems.append(f"space {space}: VMAs overlap at {right[r.VMA_START]}")
        _count_locks(m, space, vmas, tables, locks)
    if total != int(m.live[r.NR_VMAS]):
        problems.append(f"{m.live[r.NR_VMAS]} VMAs, {total} listed")
    for pfn in range(m.nr_frames):
        counted = int(m.frame[pfn * r.FRAME_WORDS + r.FRAME_FLAGS]) >> 8
        if m.frame[pfn * r.FRAME_WORDS + r.FRAME_PAGE] != NIL and counted != locks[pfn]:
            problems.append(f"frame {pfn}: {counted} locked mappings, {locks[pfn]}")
    return problems


def _count_locks(
    m: Machine, space: int, vmas: list[Any], tables: _Tables, locks: Counter[int]
) -> None:
    locked = [v for v in vmas if v[r.VMA_FLAGS] & r.VMA_LOCKED]
    for pfn, ptes in tables.mapped.items():
        for pte in ptes:
            leaf = pte // LEAF_PTES
            if m.leaf[leaf * r.LEAF_WORDS + r.LEAF_SPACE] == space:
                vpn = int(m.leaf[leaf * r.LEAF_WORDS + r.LEAF_BASE]) + pte % LEAF_PTES
                locks[pfn] += any(v[r.VMA_START] <= vpn <= v[r.VMA_LAST] for v in locked)


def walked(m: Machine, frames: list[int]) -> dict[int, list[int]]:
    """Return the PTEs that a walk of each frame finds."""
    found = {}
    for pfn in frames:
        collector = Collector()
        m.rmap.walk(m, pfn, collector)
        found[pfn] = collector.__dict__.get("seen", [])
    return found


def _walk_problems(m: Machine, tables: _Tables, walks: Walks) -> list[str]:
    problems = []
    counters = m.counters.copy()
    seen = walks(m, [pfn for pfn, ptes in tables.mapped.items() if ptes])
    m.counters[:] = counters
    for pfn, ptes in tables.mapped.items():
        if m.rmap.finds(m, pfn) and sorted(seen.get(pfn, [])) != sorted(ptes):
            problems.append(f"frame {pfn}: the walk finds PTEs {seen.get(pfn)}, mapped by {ptes}")
    return problems


def broken(m: Machine, policy: Any, walks: Walks = walked) -> list[str]:
    """Return what does not hold of a machine, its strategy and its policy; empty when all is well.

    Parameters
    ----------
    m : Machine
        A machine between kernels.
    policy : Policy
        Its policy.
    walks : callable
        How the frames are walked; tests that look at millions of machines have a compiled way.
    """
    tables = _Tables(m)
    flags = m.frame.reshape(-1, r.FRAME_WORDS)[: m.nr_frames, r.FRAME_FLAGS]
    owned = set(np.flatnonzero(flags & r.FRAME_OWNED).tolist())
    problems = [
        *_frame_problems(m, tables),
        *_page_problems(m, tables),
        *_space_problems(m, tables),
    ]
    problems += _walk_problems(m, tables, walks)
    for who, wrong in (("strategy", m.rmap.check(m)), ("policy", policy.check(m, owned))):
        problems += [f"{who}: {wrong}"] if wrong else []
    return problems
