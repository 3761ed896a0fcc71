"""LIRS: what counts is the time between a page's last two uses, not the time since the last.

::

    stack S, by last use                      Q, resident HIR pages
    top    [ LIR ]                            end   [ HIR ] <-- fault, hit, LIR from S's bottom
           [ hir, gone ] [ HIR ] <-- now LIR  front [ HIR ] --> victim; its name stays in S
    bottom [ LIR ] ------ and this HIR

LIR pages have low inter-reference recency; the others, HIR, pass through 1 % of memory. A HIR page,
resident or not, used while in S was used twice while S's bottom was not used at all: they change
places. S is pruned so that its bottom is LIR; names of evicted pages live in it until then.

Cost: O(1) a hit and a fault, amortised; 64 bytes a page of the trace.

Source: S. Jiang, X. Zhang, "LIRS: an efficient low inter-reference recency set replacement policy
to improve buffer cache performance", SIGMETRICS 2002, section 3; HIR 1 %, two frames at least, and
S at most 2,000 times memory (over it the lowest name goes), as in the authors' simulator. Unsaid
there: if Q is empty, S's bottom gives way; MADV_COLD: off S, to Q's front; putback: LIR.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    NIL,
    UNLOCKED,
    Param,
    Policy,
    RecencyStack,
    U,
    cold,
    frame_of,
    hookimpl,
    page_of,
    sized_list,
    sized_move_front,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    stack_drop,
    stack_drop_name,
    stack_holds,
    stack_leave,
    stack_prune,
    stack_push,
    stack_size,
    stack_take_marked,
    stack_touch,
    wrong_sizes,
    wrong_stack,
)

Q, LIR = 0, 1


class Lirs(Policy):
    """Frames on Q or among the LIR, and the stack, on which LIR pages are marked."""

    name = "lirs"
    summary = "keeps pages whose last two uses were close together"
    source = "Jiang and Zhang, SIGMETRICS 2002, section 3"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2
    params = {
        "hir": Param(float, 0.01, low=0, high=1, text="part of memory for HIR pages"),
        "stack": Param(float, 2000.0, low=1, high=1e6, text="bound of S, as a multiple of memory"),
    }
    sizes: I64
    stack: RecencyStack
    most_lir: int
    most_in_stack: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, hir, stack):
        sizes, pages = np.zeros(2, dtype=np.int64), RecencyStack.new(nr_pages)
        most_lir = max(0, nr_frames - max(2, int(hir * nr_frames)))
        most = int(stack * nr_frames)
        return cls(sizes=sizes, stack=pages, most_lir=most_lir, most_in_stack=most)

    def demote(self, m):
        """Make the lowest LIR page HIR, at the end of Q."""
        sized_move_front(m, self.sizes, Q, frame_of(m, stack_take_marked(self.stack)))

    @cold
    def enter(self, m, pfn, page, warm):
        """Put a frame in its place at a use of its page; `warm` or on the stack: among the LIR."""
        if stack_holds(self.stack, page) or self.sizes[U(LIR)] < self.most_lir:
            warm = 1
        stack_drop(self.stack, page)
        stack_push(self.stack, page, warm)
        sized_push_front(m, self.sizes, LIR if warm else Q, pfn)
        if self.sizes[U(LIR)] > self.most_lir:
            self.demote(m)
        if stack_size(self.stack) > self.most_in_stack:
            stack_drop_name(self.stack)

    def fault_in(self, m, pfn, page, shadow):
        self.enter(m, pfn, page, 0)

    def accessed(self, m, pfn, page, how, nr):
        if sized_list(m, pfn) == LIR:
            stack_touch(self.stack, page)
        else:
            sized_remove(m, self.sizes, pfn)
            self.enter(m, pfn, page, 0)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            if self.sizes[U(Q)] == 0 and self.sizes[U(LIR)] > 0:
                self.demote(m)
            pfn = sized_take_back(m, self.sizes, Q)
            if pfn == NIL:
                break
            victims[U(nr)] = pfn
            nr += 1
        return nr

    def evicted(self, m, pfn):
        stack_leave(self.stack, page_of(m, pfn))
        return 0

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)
        stack_leave(self.stack, page_of(m, pfn))
        stack_prune(self.stack)

    def putback(self, m, pfn, why):
        self.enter(m, pfn, page_of(m, pfn), 0 if why == UNLOCKED else 1)

    def deactivated(self, m, pfn):
        stack_drop(self.stack, page_of(m, pfn))
        sized_remove(m, self.sizes, pfn)
        sized_push_back(m, self.sizes, Q, pfn)
        stack_prune(self.stack)

    def check(self, m, owned):
        resident = [page_of(m, pfn) for pfn in owned]
        wrong = wrong_stack(self.stack, resident, self.sizes[LIR])
        return wrong or wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Lirs)
