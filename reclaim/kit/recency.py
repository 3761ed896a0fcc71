"""A stack of pages by last use, resident or not, some of them marked.

The bottom is the page not used for longest. Pages above the lowest marked one were used since that
one was; those below it say nothing and are pruned. Of a page that has left memory the name may
stay; names are known in the order in which the pages left, so that the oldest can be dropped. All
operations but pruning are O(1), and no page is pruned more often than it was pushed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim.ids import NIL
from reclaim.jit.handle import Handle
from reclaim.jit.kernel import kernel
from reclaim.kit.ghosts import (
    Ghosts,
    ghost_list,
    ghost_move_front,
    ghost_oldest,
    ghost_push_front,
    ghost_recall,
    ghost_remove,
    ghost_set_word,
    ghost_size,
    ghost_word,
    ghosts_on,
    wrong_ghosts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class RecencyStack(Handle):
    """A stack over the pages of a run, 64 bytes a page.

    Attributes
    ----------
    pages : Ghosts
        The stack, its top in front; a page's word is 1 if it is marked.
    names : Ghosts
        Those pages of the stack that are not resident, the one that left first at the back.
    """

    pages: Ghosts
    names: Ghosts

    @classmethod
    def new(cls, nr_pages: int) -> RecencyStack:
        """Make an empty stack."""
        return cls(pages=Ghosts.new(nr_pages, 1), names=Ghosts.new(nr_pages, 1))


@kernel
def stack_size(s: RecencyStack) -> int:
    """Return the number of pages on the stack."""
    return ghost_size(s.pages, 0)


@kernel
def stack_holds(s: RecencyStack, page: int) -> bool:
    """Tell whether a page is on the stack, resident or by name."""
    return ghost_list(s.pages, page) != NIL


@kernel
def stack_push(s: RecencyStack, page: int, marked: int) -> None:
    """Put a page that is not on the stack on top of it; `marked` 0 or 1."""
    ghost_push_front(s.pages, 0, page)
    ghost_set_word(s.pages, page, marked)


@kernel
def stack_drop(s: RecencyStack, page: int) -> None:
    """Take a page off the stack if it is on it."""
    if stack_holds(s, page):
        ghost_remove(s.pages, page)
        ghost_set_word(s.pages, page, 0)
        ghost_recall(s.names, page)


@kernel
def stack_prune(s: RecencyStack) -> None:
    """Take pages off the bottom until that one is marked."""
    page = ghost_oldest(s.pages, 0)
    while page != NIL and ghost_word(s.pages, page) == 0:
        stack_drop(s, page)
        page = ghost_oldest(s.pages, 0)


@kernel
def stack_touch(s: RecencyStack, page: int) -> None:
    """Move a marked page of the stack to its top; prunes."""
    ghost_move_front(s.pages, 0, page)
    stack_prune(s)


@kernel(cold=True)
def stack_take_marked(s: RecencyStack) -> int:
    """Take the lowest marked page off the stack, and all below the next; NIL: none is marked."""
    stack_prune(s)
    page = ghost_oldest(s.pages, 0)
    if page != NIL:
        stack_drop(s, page)
        stack_prune(s)
    return page


@kernel
def stack_leave(s: RecencyStack, page: int) -> None:
    """Note that a page is no longer resident: unmarked, and a name if it is on the stack."""
    if stack_holds(s, page) and ghost_list(s.names, page) == NIL:
        ghost_push_front(s.names, 0, page)
        ghost_set_word(s.pages, page, 0)


@kernel
def stack_drop_name(s: RecencyStack) -> None:
    """Drop the name of the page that left first, if there are names."""
    page = ghost_oldest(s.names, 0)
    if page != NIL:
        stack_drop(s, page)


def stacked(s: RecencyStack) -> list[int]:
    """Return the pages from top to bottom; plain Python, for checks and teaching."""
    return ghosts_on(s.pages, 0)


def wrong_stack(s: RecencyStack, resident: Iterable[int], nr_marked: int) -> str:
    """Return what is wrong with the stack of these pages, "" if nothing. Plain Python."""
    pages, names = stacked(s), set(ghosts_on(s.names, 0))
    marked = {page for page in pages if ghost_word(s.pages, page)}
    if set(pages) - set(resident) != names:
        return "the names are not those pages of the stack that have left"
    if len(marked) != nr_marked or not marked <= set(resident):
        return f"{len(marked)} pages are marked, some may have left, and {nr_marked} should be"
    if marked and pages[-1] not in marked:
        return "the stack is not pruned"
    return wrong_ghosts(s.pages) or wrong_ghosts(s.names)
