"""Lists of frames that know how long they are, and which list a frame is on.

The lists of `reclaim.kit.lists`, with a count for each (an array of the policy's) and the number of
a frame's list in its policy word `LIST_WORD`; word 0 stays the policy's own. A frame that was never
on a list has `LIST_WORD` 0, so numbers are kept one higher there; one that was taken off has the
negative, since who gets a frame back wants to know where it was. All O(1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel
from reclaim.kit.lists import (
    frames_on,
    list_at,
    list_remove,
    move_to_front,
    push_back,
    push_front,
    take_back,
    wrong_lists,
)
from reclaim.vm.frames import set_word, word

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

LIST_WORD = 1


@kernel
def sized_list(m: Machine, pfn: int) -> int:
    """Return which list a frame is on, NIL for none."""
    return max(word(m, pfn, LIST_WORD), 0) - 1


@kernel
def sized_last(m: Machine, pfn: int) -> int:
    """Return which list a frame that is on none was last on."""
    return -word(m, pfn, LIST_WORD) - 1


@kernel
def sized_push_front(m: Machine, sizes: I64, k: int, pfn: int) -> None:
    """Put a frame that is on no list at the front of list `k`."""
    push_front(m, list_at(m, k), pfn)
    set_word(m, pfn, LIST_WORD, k + 1)
    sizes[U(k)] += 1


@kernel
def sized_push_back(m: Machine, sizes: I64, k: int, pfn: int) -> None:
    """Put a frame that is on no list at the back of list `k`: the next victim."""
    push_back(m, list_at(m, k), pfn)
    set_word(m, pfn, LIST_WORD, k + 1)
    sizes[U(k)] += 1


@kernel
def sized_take_back(m: Machine, sizes: I64, k: int) -> int:
    """Take the frame at the back of list `k` off it, counted as scanned; NIL if it is empty."""
    pfn = take_back(m, list_at(m, k))
    if pfn != NIL:
        set_word(m, pfn, LIST_WORD, -k - 1)
        sizes[U(k)] -= 1
    return pfn


@kernel
def sized_take_victims(m: Machine, sizes: I64, nr_wanted: int, victims: I64) -> int:
    """Take up to `nr_wanted` frames off the backs of the lists, list 0 first; returns how many."""
    nr = k = 0
    while nr < nr_wanted and k < len(sizes):
        pfn = sized_take_back(m, sizes, k)
        if pfn == NIL:
            k += 1
        else:
            victims[U(nr)] = pfn
            nr += 1
    return nr


@kernel
def sized_remove(m: Machine, sizes: I64, pfn: int) -> None:
    """Take a frame off the list it is on."""
    k = sized_list(m, pfn)
    list_remove(m, pfn)
    sizes[U(k)] -= 1
    set_word(m, pfn, LIST_WORD, -k - 1)


@kernel
def sized_move_front(m: Machine, sizes: I64, k: int, pfn: int) -> None:
    """Move a frame from the list it is on, maybe the same, to the front of list `k`."""
    was = sized_list(m, pfn)
    if was == k:
        move_to_front(m, list_at(m, k), pfn)
    else:
        list_remove(m, pfn)
        sizes[U(was)] -= 1
        sized_push_front(m, sizes, k, pfn)


@kernel
def sized_move_back(m: Machine, sizes: I64, pfn: int) -> None:
    """Move a frame to the back of the list it is on: the next victim."""
    k = sized_list(m, pfn)
    sized_remove(m, sizes, pfn)
    sized_push_back(m, sizes, k, pfn)


def wrong_sizes(m: Machine, sizes: I64, owned: set[int]) -> str:
    """Return how the lists differ from the frames owned and from their counts, "" if not."""
    for k, size in enumerate(sizes):
        frames = frames_on(m, m.nr_frames + k)
        if len(frames) != size:
            return f"list {k} holds {len(frames)} frames and counts {size}"
        if any(sized_list(m, pfn) != k for pfn in frames):
            return f"a frame of list {k} says that it is on another"
    return wrong_lists(m, len(sizes), owned)
