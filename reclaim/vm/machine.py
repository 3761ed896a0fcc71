"""The machine: one handle over all arrays, and how they are made and grown.

Everything a kernel can reach hangs off `m`, one level deep. Directory nodes and leaves numbered 0
are all zero and never allocated, so that walking an unmapped address needs no branch: it ends at an
empty PTE of leaf 0.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

from reclaim import rows as r
from reclaim.counters import NR_PHASES, PHASE_WORDS
from reclaim.ids import LEAF_PTES, NIL
from reclaim.jit.handle import I32, I64, Handle
from reclaim.kit.rng import new_rng
from reclaim.vm.measure import BUCKETS, NR_SAMPLES

if TYPE_CHECKING:
    from reclaim.contract.rmap import RmapStrategy


class Machine(Handle):
    """The state of a machine; rows as `reclaim.rows` lays them out.

    Attributes
    ----------
    frame, page, leaf, space, vma, file : int64 arrays
        Rows of `*_WORDS` words. The policy's list sentinels are frame rows behind the last frame.
    pte : int64 array, nr_leaves * 512
        Page-table entries (`reclaim.vm.pte`).
    node : int32 array, nr_nodes * 512
        Directory nodes: the upper levels of page tables, and the page index of files.
    live : int64 array
        The scalars that kernels change.
    counters : int64 array
        A row per phase.
    free : int64 array, nr_frames
        Stack of free frames.
    victims : int64 array, 32
        What `select` names.
    removals : int64 array
        Pairs (pfn, why) that an event leaves for the policy.
    writeback : int64 array, 2 * nr_frames
        Ring of (pfn, end) of frames under writeback.
    work : int64 array
        Work of direct reclaims as a histogram (`reclaim.vm.measure.bucket_of`).
    samples : int64 array
        Histograms of walk lengths and of what faults did, then the largest value of each
        (`reclaim.vm.measure`).
    next_use : int64 array
        Per touch, the touch at which its page is touched next; empty without lookahead.
    page_of_touch : int64 array
        Per touch, its page; empty but when the trace is resolved.
    rng : int64 array, 1
        The machine's own random numbers (`reclaim.kit.rng`): when samples are taken.
    """

    frame: I64
    page: I64
    pte: I64
    leaf: I64
    node: I32
    space: I64
    vma: I64
    file: I64
    live: I64
    counters: I64
    free: I64
    victims: I64
    removals: I64
    writeback: I64
    work: I64
    samples: I64
    next_use: I64
    page_of_touch: I64
    rng: I64
    if TYPE_CHECKING:
        rmap: RmapStrategy
    else:
        rmap: Handle
    referencer: Handle
    unmapper: Handle
    looker: Handle
    nr_frames: int


HUGE_PAGE = 2 << 20


def _private_memory(size: int) -> mmap.mmap:
    """Return fresh memory, on huge pages where the system has them."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return mmap.mmap(-1, size)
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block.madvise(mmap.MADV_HUGEPAGE)
    return block


