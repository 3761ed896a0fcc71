"""What a young bit can tell: that a page was not used, was faulted in, or was used since.

The access that faults sets the PTE's young bit, and nobody can tell it from a later one. So the
first answer about a page says ONCE where a later one says AGAIN; a policy may spare a page for
ONCE, and should promote it for AGAIN only. Two young PTEs are two uses, even in a first answer.
Linux calls that use-once (mm/vmscan.c, `page_check_references`).

A use through a file descriptor leaves no young bit, but the kernel sees it, and that it was not the
fault; of a young file PTE that goes away it sees the bit. Both are kept here until asked for, in
the frame's policy word `USE_WORD`, zero in a frame that nobody watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim.jit.kernel import kernel
from reclaim.vm.evict import referenced
from reclaim.vm.frames import set_word, word
from reclaim.vm.tell import BY_FD, BY_ZAP

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

IDLE, ONCE, AGAIN = 0, 1, 2
USE_WORD = 0
NEW, FD_USE, ZAP_USE = 1, 2, 4


@kernel
def watch_new(m: Machine, pfn: int) -> None:
    """Begin to watch a page that has just been faulted in."""
    set_word(m, pfn, USE_WORD, NEW)


@kernel
def note_use(m: Machine, pfn: int, how: int) -> None:
    """Keep a use that no young bit will tell of; what `accessed` is for."""
    seen = word(m, pfn, USE_WORD)
    if how == BY_FD:
        set_word(m, pfn, USE_WORD, seen | FD_USE)
    elif how == BY_ZAP:
        set_word(m, pfn, USE_WORD, seen | ZAP_USE)


@kernel
def ask_use(m: Machine, pfn: int) -> int:
    """Ask the reverse map whether a page was used, and forget it: IDLE, ONCE or AGAIN."""
    seen = word(m, pfn, USE_WORD)
    set_word(m, pfn, USE_WORD, 0)
    uses = referenced(m, pfn) + (seen & FD_USE) + (seen & ZAP_USE) // ZAP_USE
    if uses > (seen & NEW):
        return AGAIN
    return ONCE if uses > 0 else IDLE
