"""Lists of pages, resident or not: what a policy remembers of pages that have left their frames.

Keyed by page id, which outlives residency, so that a page is found again when it faults. A page is
on at most one list; front is where pages enter, back where the oldest leave. All operations are
O(1), each touching one 32-byte row of the page and those of its neighbours. A page whose memory was
unmapped is never asked for again: its ghost grows old and drops off like any other.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from reclaim.ids import NIL
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, kernel, prefetch

PREV, NEXT, LIST, WORD = range(4)
GHOST_WORDS = 4


class Ghosts(Handle):
    """Some lists over the pages of a run, and one word to remember of each page.

    Attributes
    ----------
    row : int64 array, (nr_pages + nr_lists) x 4 words
        Previous, next, list (NIL: on none), and the policy's word, of each page; behind the pages
        the lists' sentinels.
    size : int64 array, nr_lists + 1
        Pages on each list; last the number of pages that there are.
    """

    row: I64
    size: I64

    @classmethod
    def new(cls, nr_pages: int, nr_lists: int) -> Ghosts:
        """Make empty lists, 32 bytes a page."""
        row = np.zeros((nr_pages + nr_lists, GHOST_WORDS), dtype=np.int64)
        row[:, LIST] = NIL
        sentinels = np.arange(nr_pages, nr_pages + nr_lists)
        row[nr_pages:, PREV] = row[nr_pages:, NEXT] = sentinels
        size = np.zeros(nr_lists + 1, dtype=np.int64)
        size[-1] = nr_pages
        return cls(row=row.reshape(-1), size=size)


@kernel
def ghost_list(g: Ghosts, page: int) -> int:
    """Return the list that a page is on, NIL for none."""
    return g.row[U(page * GHOST_WORDS + LIST)]


@kernel
def ghost_size(g: Ghosts, k: int) -> int:
    """Return the number of pages on list `k`."""
    return g.size[U(k)]


@kernel
def ghost_word(g: Ghosts, page: int) -> int:
    """Return the policy's word of a page; zero until it is set, kept when the page changes list."""
    return g.row[U(page * GHOST_WORDS + WORD)]


@kernel
def ghost_set_word(g: Ghosts, page: int, value: int) -> None:
    """Set the policy's word of a page."""
    g.row[U(page * GHOST_WORDS + WORD)] = value


@kernel
def ghost_push_front(g: Ghosts, k: int, page: int) -> None:
    """Put a page that is on no list at the front of list `k`."""
    at = g.size[U(len(g.size) - 1)] + k
    following = g.row[U(at * GHOST_WORDS + NEXT)]
    g.row[U(page * GHOST_WORDS + PREV)] = at
    g.row[U(page * GHOST_WORDS + NEXT)] = following
    g.row[U(page * GHOST_WORDS + LIST)] = k
    g.row[U(at * GHOST_WORDS + NEXT)] = page
    g.row[U(following * GHOST_WORDS + PREV)] = page
    g.size[U(k)] += 1


@kernel
def ghost_remove(g: Ghosts, page: int) -> None:
    """Take a page off the list it is on."""
    previous = g.row[U(page * GHOST_WORDS + PREV)]
    following = g.row[U(page * GHOST_WORDS + NEXT)]
    g.row[U(previous * GHOST_WORDS + NEXT)] = following
    g.row[U(following * GHOST_WORDS + PREV)] = previous
    g.size[U(g.row[U(page * GHOST_WORDS + LIST)])] -= 1
    g.row[U(page * GHOST_WORDS + LIST)] = NIL


@kernel
def ghost_move_front(g: Ghosts, k: int, page: int) -> None:
    """Move a page of list `k` to its front."""
    at = g.size[U(len(g.size) - 1)] + k
    if g.row[U(at * GHOST_WORDS + NEXT)] != page:
        ghost_remove(g, page)
        ghost_push_front(g, k, page)


@kernel
def ghost_oldest(g: Ghosts, k: int) -> int:
    """Return the page at the back of list `k`, NIL when it is empty."""
    at = g.size[U(len(g.size) - 1)] + k
    page = g.row[U(at * GHOST_WORDS + PREV)]
    return NIL if page == at else page


@kernel
def ghost_take_oldest(g: Ghosts, k: int) -> int:
    """Take the page at the back of list `k` off it; NIL when it is empty."""
    page = ghost_oldest(g, k)
    if page != NIL:
        ghost_remove(g, page)
        prefetch(g.row, ghost_oldest(g, k) * GHOST_WORDS)
    return page


@kernel
def ghost_forget_oldest(g: Ghosts, k: int) -> None:
    """Take the page at the back of list `k` off it, if there is one, and clear its word."""
    page = ghost_take_oldest(g, k)
    if page != NIL:
        ghost_set_word(g, page, 0)


@kernel
def ghost_remember(g: Ghosts, k: int, page: int, value: int, limit: int) -> None:
    """Put a page that is on no list on list `k`, with `value`; over the limit the oldest goes."""
    ghost_push_front(g, k, page)
    ghost_set_word(g, page, value)
    if g.size[U(k)] > limit:
        ghost_forget_oldest(g, k)


@kernel
def ghost_recall(g: Ghosts, page: int) -> None:
    """Take a page off its list if it is on one: nobody can push it out. Its word stays."""
    if ghost_list(g, page) != NIL:
        ghost_remove(g, page)


@kernel
def ghost_claim(g: Ghosts, page: int) -> int:
    """Return what is remembered of a page, 0 for nothing, and forget it."""
    ghost_recall(g, page)
    value = ghost_word(g, page)
    ghost_set_word(g, page, 0)
    return value


def ghosts_on(g: Ghosts, k: int) -> list[int]:
    """Return the pages of a list from front to back; plain Python, for checks and teaching."""
    at = int(g.size[-1]) + k
    pages: list[int] = []
    page = int(g.row[at * GHOST_WORDS + NEXT])
    while page != at and len(pages) <= g.size[-1]:
        pages.append(page)
        page = int(g.row[page * GHOST_WORDS + NEXT])
    return pages


def wrong_ghosts(g: Ghosts, off: Iterable[int] = ()) -> str:
    """Return what is wrong with the lists, "" if nothing; `off`: pages that must be on none."""
    row = g.row.reshape(-1, GHOST_WORDS)
    for k in range(len(g.size) - 1):
        pages = ghosts_on(g, k)
        if len(pages) != g.size[k]:
            return f"ghost list {k} holds {len(pages)} pages and says {g.size[k]}"
        if np.any(row[pages, LIST] != k):
            return f"a page of ghost list {k} says that it is on another"
    if any(row[page, LIST] != NIL for page in off):
        return "a page is on a ghost list that must not be"
    on_lists = int((row[: g.size[-1], LIST] != NIL).sum())
    if on_lists != g.size[:-1].sum():
        return f"{on_lists} pages say that they are on a ghost list, {g.size[:-1].sum()} are"
    return ""