def aligned(words: int, dtype: type = np.int64, line: int = 64) -> Any:
    """Return a zeroed array that begins at a cache line, so that a row is one line.

    A large one lies on huge pages: a random row in it costs a TLB miss otherwise. It has a mapping
    of its own, since memory that the allocator hands out again may have been torn into small pages.
    Filled at once: the first touch of fresh memory belongs to no run.
    """
    size = np.dtype(dtype).itemsize
    if words * size < 2 * HUGE_PAGE:
        line_words = line // size
        raw: Any = np.empty(words + line_words, dtype=dtype)
        skip = (-raw.ctypes.data % line) // size
    else:
        block = _private_memory(words * size + HUGE_PAGE)
        raw = np.frombuffer(block, dtype=dtype, count=words + HUGE_PAGE // size)
        skip = (-raw.ctypes.data % HUGE_PAGE) // size
    array = raw[skip : skip + words]
    array.fill(0)
    return array


def _grown(array: Any, words: int) -> Any:
    bigger = aligned(words, array.dtype.type)
    bigger[: len(array)] = array
    return bigger


def new_machine(
    *,
    nr_frames: int,
    nr_lists: int,
    nr_pages: int,
    nr_spaces: int,
    file_kinds: list[int],
    rmap: RmapStrategy,
    referencer: Handle,
    unmapper: Handle,
    looker: Handle,
    seed: int = 0,
) -> Machine:
    """Make a machine with empty memory and no processes.

    Parameters
    ----------
    nr_frames : int
        Frames of memory.
    nr_lists : int
        List sentinels that the policy wants.
    nr_pages : int
        Page ids that the trace will give, as `resolve` found (grows if there are more).
    nr_spaces : int
        Address spaces that the trace will make.
    file_kinds : list of int
        `ids.FILE` or `ids.SHM` of each file of the trace.
    rmap, referencer, unmapper, looker : Handle
        The strategy and the three visitors.
    seed : int
        Of the machine's random numbers.
    """
    frame = aligned((nr_frames + nr_lists) * r.FRAME_WORDS)
    file = np.zeros(max(1, len(file_kinds)) * r.FILE_WORDS, dtype=np.int64)
    file.reshape(-1, r.FILE_WORDS)[:, r.FILE_R0 :] = NIL
    file.reshape(-1, r.FILE_WORDS)[: len(file_kinds), r.FILE_KIND] = file_kinds
    live = np.zeros(r.LIVE_WORDS, dtype=np.int64)
    live[[r.NR_FREE, r.LEAST_FREE]] = nr_frames
    live[[r.LEAF_TOP, r.NODE_TOP]] = 1
    live[[r.VMA_FREE, r.SLOTS_LIMIT]] = NIL
    live[[r.KSWAPD_DUE, r.AGE_DUE, r.SAMPLE_DUE, r.TICK, r.NEXT_USE]] = r.NEVER
    m = Machine(
        frame=frame,
        page=aligned((nr_pages + 2 * r.ROOM_FOR) * r.PAGE_WORDS),
        pte=aligned(16 * LEAF_PTES),
        leaf=np.zeros(16 * r.LEAF_WORDS, dtype=np.int64),
        node=aligned(16 * r.NODE_ENTRIES, np.int32),
        space=np.zeros(max(1, nr_spaces) * r.SPACE_WORDS, dtype=np.int64),
        vma=np.zeros(64 * r.VMA_WORDS, dtype=np.int64),
        file=file,
        live=live,
        counters=aligned(NR_PHASES * PHASE_WORDS),
        free=np.arange(nr_frames - 1, -1, -1, dtype=np.int64),
        victims=np.zeros(r.BATCH, dtype=np.int64),
        removals=np.zeros(64, dtype=np.int64),
        writeback=np.zeros(2 * nr_frames, dtype=np.int64),
        work=np.zeros(BUCKETS, dtype=np.int64),
        samples=np.zeros(NR_SAMPLES * (BUCKETS + 1), dtype=np.int64),
        next_use=np.zeros(0, dtype=np.int64),
        page_of_touch=np.zeros(0, dtype=np.int64),
        rng=new_rng(seed),
        rmap=rmap,
        referencer=referencer,
        unmapper=unmapper,
        looker=looker,
        nr_frames=nr_frames,
    )
    _clear_frames(m, 0, nr_frames)
    sentinels = frame.reshape(-1, r.FRAME_WORDS)[nr_frames:]
    sentinels[:, r.FRAME_NEXT] = sentinels[:, r.FRAME_PREV] = np.arange(
        nr_frames, nr_frames + nr_lists
    )
    sentinels[:, r.FRAME_PAGE] = NIL
    return m


def _clear_frames(m: Machine, first: int, last: int) -> None:
    rows = m.frame.reshape(-1, r.FRAME_WORDS)[first:last]
    rows[:, [r.FRAME_HEAD, r.FRAME_PAGE]] = NIL


def grow(m: Machine) -> None:
    """Make the room that a kernel asked for when it stopped with `GROW`."""
    live = m.live
    if (need := live[r.LEAF_TOP] + live[r.WANT_LEAVES]) * r.LEAF_WORDS > len(m.leaf):
        nr = max(int(need), 2 * len(m.leaf) // r.LEAF_WORDS)
        m.leaf = _grown(m.leaf, nr * r.LEAF_WORDS)
        m.pte = _grown(m.pte, nr * LEAF_PTES)
    if (need := live[r.NODE_TOP] + live[r.WANT_NODES]) * r.NODE_ENTRIES > len(m.node):
        m.node = _grown(m.node, max(int(need) * r.NODE_ENTRIES, 2 * len(m.node)))
    if (need := live[r.VMA_TOP] + live[r.WANT_VMAS]) * r.VMA_WORDS > len(m.vma):
        m.vma = _grown(m.vma, max(int(need) * r.VMA_WORDS, 2 * len(m.vma)))
    if (need := live[r.NR_PAGES] + live[r.WANT_PAGES]) * r.PAGE_WORDS > len(m.page):
        m.page = _grown(m.page, max(int(need) * r.PAGE_WORDS, 2 * len(m.page)))
    if live[r.WANT_REMOVALS] * 2 > len(m.removals):
        m.removals = np.zeros(max(int(live[r.WANT_REMOVALS]) * 2, 2 * len(m.removals)), np.int64)
    if live[r.PRESSURE] == r.INFINITE and live[r.WANT_FRAMES] > live[r.NR_FREE]:
        _add_frames(m, max(m.nr_frames, int(live[r.WANT_FRAMES])))
    if live[r.WANT_TOUCHES] and len(m.page_of_touch):
        need = live[r.TOUCH] + live[r.WANT_TOUCHES]
        if need > len(m.page_of_touch):
            m.page_of_touch = _grown(m.page_of_touch, max(int(need), 2 * len(m.page_of_touch)))


def _add_frames(m: Machine, nr: int) -> None:
    """Add frames to the infinite memory of `resolve` (whose policy has no lists)."""
    old = m.nr_frames
    nr_free = int(m.live[r.NR_FREE])
    m.frame = _grown(m.frame, (old + nr) * r.FRAME_WORDS)
    _clear_frames(m, old, old + nr)
    free = np.zeros(old + nr, dtype=np.int64)
    free[:nr] = np.arange(old + nr - 1, old - 1, -1)
    free[nr : nr + nr_free] = m.free[:nr_free]
    m.free = free
    m.nr_frames = old + nr
    m.live[r.NR_FREE] = nr_free + nr
    m.live[r.LEAST_FREE] += nr
