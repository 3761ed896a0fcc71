"""What is possible: CLOCK and LRU as one hand-inlined loop each, with the engine's memory layout.

The same rows (a cache line for a frame, one for a page), the same table walk, look-ahead and
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

NIL = -1
LEAF_PTES, LEAF_BITS = 512, 9
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
    directory: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int64]
    page: npt.NDArray[np.int64]
    out: npt.NDArray[np.int64]  # five results, and from word 8 the ring of PTE indices


def aligned(nr_rows: int) -> npt.NDArray[np.int64]:
    # Written once, so that the loop does not pay for the first touch of fresh memory.
    raw = np.full(nr_rows * ROW + ROW, 0, np.int64)
    skip = (-raw.ctypes.data // 8) % ROW
    return raw[skip : skip + nr_rows * ROW]


def fresh(work: Workload, nr_frames: int) -> State:
    leaves = -(-work.pages_per_space // LEAF_PTES)
    directory = np.arange(work.nr_spaces * leaves, dtype=np.int64)
    state = State(
        np.full(len(directory) * LEAF_PTES, 0, np.int64),
        directory,
        aligned(nr_frames + 1),
        aligned(work.nr_pages),
        np.zeros(8 + RING, np.int64),
    )
    state.frame[nr_frames * ROW + NEXT] = state.frame[nr_frames * ROW + PREV] = nr_frames
    return state


@njit(**OPTIONS)
def bare(asid, vpn, op, leaves, pte, directory, out):  # type: ignore[no-untyped-def]
    """Touch one PTE for each access, through directory and table; nothing else."""
    for i in range(vpn.size):
        leaf = directory[np.uint64(asid[i] * leaves + (vpn[i] >> LEAF_BITS))]
        at = np.uint64(leaf * LEAF_PTES + (vpn[i] & (LEAF_PTES - 1)))
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
    def run(asid, vpn, op, leaves, pte, directory, frame, page, out):  # type: ignore[no-untyped-def]
        ring = out[8:]
        ends = frame.size // ROW - 1
        nr_used, nr_pages, nr_evicted = 0, 0, 0
        misses, scanned, refaults, distance, writebacks = 0, 0, 0, 0, 0
        nr = vpn.size
        for i in range(-FAR, nr):
            ahead = i + FAR
            if ahead < nr:
                leaf = directory[np.uint64(asid[ahead] * leaves + (vpn[ahead] >> LEAF_BITS))]
                at = leaf * LEAF_PTES + (vpn[ahead] & (LEAF_PTES - 1))
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
                    prefetch(frame, np.uint64(frame[np.uint64(behind * ROW + PREV)] * ROW))
                    prefetch(page, np.uint64(frame[np.uint64(behind * ROW + PAGE)] * ROW))
                    prefetch(pte, np.uint64(frame[np.uint64(behind * ROW + HEAD)]))
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
    leaves = len(state.directory) // work.nr_spaces
    columns = (work.asid, work.vpn, work.op)
    args = (leaves, state.pte, state.directory, state.out)
    bare(*(column[:1] for column in columns), *args)
    started = time.perf_counter()
    bare(*columns, *args)
    return time.perf_counter() - started


def time_loop(policy: str, work: Workload, nr_frames: int) -> tuple[float, int]:
    """Return the seconds and the misses of a hand-inlined loop."""
    state = fresh(work, nr_frames)
    leaves = len(state.directory) // work.nr_spaces
    tables = (leaves, state.pte, state.directory, state.frame, state.page, state.out)
    columns = (work.asid, work.vpn, work.op)
    LOOPS[policy](*(column[:0] for column in columns), *tables)
    started = time.perf_counter()
    LOOPS[policy](*columns, *tables)
    return time.perf_counter() - started, int(state.out[0])
