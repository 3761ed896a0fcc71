"""A binary heap of frames by key, largest on top, that finds a frame's place again.

`keys` and `place` are indexed by frame, `heap` by place; ties go to the smaller second key. Push,
update, remove: O(log n).
"""

from __future__ import annotations

import numpy as np

from reclaim.ids import NIL
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, kernel


class Heap(Handle):
    """A heap over at most `nr_frames` frames.

    Attributes
    ----------
    heap : int64 array
        Frame at each place; the last word is the number of frames.
    place : int64 array
        Place of each frame, NIL when it is not in the heap.
    keys, ties : int64 array
        Key of each frame, and what decides between equal keys.
    """

    heap: I64
    place: I64
    keys: I64
    ties: I64

    @classmethod
    def new(cls, nr_frames: int) -> Heap:
        """Make an empty heap."""
        zeros = [np.zeros(nr_frames + 1, dtype=np.int64) for _ in range(3)]
        return cls(
            heap=zeros[0],
            place=np.full(nr_frames + 1, NIL, dtype=np.int64),
            keys=zeros[1],
            ties=zeros[2],
        )


@kernel
def heap_size(h: Heap) -> int:
    """Return the number of frames in a heap."""
    return h.heap[U(len(h.heap) - 1)]


@kernel
def _above(h: Heap, a: int, b: int) -> bool:
    """Tell whether frame `a` belongs above frame `b`."""
    if h.keys[U(a)] != h.keys[U(b)]:
        return bool(h.keys[U(a)] > h.keys[U(b)])
    return bool(h.ties[U(a)] < h.ties[U(b)])


@kernel
def _put(h: Heap, at: int, pfn: int) -> None:
    h.heap[U(at)] = pfn
    h.place[U(pfn)] = at


@kernel(cold=True)
def _settle(h: Heap, at: int, pfn: int) -> None:
    """Find the place of a frame, starting from a hole at `at`."""
    while at > 0 and _above(h, pfn, h.heap[U((at - 1) >> 1)]):
        _put(h, at, h.heap[U((at - 1) >> 1)])
        at = (at - 1) >> 1
    size = heap_size(h)
    child = 2 * at + 1
    while child < size:
        if child + 1 < size and _above(h, h.heap[U(child + 1)], h.heap[U(child)]):
            child += 1
        if not _above(h, h.heap[U(child)], pfn):
            break
        _put(h, at, h.heap[U(child)])
        at = child
        child = 2 * at + 1
    _put(h, at, pfn)


@kernel
def heap_push(h: Heap, pfn: int, key: int, tie: int) -> None:
    """Add a frame that is not in the heap."""
    size = heap_size(h)
    h.heap[U(len(h.heap) - 1)] = size + 1
    h.keys[U(pfn)] = key
    h.ties[U(pfn)] = tie
    _settle(h, size, pfn)


@kernel
def heap_update(h: Heap, pfn: int, key: int) -> None:
    """Change the key of a frame in the heap."""
    h.keys[U(pfn)] = key
    _settle(h, h.place[U(pfn)], pfn)


@kernel
def heap_holds(h: Heap, pfn: int) -> bool:
    """Tell whether a frame is in the heap."""
    return h.place[U(pfn)] != NIL


@kernel
def heap_key(h: Heap, pfn: int) -> int:
    """Return the key that a frame has, or had when it was last in the heap."""
    return h.keys[U(pfn)]


@kernel
def heap_top(h: Heap) -> int:
    """Return the frame with the largest key, NIL when empty."""
    return h.heap[U(0)] if heap_size(h) > 0 else NIL


@kernel(cold=True)
def heap_remove(h: Heap, pfn: int) -> None:
    """Take a frame out of the heap."""
    size = heap_size(h) - 1
    h.heap[U(len(h.heap) - 1)] = size
    at = h.place[U(pfn)]
    h.place[U(pfn)] = NIL
    if at != size:
        _settle(h, at, h.heap[U(size)])
