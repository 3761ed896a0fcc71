"""anon_vmas and their links under fork and exit, in a page of Python that shares no code.

Written from the description of Linux 6.x's mm/rmap.c (anon_vma_fork, anon_vma_clone,
unlink_anon_vmas), one VMA a process. It exists to derive the numbers that tests expect.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Group:
    """An anon_vma: who may map its pages, its parent, and how many depend on it."""

    parent: Group | None
    members: set[str] = field(default_factory=set)
    children: int = 0
    active: int = 0


class Family:
    """Processes with one VMA each; `adopts` says whether abandoned groups are used again."""

    def __init__(self, first: str, *, adopts: bool = True) -> None:
        root = Group(None, {first}, children=1, active=1)
        self.adopts = adopts
        self.chain = {first: [root]}
        self.own = {first: root}
        self.groups = 1
        self.links = 1
        self.links_made = 1
        self.groups_made = 1

    def fork(self, parent: str, child: str) -> None:
        chain = list(self.chain[parent])
        own = None
        for group in chain:
            group.members.add(child)
            if self.adopts and own is None and group.children < 2 and group.active == 0:
                own = group
        if own is None:
            above = self.own[parent]
            own = Group(above, {child})
            above.children += 1
            chain.append(own)
            self.groups += 1
            self.groups_made += 1
        own.active += 1
        self.own[child] = own
        self.chain[child] = chain
        self.links += len(chain)
        self.links_made += len(chain)

    def exit(self, process: str) -> None:
        chain = self.chain.pop(process)
        self.links -= len(chain)
        for group in reversed(chain):
            group.members.remove(process)
            if not group.members:
                self.groups -= 1
                if group.parent is not None:
                    group.parent.children -= 1
        self.own.pop(process).active -= 1
