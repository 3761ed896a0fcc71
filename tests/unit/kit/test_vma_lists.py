"""Are the lists of VMAs, of files and of anon_vmas, in the order that a Python list would have?

Random families fork, exit, split and merge. The twin keeps (process, first page) and inserts where
the kernel of each list inserts: a file's list before the parent's VMA, an anon_vma's at one end.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from reclaim import rows as r
from reclaim.kit.row_lists import row_list_nodes
from reclaim.kit.vma_lists import I_MMAP, I_MMAP_SHARED
from reclaim.vm.machine import Machine
from tests.laboratory import rmap, watch

Item = tuple[int, int]
NR_PAGES, CUT = 6, 2  # each VMA, and where it is split


def items(m: Machine, nodes: list[int]) -> list[Item]:
    """Return (space, first page) of nodes that lie in VMA rows."""
    vmas = [node // r.VMA_WORDS * r.VMA_WORDS for node in nodes]
    return [(int(m.vma[v + r.VMA_SPACE]), int(m.vma[v + r.VMA_START])) for v in vmas]


def on_file(m: Machine) -> list[Item]:
    """Return both lists of the one file, private mappings first."""
    heads = (r.FILE_R0 + I_MMAP, r.FILE_R0 + I_MMAP_SHARED)
    return [item for head in heads for item in items(m, row_list_nodes(m.vma, m.file, head))]


def on_anon_vma(m: Machine) -> list[Item]:
    """Return the list of the one anon_vma, once there is one."""
    anons = m.rmap.lists.anons
    return items(m, row_list_nodes(m.vma, anons.rows, 0)) if anons.live else []


class Twin:
    """A list, and the script that makes it so. `put` says where a fork's VMA goes."""

    def __init__(self, first: str, put: Callable[[list[Item], Item, Item], None]) -> None:
        self.script = [first]
        self.put = put
        self.order: list[Item] = [(0, 0)]
        self.states = [list(self.order)]
        self.born = 1

    def say(self, line: str) -> None:
        self.script.append(line)
        self.states.append(list(self.order))

    def fork(self, parent: int) -> None:
        for start in (0, CUT):
            if (parent, start) in self.order:
                self.put(self.order, (self.born, start), (parent, start))
        self.say(f"fork s{parent} s{self.born}")
        self.born += 1

    def exit(self, process: int) -> None:
        self.order = [item for item in self.order if item[0] != process]
        self.say(f"exit s{process}")

    def toggle(self, process: int, at_end: Callable[[list[Item], Item], None]) -> None:
        """Split a VMA, or merge the two parts."""
        upper = (process, CUT)
        if upper in self.order:
            self.order.remove(upper)
            self.say(f"mprotect s{process} {CUT} {NR_PAGES - CUT} rw-")
        else:
            at_end(self.order, upper)
            self.say(f"mprotect s{process} {CUT} {NR_PAGES - CUT} r--")


def before_parent(order: list[Item], item: Item, parent: Item) -> None:
    order.insert(order.index(parent), item)


def in_front(order: list[Item], item: Item, _parent: Item = (0, 0)) -> None:
    order.insert(0, item)


def behind_all(order: list[Item], item: Item, _parent: Item = (0, 0)) -> None:
    order.append(item)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["private", "shared", "newest_first", "oldest_first"])
def test_order_under_fork_exit_split_merge(kind: str, seed: int) -> None:
    if kind in ("private", "shared"):
        strategy, read = rmap("objrmap_list"), on_file
        twin = Twin(f"mmap s0 0 {NR_PAGES} file:lib {kind} rw-", before_parent)
        at_end = behind_all
    else:
        strategy, read = rmap("anon_vma", order=kind), on_anon_vma
        at_end = in_front if kind == "newest_first" else behind_all
        twin = Twin(f"mmap s0 0 {NR_PAGES} anon private rw-\nwrite s0 0", at_end)
        twin.states[0] = []  # the write comes after the first event, and is none itself
    rng = random.Random(seed)
    for _ in range(60):
        alive = sorted({process for process, _ in twin.order})
        which = rng.choice(alive)
        what = rng.choice(["fork", "fork", "exit", "toggle", "toggle"])
        if what == "fork":
            twin.fork(which)
        elif what == "toggle":
            twin.toggle(which, at_end)
        elif len(alive) > 1:
            twin.exit(which)
    seen: list[list[Item]] = []
    watch("\n".join(twin.script), strategy, lambda m, _verb: seen.append(read(m)))
    assert seen == twin.states
    assert max(map(len, seen)) > 6
