"""Frames and pages: accessors for everybody, and the few kernels that change their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.ids import ANON, FILE, NIL
from reclaim.jit.kernel import U, kernel
from reclaim.vm.tables import index_get, index_set, new_node

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


# ---- what anybody may ask ----------------------------------------------------------------------


@kernel
def page_of(m: Machine, pfn: int) -> int:
    """Return the page a frame holds, NIL when it is free."""
    return m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_PAGE)]


@kernel
def mapcount(m: Machine, pfn: int) -> int:
    """Return the number of PTEs that map a frame."""
    return m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_MAPCOUNT)]


@kernel
def frame_flag(m: Machine, pfn: int, flag: int) -> bool:
    """Tell whether any of the given `FRAME_*` flags is set."""
    return (m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_FLAGS)] & flag) != 0


@kernel
def is_locked(m: Machine, pfn: int) -> bool:
    """Tell whether a LOCKED VMA maps the frame."""
    return m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_FLAGS)] >= r.FRAME_LOCK


@kernel
def frame_of(m: Machine, page: int) -> int:
    """Return the frame that holds a page, NIL when it is not resident."""
    return m.page[U(page * r.PAGE_WORDS + r.PAGE_FRAME)]


@kernel
def kind_of(m: Machine, page: int) -> int:
    """Return a page's kind: ANON, FILE or SHM."""
    return m.page[U(page * r.PAGE_WORDS + r.PAGE_BACKING)] & 3


@kernel
def file_of(m: Machine, page: int) -> int:
    """Return the file or shm object that backs a page; meaningless for ANON."""
    return m.page[U(page * r.PAGE_WORDS + r.PAGE_BACKING)] >> 2


@kernel
def index_of(m: Machine, page: int) -> int:
    """Return a page's offset in its file; for an anonymous page its linear page index."""
    return m.page[U(page * r.PAGE_WORDS + r.PAGE_INDEX)]


@kernel
def sharers(m: Machine, page: int) -> int:
    """Return how many PTEs hold an anonymous page, present or swapped."""
    return m.page[U(page * r.PAGE_WORDS + r.PAGE_SHARERS)]


@kernel
def head_of(m: Machine, pfn: int) -> int:
    """Return the strategy's word of a frame; NIL for a frame it has not seen."""
    return m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_HEAD)]


@kernel
def set_head(m: Machine, pfn: int, value: int) -> None:
    """Set the strategy's word of a frame."""
    m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_HEAD)] = value


@kernel
def word(m: Machine, pfn: int, k: int) -> int:
    """Return a frame's policy word, `k` 0 or 1; zero when the frame is new."""
    return m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_W0 + k)]


@kernel
def set_word(m: Machine, pfn: int, k: int, value: int) -> None:
    """Set a frame's policy word, `k` 0 or 1."""
    m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_W0 + k)] = value


@kernel
def now(m: Machine) -> int:
    """Return the time in accesses, repeats included."""
    return m.live[U(r.NOW)]


@kernel
def next_use(m: Machine) -> int:
    """Return when the page now handed to the policy is touched next (need `lookahead`).

    The unit is touches; `rows.NEVER` when it is not touched again. Valid in `accessed` and
    `fault_in`.
    """
    return m.live[U(r.NEXT_USE)]


@kernel
def next_use_after(m: Machine, use: int) -> int:
    """Return when a page is touched next, given what `next_use` once said of it.

    A locked page is touched without the policy hearing of it; this catches up.
    """
    while use < m.live[U(r.TOUCH)]:
        use = m.next_use[U(use)]
    return use


# ---- the vm's own ------------------------------------------------------------------------------


@kernel
def set_flag(m: Machine, pfn: int, flag: int) -> None:
    """Set a `FRAME_*` flag."""
    m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_FLAGS)] |= flag


@kernel
def clear_flag(m: Machine, pfn: int, flag: int) -> None:
    """Clear a `FRAME_*` flag."""
    m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_FLAGS)] &= ~flag


@kernel
def add_locks(m: Machine, pfn: int, n: int) -> int:
    """Change the number of LOCKED mappings of a frame; returns the new number."""
    m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_FLAGS)] += n * r.FRAME_LOCK
    return m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_FLAGS)] >> 8


@kernel
def install(m: Machine, pfn: int, page: int, flags: int) -> None:
    """Put a page into a frame taken off the free stack."""
    row = pfn * r.FRAME_WORDS
    m.frame[U(row + r.FRAME_HEAD)] = NIL
    m.frame[U(row + r.FRAME_PAGE)] = page
    m.frame[U(row + r.FRAME_MAPCOUNT)] = 0
    m.frame[U(row + r.FRAME_FLAGS)] = flags
    m.frame[U(row + r.FRAME_W0)] = 0
    m.frame[U(row + r.FRAME_W1)] = 0
    m.page[U(page * r.PAGE_WORDS + r.PAGE_FRAME)] = pfn


