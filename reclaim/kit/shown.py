"""What a policy's kit structures hold, as lists of pages: plain Python, for teaching."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim.jit.handle import Handle
from reclaim.kit.ghosts import Ghosts, ghosts_on
from reclaim.kit.lists import frames_on
from reclaim.vm.frames import page_of

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


def shown_lists(
    state: Handle, m: Machine, names: tuple[str, ...], nr_lists: int
) -> dict[str, list[int]]:
    """Return the pages of a policy's kit lists and ghost lists, each from front to back.

    Parameters
    ----------
    state : Handle
        The policy.
    m : Machine
        Its machine.
    names : tuple of str
        Of the kit lists; numbers where there are none.
    nr_lists : int
        How many there are.
    """
    found = {}
    for k in range(nr_lists):
        name = names[k] if k < len(names) else f"list {k}"
        found[name] = [int(page_of(m, pfn)) for pfn in frames_on(m, m.nr_frames + k)]
    for field in state.field_kinds():
        ghosts = getattr(state, field)
        if isinstance(ghosts, Ghosts):
            for k in range(len(ghosts.size) - 1):
                found[f"{field} {k}"] = ghosts_on(ghosts, k)
    return found
