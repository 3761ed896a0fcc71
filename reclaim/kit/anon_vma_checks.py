"""Do the groups of `kit.anon_vmas` and the trees of `kit.file_tree` say what the VMAs say?

Plain Python, for `check` methods: everything is counted again from the lists of VMAs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.kit import anon_vmas as a
from reclaim.kit.checks import living_vmas, tree_nodes, used_objects
from reclaim.kit.row_lists import row_list_nodes
from reclaim.rows import (
    FILE_R0,
    FILE_WORDS,
    NODE_HIGH,
    NODE_LOW,
    SPACE_R0,
    SPACE_WORDS,
    VMA_FILE,
    VMA_FLAGS,
    VMA_HAS_ANON,
    VMA_LAST,
    VMA_PGOFF,
    VMA_R0,
    VMA_SPACE,
    VMA_START,
    VMA_WORDS,
)
from reclaim.vm.machine import Machine
from reclaim.vm.vma import vma_get


def wrong_groups(m: Machine, groups: a.AnonVmas) -> list[str]:
    """Return how anon_vmas and AVCs differ from what the VMAs make of them; empty when they do not.

    Every AVC hangs in the chain of its VMA and in the index of its anon_vma, and no other is in
    use; children, active VMAs and references are as counted; VMAs of one anon_vma have equal chains
    (but by degree).
    """
    seen = _Groups(m, groups)
    return [*seen.wrong_chains(), *seen.wrong_anons()]


def wrong_file_trees(m: Machine) -> list[str]:
    """Return how the files' trees differ from the VMAs that map them; empty when they do not."""
    problems = []
    mapped: dict[int, list[int]] = defaultdict(list)
    for vma in living_vmas(m):
        mapped[int(vma_get(m, vma, VMA_FILE))].append(vma)
    for file in range(len(m.file) // FILE_WORDS):
        nodes, problem = tree_nodes(m.vma, int(m.file[file * FILE_WORDS + FILE_R0]))
        mapping = [(node - VMA_R0) // VMA_WORDS for node in nodes]
        if sorted(mapping) != sorted(mapped[file]):
            problem += f"VMAs {mapping} are in its tree"
        for node, vma in zip(nodes, mapping, strict=True):
            problem += _wrong_interval(m, m.vma, node, vma)
        problems += [f"file {file}: {problem}"] if problem else []
    return problems


def _wrong_interval(m: Machine, rows: I64, node: int, vma: int) -> str:
    first = vma_get(m, vma, VMA_PGOFF)
    last = first + vma_get(m, vma, VMA_LAST) - vma_get(m, vma, VMA_START)
    if (rows[node + NODE_LOW], rows[node + NODE_HIGH]) == (first, last):
        return ""
    return f"VMA {vma} covers {first} .. {last}, its node does not"


class _Groups:
    """The groups, and each VMA's chain of AVCs, newest first."""

    def __init__(self, m: Machine, groups: a.AnonVmas) -> None:
        self.m = m
        self.groups = groups
        self.avcs, self.anons = groups.avcs, groups.anons
        self.used_avcs, self.used_anons = used_objects(self.avcs), used_objects(self.anons)
        self.chains = {vma: self._chain_of(vma) for vma in living_vmas(m)}

    def _avc(self, avc: int, column: int) -> int:
        return int(self.avcs.rows[avc * self.avcs.width + column])

    def _anon(self, anon: int, column: int) -> int:
        return int(self.anons.rows[anon * self.anons.width + column])

    def _own(self, vma: int) -> int:
        return int(vma_get(self.m, vma, a.V_ANON))

    def _chain_of(self, vma: int) -> list[int]:
        chain: list[int] = []
        avc = int(vma_get(self.m, vma, a.V_NEWEST))
        while avc != NIL and avc not in chain:
            chain.append(avc)
            avc = self._avc(avc, a.A_OLDER)
        return chain

    def wrong_chains(self) -> Iterator[str]:
        per_space: Counter[int] = Counter()
        anons_of: dict[int, set[int]] = {}
        for vma, chain in self.chains.items():
            per_space[int(vma_get(self.m, vma, VMA_SPACE))] += len(chain)
            anons = {self._avc(avc, a.A_ANON) for avc in chain}
            if problem := self._wrong_chain(vma, chain, anons):
                yield f"VMA {vma}: its chain {chain} {problem}"
            others = anons_of.setdefault(self._own(vma), anons)
            if others != anons and self.groups.adopts != a.BY_DEGREE:
                yield f"VMA {vma}: others of its anon_vma have another chain than {sorted(anons)}"
        for space, nr in per_space.items():
            if (said := int(self.m.space[space * SPACE_WORDS + SPACE_R0])) != nr:
                yield f"space {space} has {nr} AVCs, it says {said}"
        if sorted(avc for chain in self.chains.values() for avc in chain) != sorted(self.used_avcs):
            yield f"the chains of VMAs are not the {len(self.used_avcs)} AVCs in use"

    def _wrong_chain(self, vma: int, chain: list[int], anons: set[int]) -> str:
        own = self._own(vma)
        if (own == NIL) != (not chain) or (chain and own not in anons):
            return f"has the anon_vmas {sorted(anons)}, its own is {own}"
        if not chain:
            has_anon = vma_get(self.m, vma, VMA_FLAGS) & VMA_HAS_ANON
            return "is empty, and it has anonymous pages" if has_anon else ""
        if any(self._avc(avc, a.A_VMA) != vma for avc in chain):
            return "has an AVC that names another VMA"
        if [self._avc(avc, a.A_NEWER) for avc in chain] != [NIL, *chain[:-1]]:
            return "is not linked back"
        if len(anons) != len(chain):
            return "has two links to one anon_vma"
        end = (vma_get(self.m, vma, a.V_NR), vma_get(self.m, vma, a.V_OLDEST))
        return "" if end == (len(chain), chain[-1]) else f"has length and end {end}, it says"

    def wrong_anons(self) -> Iterator[str]:
        indexed: list[int] = []
        filled = {anon for anon in self.used_anons if self._anon(anon, a.INDEX) != NIL}
        owners = Counter(self._own(vma) for vma in self.chains)
        below = Counter(self._anon(anon, a.PARENT) for anon in filled)
        family = Counter(self._anon(anon, a.ROOT) for anon in self.used_anons)
        for anon in self.used_anons:
            links, problem = self._links_of(anon)
            indexed += links
            root, parent = self._anon(anon, a.ROOT), self._anon(anon, a.PARENT)
            references = (anon in filled) + (family[anon] - 1 if root == anon else 0)
            counted = (below[anon], owners[anon], references)
            said = tuple(self._anon(anon, word) for word in (a.CHILDREN, a.ACTIVE, a.REFS))
            if counted != said:
                problem += f"children, active VMAs, references: {counted}, it says {said}"
            if not {root, parent} <= self.used_anons:
                problem += f"its root {root} or parent {parent} is gone"
            if problem:
                yield f"anon_vma {anon}: {problem}"
        if sorted(indexed) != sorted(self.used_avcs):
            yield f"the indices of anon_vmas are not the {len(self.used_avcs)} AVCs in use"

    def _links_of(self, anon: int) -> tuple[list[int], str]:
        rows, problem = self.avcs.rows, ""
        if self.groups.listed:
            nodes = row_list_nodes(rows, self.anons.rows, anon * self.anons.width + a.INDEX)
        else:
            nodes, problem = tree_nodes(rows, self._anon(anon, a.INDEX))
        links = [(node - a.A_NODE) // self.avcs.width for node in nodes]
        if any(self._avc(avc, a.A_ANON) != anon for avc in links):
            problem += "an AVC in its index names another"
        for node, avc in zip(nodes, links, strict=True):
            if not self.groups.listed:
                problem += _wrong_interval(self.m, rows, node, self._avc(avc, a.A_VMA))
        return links, problem
