"""What is possible: CLOCK and LRU as one hand-inlined loop each, with the engine's memory layout.

The same rows (a cache line for a frame, one for a page), the same four-level tables, look-ahead and
prefetches, one list through the frame rows; but no contract, no phases, no events, no counters
beyond what the result needs. An engine cannot be faster than this without a better idea, and the
better idea would then be used here as well.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from benchmarks.workload import Workload
from reclaim.vm import machine

NIL = -1
LEAF_PTES = 512
ROW = 8  # words of a frame row and of a page row: one cache line
HEAD, PAGE, MAPCOUNT, FLAGS, NEXT, PREV = range(6)  # of a frame row
FRAME, BACKING, INDEX, SHARERS, SLOT, SWAPPED, SHADOW, EVICTED_AT = range(8)  # of a page row
PRESENT, YOUNG, DIRTY, HELD = 1, 2, 4, 8  # PTE bits; HELD: names a page, not a frame
VALUE = 8  # shift of a PTE's frame or page
FAR, NEAR, RING = 48, 24, 64  # look-ahead in accesses; RING is a power of two above FAR

OPTIONS: dict[str, Any] = {"_nrt": False, "error_model": "numpy", "boundscheck": False}


@intrinsic
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of `array[index]`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        address = builder.gep(data, [args[1]])
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [builder.bitcast(address, byte), flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, types.uint64), codegen


@dataclass
class State:
    """The arrays of one loop; rows are aligned to cache lines."""

    pte: npt.NDArray[np.int64]
    root: npt.NDArray[np.int64]  # directory node of each address space
    node: npt.NDArray[np.int32]  # directory nodes of 512 entries: three levels above the leaves
    frame: npt.NDArray[np.int64]
    page: npt.NDArray[np.int64]
    out: npt.NDArray[np.int64]  # five results, and from word 8 the ring of PTE indices


def aligned(nr_rows: int) -> npt.NDArray[np.int64]:
    return machine.aligned(nr_rows * ROW)  # on huge pages, as the engine's


def directories(nr_spaces: int, leaves: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return the root node of each space, and the nodes that lead to its leaves."""
    lowest = -(-leaves // LEAF_PTES)
    per_space = 2 + lowest  # the root, one node below it, and those that name leaves
    assert lowest <= LEAF_PTES, "more pages than one middle node reaches"
    node = np.zeros((nr_spaces * per_space, LEAF_PTES), np.int32)
    root = np.arange(nr_spaces, dtype=np.int64) * per_space
    for space, first in enumerate(root):
        node[first, 0] = first + 1
        node[first + 1, :lowest] = first + 2 + np.arange(lowest)
        names = node[first + 2 : first + per_space].reshape(-1)
        names[:leaves] = space * leaves + np.arange(leaves)
    return root, node.reshape(-1)


def fresh(work: Workload, nr_frames: int) -> State:
    leaves = -(-work.pages_per_space // LEAF_PTES)
    root, node = directories(work.nr_spaces, leaves)
    state = State(
        machine.aligned(work.nr_spaces * leaves * LEAF_PTES),
        root,
        node,
        aligned(nr_frames + 1),
        aligned(work.nr_pages),
        np.zeros(8 + RING, np.int64),
    )
    state.frame[nr_frames * ROW + NEXT] = state.frame[nr_frames * ROW + PREV] = nr_frames
    return state


@njit(**OPTIONS, forceinline=True)
def find_pte(root, node, space, vpn):  # type: ignore[no-untyped-def]
    at = root[np.uint64(space)]
    at = node[np.uint64(at * LEAF_PTES + (vpn >> 27))]
    at = node[np.uint64(at * LEAF_PTES + (vpn >> 18 & 511))]
    leaf = node[np.uint64(at * LEAF_PTES + (vpn >> 9 & 511))]
    return leaf * LEAF_PTES + (vpn & 511)


@njit(**OPTIONS)
def bare(asid, vpn, op, pte, root, node, out):  # type: ignore[no-untyped-def]
    """Touch one PTE for each access, through directory and table; nothing else."""
    for i in range(vpn.size):
        at = np.uint64(find_pte(root, node, asid[i], vpn[i]))
        pte[at] |= YOUNG | (op[i] * DIRTY)


@njit(**OPTIONS, forceinline=True)
def unlink(frame, pfn):  # type: ignore[no-untyped-def]
    before, after = frame[np.uint64(pfn * ROW + PREV)], frame[np.uint64(pfn * ROW + NEXT)]
    frame[np.uint64(before * ROW + NEXT)] = after
    frame[np.uint64(after * ROW + PREV)] = before


@njit(**OPTIONS, forceinline=True)
def push_front(frame, ends, pfn):  # type: ignore[no-untyped-def]
    first = frame[np.uint64(ends * ROW + NEXT)]
    frame[np.uint64(pfn * ROW + PREV)] = ends
    frame[np.uint64(pfn * ROW + NEXT)] = first
    frame[np.uint64(first * ROW + PREV)] = pfn
    frame[np.uint64(ends * ROW + NEXT)] = pfn


def loop(clock: bool) -> Any:
    """Return the compiled loop of CLOCK, or of LRU."""

    @njit(**OPTIONS)
    def run(asid, vpn, op, pte, root, node, frame, page, out):  # type: ignore[no-untyped-def]
        ring = out[8:]
        ends = frame.size // ROW - 1
        nr_used, nr_pages, nr_evicted = 0, 0, 0
        misses, scanned, refaults, distance, writebacks = 0, 0, 0, 0, 0
        nr = vpn.size
        for i in range(-FAR, nr):
            ahead = i + FAR
            if ahead < nr:
                at = find_pte(root, node, asid[ahead], vpn[ahead])
                ring[np.uint64(ahead & (RING - 1))] = at
                prefetch(pte, np.uint64(at))
            near = i + NEAR
            if near >= 0 and near < nr:
                entry = pte[np.uint64(ring[np.uint64(near & (RING - 1))])]
                if entry & PRESENT:
                    if not clock:
                        prefetch(frame, np.uint64((entry >> VALUE) * ROW))
                else:
                    # What is empty now will be the next new page, more or less.
                    number = entry >> VALUE if entry & HELD else nr_pages
                    prefetch(page, np.uint64(number * ROW))
            if i < 0:
                continue
            at = ring[np.uint64(i & (RING - 1))]
            entry = pte[np.uint64(at)]
            bits = YOUNG | (op[i] * DIRTY)
            if entry & PRESENT:
                if entry & bits != bits:
                    pte[np.uint64(at)] = entry | bits
                if not clock:
                    pfn = entry >> VALUE
                    if frame[np.uint64(ends * ROW + NEXT)] != pfn:
                        unlink(frame, pfn)
                        push_front(frame, ends, pfn)
                continue
            misses += 1
            if nr_used < ends:
                pfn = nr_used
                nr_used += 1
            else:
                while True:
                    pfn = frame[np.uint64(ends * ROW + PREV)]
                    behind = frame[np.uint64(pfn * ROW + PREV)]
                    frame[np.uint64(ends * ROW + PREV)] = behind
                    frame[np.uint64(behind * ROW + NEXT)] = ends
                    second = frame[np.uint64(behind * ROW + PREV)]
                    prefetch(frame, np.uint64(frame[np.uint64(second * ROW + PREV)] * ROW))
                    prefetch(page, np.uint64(frame[np.uint64(second * ROW + PAGE)] * ROW))
                    prefetch(pte, np.uint64(frame[np.uint64(second * ROW + HEAD)]))
                    scanned += 1
                    mapped = frame[np.uint64(pfn * ROW + HEAD)]
                    victim = pte[np.uint64(mapped)]
                    if not clock or not victim & YOUNG:
                        break
                    pte[np.uint64(mapped)] = victim & ~YOUNG
                    push_front(frame, ends, pfn)
                gone = frame[np.uint64(pfn * ROW + PAGE)]
                pte[np.uint64(mapped)] = (gone << VALUE) | HELD
                if (victim & DIRTY) | (frame[np.uint64(pfn * ROW + FLAGS)] & 1):
                    writebacks += 1
                nr_evicted += 1
                page[np.uint64(gone * ROW + SLOT)] = 1
                page[np.uint64(gone * ROW + SWAPPED)] = 1
                page[np.uint64(gone * ROW + FRAME)] = NIL
                page[np.uint64(gone * ROW + EVICTED_AT)] = nr_evicted
            if entry & HELD:
                number = entry >> VALUE
                refaults += 1
                distance += nr_evicted - page[np.uint64(number * ROW + EVICTED_AT)]
                page[np.uint64(number * ROW + SWAPPED)] = 0
                flags = 0
            else:
                number = nr_pages
                nr_pages += 1
                page[np.uint64(number * ROW + SHARERS)] = 1
                flags = 1
            page[np.uint64(number * ROW + FRAME)] = pfn
            frame[np.uint64(pfn * ROW + HEAD)] = at
            frame[np.uint64(pfn * ROW + PAGE)] = number
            frame[np.uint64(pfn * ROW + MAPCOUNT)] = 1
            frame[np.uint64(pfn * ROW + FLAGS)] = flags
            push_front(frame, ends, pfn)
            pte[np.uint64(at)] = (pfn << VALUE) | PRESENT | bits
        out[0], out[1], out[2], out[3], out[4] = misses, scanned, refaults, distance, writebacks

    return run


LOOPS = {"clock": loop(clock=True), "lru": loop(clock=False)}


def time_bare(work: Workload) -> float:
    """Return the seconds of the bare loop."""
    state = fresh(work, 1)
    columns = (work.asid, work.vpn, work.op)
    args = (state.pte, state.root, state.node, state.out)
    bare(*(column[:1] for column in columns), *args)
    started = time.perf_counter()
    bare(*columns, *args)
    return time.perf_counter() - started


def time_loop(policy: str, work: Workload, nr_frames: int) -> tuple[float, int]:
    """Return the seconds and the misses of a hand-inlined loop."""
    state = fresh(work, nr_frames)
    tables = (state.pte, state.root, state.node, state.frame, state.page, state.out)
    columns = (work.asid, work.vpn, work.op)
    LOOPS[policy](*(column[:0] for column in columns), *tables)
    started = time.perf_counter()
    LOOPS[policy](*columns, *tables)
    return time.perf_counter() - started, int(state.out[0])