@kernel
def take_free(m: Machine) -> int:
    """Take a free frame; there is one."""
    nr = m.live[U(r.NR_FREE)] - 1
    m.live[U(r.NR_FREE)] = nr
    if nr < m.live[U(r.LEAST_FREE)]:
        m.live[U(r.LEAST_FREE)] = nr
    return m.free[U(nr)]


@kernel
def free_frame(m: Machine, pfn: int) -> None:
    """Take a frame from its page and give it back. Nothing maps it, the policy knows."""
    row = pfn * r.FRAME_WORDS
    m.page[U(m.frame[U(row + r.FRAME_PAGE)] * r.PAGE_WORDS + r.PAGE_FRAME)] = NIL
    m.frame[U(row + r.FRAME_PAGE)] = NIL
    m.frame[U(row + r.FRAME_FLAGS)] = 0
    m.free[U(m.live[U(r.NR_FREE)])] = pfn
    m.live[U(r.NR_FREE)] += 1


@kernel
def new_page(m: Machine, kind: int, file: int, index: int) -> int:
    """Give the next page id to a backing seen for the first time."""
    page = m.live[U(r.NR_PAGES)]
    m.live[U(r.NR_PAGES)] = page + 1
    row = page * r.PAGE_WORDS
    m.page[U(row + r.PAGE_FRAME)] = NIL
    m.page[U(row + r.PAGE_BACKING)] = kind | file << 2
    m.page[U(row + r.PAGE_INDEX)] = index
    m.live[U(r.NR_LIVE_PAGES)] += 1
    return page


@kernel(cold=True)
def file_page(m: Machine, file: int, offset: int) -> int:
    """Return the page id at an offset of a file, NIL if it was never touched."""
    root = m.file[U(file * r.FILE_WORDS + r.FILE_ROOT)]
    return index_get(m, root, offset) - 1 if root != 0 else NIL


@kernel(cold=True)
def new_file_page(m: Machine, file: int, offset: int) -> int:
    """Give a page id to an offset of a file."""
    row = file * r.FILE_WORDS
    page = new_page(m, m.file[U(row + r.FILE_KIND)], file, offset)
    if m.file[U(row + r.FILE_ROOT)] == 0:
        m.file[U(row + r.FILE_ROOT)] = new_node(m)
    index_set(m, m.file[U(row + r.FILE_ROOT)], offset, page + 1)
    m.file[U(row + r.FILE_NR_PAGES)] += 1
    if m.file[U(row + r.FILE_END)] <= offset:
        m.file[U(row + r.FILE_END)] = offset + 1
    return page


@kernel(cold=True)
def forget_page(m: Machine, page: int) -> None:
    """A page's life ends: its slot and shadow go. Its frame, if any, is freed by who knows it."""
    row = page * r.PAGE_WORDS
    if m.page[U(row + r.PAGE_SLOT)] != 0:
        m.page[U(row + r.PAGE_SLOT)] = 0
        m.live[U(r.SLOTS_USED)] -= 1
    m.page[U(row + r.PAGE_SHADOW)] = 0
    m.page[U(row + r.PAGE_EVICTED_AT)] = 0
    m.live[U(r.NR_LIVE_PAGES)] -= 1


@kernel
def has_slot(m: Machine, page: int) -> bool:
    """Tell whether a page owns a swap slot."""
    return m.page[U(page * r.PAGE_WORDS + r.PAGE_SLOT)] != 0


@kernel
def dirtied(m: Machine, page: int, n: int) -> None:
    """A resident page gets `n` first dirty PTEs: its slot is stale, and freed if no PTE names it.

    Without a branch, since reads and writes come in no order; `n` is 0 or 1.
    """
    row = page * r.PAGE_WORDS
    freed = n * m.page[U(row + r.PAGE_SLOT)] * int(m.page[U(row + r.PAGE_SWAPPED)] == 0)
    m.page[U(row + r.PAGE_SLOT)] -= freed
    m.live[U(r.SLOTS_USED)] -= freed


@kernel
def swap_backed(m: Machine, page: int) -> bool:
    """Tell whether a page's backing is swap (ANON, SHM) and not a file."""
    return kind_of(m, page) != FILE


@kernel
def is_anon(m: Machine, page: int) -> bool:
    """Tell whether a page is anonymous."""
    return kind_of(m, page) == ANON
