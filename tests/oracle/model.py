"""The things of the oracle machine: pages, page-table entries, mappings, address spaces.

Everything is an object with the fields that the reference page names; nothing is packed or indexed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tests.oracle.steps import Prot

LEAF_PTES = 512


class Kind(Enum):
    """What backs a page."""

    ANON = "anon"
    FILE = "file"
    SHM = "shm"


@dataclass(eq=False)
class Page:
    """A backing identity. `rmap`: where it is mapped, as {(space id, vpn)}."""

    id: int
    kind: Kind
    file: int | None = None
    offset: int = 0
    sharers: int = 0
    nr_swapped: int = 0
    dirty: bool = False
    has_slot: bool = False
    has_frame: bool = False
    evicted_at: int | None = None
    under_writeback: bool = False
    abandoned: bool = False  # evicted, but its frame waits for the end of writeback
    dead: bool = False
    rmap: set[tuple[int, int]] = field(default_factory=set)
    locked_by: set[tuple[int, int]] = field(default_factory=set)


@dataclass(eq=False)
class Pte:
    """A page-table entry that is not empty: present, or swapped."""

    page: Page
    present: bool
    prot: Prot
    young: bool = False
    dirty: bool = False


@dataclass(eq=False)
class Vma:
    """A mapping of pages [start, end)."""

    start: int
    end: int
    prot: Prot
    shared: bool
    file: int | None
    is_shm: bool
    pgoff: int
    locked: bool = False
    has_anon: bool = False

    def __contains__(self, vpn: int) -> bool:
        return self.start <= vpn < self.end

    def copy(self, start: int, end: int) -> Vma:
        """Return the part [start, end) as a mapping of its own."""
        return Vma(
            start,
            end,
            self.prot,
            self.shared,
            self.file,
            self.is_shm,
            self.pgoff + start - self.start,
            self.locked,
            self.has_anon,
        )

    def continues(self, left: Vma) -> bool:
        """Whether this mapping can become one with the one that ends where it starts."""
        return left.end == self.start and (
            left.prot == self.prot
            and left.shared == self.shared
            and left.file == self.file
            and left.is_shm == self.is_shm
            and (self.file is None or left.has_anon == self.has_anon)
            and left.locked == self.locked
            and left.pgoff + (left.end - left.start) == self.pgoff
        )


class Space:
    """An address space: mappings, page table, leaves in use."""

    def __init__(self, number: int) -> None:
        self.id = number
        self.vmas: list[Vma] = []
        self.table: dict[int, Pte] = {}
        self.leaves: set[int] = set()

    def set(self, vpn: int, pte: Pte) -> None:
        """Write an entry; its leaf exists from now on."""
        self.table[vpn] = pte
        self.leaves.add(vpn // LEAF_PTES)

    def vma_at(self, vpn: int) -> Vma | None:
        """Return the mapping that holds a page, if any."""
        for vma in self.vmas:
            if vpn in vma:
                return vma
        return None

    def entries(self, start: int, end: int) -> list[tuple[int, Pte]]:
        """Return the entries of a range in address order."""
        return sorted((vpn, pte) for vpn, pte in self.table.items() if start <= vpn < end)

    def insert(self, vma: Vma) -> None:
        """Add a mapping; the caller has made room for it."""
        self.vmas.append(vma)
        self.vmas.sort(key=lambda one: one.start)

    def split(self, start: int, end: int) -> list[Vma]:
        """Split at the borders of a range; return the mappings inside, in address order."""
        for border in (start, end):
            vma = self.vma_at(border)
            if vma is not None and vma.start < border:
                self.vmas.remove(vma)
                self.insert(vma.copy(vma.start, border))
                self.insert(vma.copy(border, vma.end))
        return [vma for vma in self.vmas if start <= vma.start and vma.end <= end]

    def merge(self, start: int, end: int) -> None:
        """Merge what can be merged at each border of mappings from start to end, left to right."""
        i = 0
        while i + 1 < len(self.vmas):
            left, right = self.vmas[i], self.vmas[i + 1]
            if start <= right.start <= end and right.continues(left):
                both = left.copy(left.start, left.end)
                both.end = right.end
                both.has_anon = left.has_anon or right.has_anon
                self.vmas[i : i + 2] = [both]
            else:
                i += 1
