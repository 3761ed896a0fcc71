"""MyPolicy: in one sentence, who is evicted.

An essay comes first; this is what `reclaim plugins show my_policy` prints. Draw the idea::

    fault --> [ newest | ... | oldest ] --> used since it was last asked? another turn
                    ^                                   |
                    `-----------------------------------'    not used: the victim

As generated, a frame that was used gets another turn on the list, but at most `turns` times in a
row. Say what it costs: here nothing for a hit, a walk of the reverse map for each frame passed.

Source: where the idea is written down, paper and section. Deviations: what you changed, and what a
paper does not say: here a page that another process unmaps leaves the list, and a victim that could
not be evicted goes to the front, behind everybody else.
"""

from __future__ import annotations

from typing import ClassVar

# Everything of reclaim that a plugin may import comes from this one module.
from reclaim.api import (
    NIL,
    Param,
    Policy,
    hookimpl,
    list_at,
    list_remove,
    push_front,
    referenced,
    set_word,
    take_back,
    word,
    wrong_lists,
)


class MyPolicy(Policy):
    """One list of frames; the back is next."""

    name = "my_policy"  # what configurations and --policy say
    summary = "passes over used pages, a few times each"
    source = "where it was published"
    family = "other"  # the heading under which listings show it
    needs = frozenset({"young"})  # it asks whether a frame was used; empty if it never asks
    nr_lists = 1  # kit lists that it wants: list_at(m, 0)
    params: ClassVar[dict[str, Param]] = {
        "turns": Param(int, 3, low=0, high=100, text="turns that use can earn in a row")
    }

    # State is annotated. An int never changes; a number that does is an element of an array
    # (I64). `new` makes it; without one, as here, fields are the params of the same name.
    turns: int

    # What follows are kernels: compiled to machine code, so numbers and arrays only. They make no
    # lists or dicts and raise nothing. `m` is the machine; read it through functions of the api.

    def fault_in(self, m, pfn, page, shadow):
        # A page has come into frame `pfn`. Frames come and go, `page` is the same when it is back.
        push_front(m, list_at(m, 0), pfn)

    def select(self, m, nr_wanted, victims, page):
        # Somebody has to go. Take up to `nr_wanted` frames off your list and name them. Name only
        # what you hold, nothing twice; return how many. 0 says that there is nobody left.
        nr = 0
        while nr < nr_wanted:
            pfn = take_back(m, list_at(m, 0))
            if pfn == NIL:
                break
            # Each frame has two words for its policy. Word 0: turns it has had. They are zero
            # when a page comes in.
            had = word(m, pfn, 0)
            if referenced(m, pfn) > 0 and had < self.turns:
                set_word(m, pfn, 0, had + 1)
                push_front(m, list_at(m, 0), pfn)
            else:
                set_word(m, pfn, 0, 0)
                victims[nr] = pfn
                nr += 1
        return nr

    def removed(self, m, pfn, why):
        # A frame goes by no choice of yours: its process exits, or locks it. Forget it.
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        # You named it, but it is locked just now or swap is full: it is yours again. Offer others
        # first, or reclaim does not get on.
        set_word(m, pfn, 0, 0)
        push_front(m, list_at(m, 0), pfn)

    # The rest is ordinary Python.

    def check(self, m, owned):
        # `reclaim check` and --check ask this: what is wrong with your lists? "" if nothing.
        return wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(MyPolicy)
