"""anon_vmas and AVCs by every rule the kernel has had, in dicts and lists that share no code.

Written from the descriptions of Linux 2.6.39 and later (anon_vma_prepare, anon_vma_clone,
anon_vma_fork, unlink_anon_vmas) and of the three rules of reuse. Processes have one mapping, all of
whose pages were written at once; it may be split and merged by protection. Who maps a page, and in
which anon_vma it hangs, is kept too, so that the visits of a walk can be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count


@dataclass(eq=False)
class Group:
    """An anon_vma: its links in the order in which they came, and what the rules count."""

    parent: Group | None
    children: int = 0
    links: list[Area] = field(default_factory=list)


@dataclass(eq=False)
class Area:
    """A VMA: pages first .. last, its anon_vma, its chain, oldest first."""

    first: int
    last: int
    readonly: bool = False
    own: Group | None = None
    chain: list[Group] = field(default_factory=list)
    moment: int = 0  # when it was last put into trees


@dataclass(eq=False)
class Page:
    """An anonymous page."""

    group: Group
    holders: set[str]


class History:
    """Processes, their VMAs and pages.

    Parameters
    ----------
    index : str
        "list" or "tree".
    reuse : str
        "none", "degree" or "counters".
    """

    def __init__(self, index: str, reuse: str, first: str, nr_pages: int) -> None:
        self.index, self.reuse = index, reuse
        self.clock = count(1)
        self.active: dict[Group, int] = {}
        self.links_made = self.groups_made = 0
        area = Area(0, nr_pages - 1)
        area.own = self._new_group(None)
        self._link(area, area.own)
        self.areas = {first: [area]}
        self.pages = {first: {p: Page(area.own, {first}) for p in range(nr_pages)}}
        self.guarded: set[tuple[str, int]] = set()  # entries that fork has write-protected

    # ---- what is counted --------------------------------------------------------------------

    def counts(self) -> tuple[int, int]:
        """Return live anon_vmas and AVCs."""
        chains = [area.chain for areas in self.areas.values() for area in areas]
        groups = {id(group) for chain in chains for group in chain}
        return len(groups), sum(map(len, chains))

    def visits(self, process: str, number: int) -> int:
        """Return the VMAs that a walk of a page meets until it has found all who hold it."""
        page = self.pages[process][number]
        area_of = {id(area): name for name, areas in self.areas.items() for area in areas}
        met = page.group.links
        if self.index == "tree":
            met = [area for area in met if area.first <= number <= area.last]
            met = sorted(met, key=lambda area: (area.first, area.moment))
        left, nr = len(page.holders), 0
        for area in met:
            if left == 0:
                break
            nr += 1
            covers = area.first <= number <= area.last
            left -= covers and area_of[id(area)] in page.holders
        assert left == 0, "a walk misses somebody"
        return nr

    def ambiguous(self) -> bool:
        """Tell whether two VMAs have one anon_vma and unequal chains."""
        areas = [area for areas in self.areas.values() for area in areas]
        return any(a.own is b.own and a.chain != b.chain for a in areas for b in areas)

    # ---- what happens -----------------------------------------------------------------------

    def _new_group(self, parent: Group | None) -> Group:
        group = Group(parent, children=int(parent is None))  # a root is its own child
        self.active[group] = 1
        self.groups_made += 1
        if parent is not None:
            parent.children += 1
        return group

    def _link(self, area: Area, group: Group) -> None:
        area.chain.append(group)
        group.links.append(area)
        area.moment = next(self.clock)
        self.links_made += 1

    def _abandoned(self, group: Group, above: Group) -> bool:
        children, active = group.children, self.active[group]
        return {
            "none": False,
            "degree": group is not above and children + active < 2,
            "counters": children < 2 and active == 0,
        }[self.reuse]

    def fork(self, parent: str, child: str) -> None:
        self.areas[child] = []
        for source in self.areas[parent]:
            area = Area(source.first, source.last, source.readonly)
            assert source.own is not None
            adopted = [g for g in source.chain if self._abandoned(g, source.own)]
            for group in source.chain:
                self._link(area, group)
            if adopted:
                area.own = adopted[0]
                self.active[area.own] += 1
            else:
                area.own = self._new_group(source.own)
                self._link(area, area.own)
            self.areas[child].append(area)
        self.pages[child] = dict(self.pages[parent])
        for number, page in self.pages[child].items():
            page.holders.add(child)
            self.guarded |= {(parent, number), (child, number)}

    def _unlink(self, area: Area) -> None:
        for group in reversed(area.chain):
            group.links.remove(area)
            if not group.links and group.parent is not None:
                group.parent.children -= 1
        assert area.own is not None
        self.active[area.own] -= 1

    def exit(self, process: str) -> None:
        for page in self.pages.pop(process).values():
            page.holders.remove(process)
        for area in self.areas.pop(process):
            self._unlink(area)

    def write(self, process: str, number: int) -> None:
        """Write to a page: a copy if others hold it; else, if fork write-protected it, reuse."""
        area = next(a for a in self.areas[process] if a.first <= number <= a.last)
        assert area.own is not None
        page = self.pages[process][number]
        if len(page.holders) > 1:
            page.holders.remove(process)
            self.pages[process][number] = Page(area.own, {process})
        elif (process, number) in self.guarded:
            page.group = area.own
        self.guarded.discard((process, number))

    def protect(self, process: str, number: int, *, readonly: bool) -> None:
        """Change one page's protection: cut its VMA, then merge what is alike."""
        for at in (number, number + 1):
            self._split(process, at)
        area = next(a for a in self.areas[process] if a.first == number)
        area.readonly = readonly
        if len(self.pages[process][number].holders) == 1:
            self.guarded.discard((process, number))
        areas = self.areas[process]
        at = max(0, areas.index(area) - 1)
        while at + 1 < len(areas) and areas[at].first <= number:
            left, right = areas[at], areas[at + 1]
            alike = left.readonly == right.readonly and left.chain == right.chain
            if alike and left.own is right.own:
                self._unlink(right)
                areas.remove(right)
                left.last = right.last
                left.moment = next(self.clock)
            else:
                at += 1

    def _split(self, process: str, at: int) -> None:
        areas = self.areas[process]
        for area in areas:
            if area.first < at <= area.last:
                upper = Area(at, area.last, area.readonly, area.own)
                area.last = at - 1
                area.moment = next(self.clock)
                for group in area.chain:
                    self._link(upper, group)
                assert area.own is not None
                self.active[area.own] += 1
                areas.insert(areas.index(area) + 1, upper)
                return
