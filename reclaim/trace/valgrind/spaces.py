"""What is mapped in an address space as far as the log told, and the pages it did not tell of.

Touches outside known mappings belong to what valgrind does not print: the executed image, ld.so,
the stack, valgrind's own pages. They become implicit private mappings made when the image starts.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from reclaim import ids

# Bridging small gaps makes one mapping of a stack or image whose pages were touched here and there.
GAP_PAGES = 64

Pages = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Area:
    """A known mapping: pages [start, end), protection, file (-1: anonymous) and page offset."""

    start: int
    end: int
    prot: int
    file: int
    offset: int

    def part(self, start: int, end: int) -> Area:
        """Return the part inside [start, end)."""
        low, high = max(start, self.start), min(end, self.end)
        offset = self.offset + (low - self.start if self.file >= 0 else 0)
        return Area(low, high, self.prot, self.file, offset)


@dataclass(eq=False)
class Image:
    """What one exec started, and every process forked from it: where implicit mappings are made.

    Parameters
    ----------
    slot : int
        Index into the list of events at which its implicit mappings go.
    space, position : int
        The space it starts in, and the rows before it starts.
    """

    slot: int
    space: int
    position: int
    pages: Pages = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, pages: Pages) -> None:
        """Note pages touched outside known mappings."""
        self.pages = np.union1d(self.pages, pages)

    def ranges(self) -> list[tuple[int, int]]:
        """Return the noted pages as ranges (start, npages)."""
        return page_ranges(self.pages, GAP_PAGES)


def page_ranges(pages: Pages, gap: int = 0) -> list[tuple[int, int]]:
    """Return sorted pages as ranges (start, npages), bridging up to `gap` missing pages."""
    if not len(pages):
        return []
    breaks = np.flatnonzero(np.diff(pages) > gap + 1)
    starts = pages[np.concatenate(([0], breaks + 1))]
    ends = pages[np.concatenate((breaks, [len(pages) - 1]))] + 1
    return [(int(s), int(e - s)) for s, e in zip(starts, ends, strict=True)]


class Space:
    """Known mappings of one address space.

    Parameters
    ----------
    number : int
        Its id.
    image : Image
        What runs in it.
    """

    def __init__(self, number: int, image: Image) -> None:
        self.number = number
        self.image = image
        self.brk = 0
        self._areas: list[Area] = []
        self._starts: list[int] = []
        # Unmapped since the image started: an implicit mapping would be gone there.
        self._gone: list[tuple[int, int]] = []
        self._arrays: tuple[Pages, Pages, Pages] | None = None

    def fork(self, number: int) -> Space:
        """Return the child's copy."""
        child = Space(number, self.image)
        child.brk = self.brk
        child._areas, child._starts = self._areas[:], self._starts[:]
        child._gone = self._gone[:]
        return child

    def map(self, area: Area) -> None:
        """Map, in place of what was there."""
        self._cut(area.start, area.end)
        at = bisect.bisect_left(self._starts, area.start)
        self._areas.insert(at, area)
        self._starts.insert(at, area.start)

    def unmap(self, start: int, end: int) -> None:
        """Unmap what is mapped in [start, end)."""
        self._cut(start, end)
        self._gone.append((start, end))

    def protect(self, start: int, end: int, prot: int) -> None:
        """Change the protection of what is mapped in [start, end); the shared flag stays."""
        for area in self.parts(start, end):
            shared = area.prot & ids.MAP_SHARED
            self.map(Area(area.start, area.end, prot | shared, area.file, area.offset))

    def move(self, start: int, end: int, new: int) -> None:
        """Move what is mapped in [start, end) to `new`."""
        parts = self.parts(start, end)
        self.unmap(start, end)
        self._cut(new, new + end - start)
        for area in parts:
            shift = new - start
            self.map(Area(area.start + shift, area.end + shift, area.prot, area.file, area.offset))

    def parts(self, start: int, end: int) -> list[Area]:
        """Return the known mappings within [start, end), cut to it."""
        at = max(bisect.bisect_right(self._starts, start) - 1, 0)
        found = []
        for area in self._areas[at:]:
            if area.start >= end:
                break
            if area.end > start:
                found.append(area.part(start, end))
        return found

    def _cut(self, start: int, end: int) -> None:
        """Forget what is known of [start, end)."""
        self._arrays = None
        pieces = self.parts(start, end)
        if not pieces:
            return
        first = max(bisect.bisect_right(self._starts, start) - 1, 0)
        while self._areas[first].end <= start:
            first += 1
        last = first + len(pieces)
        left, right = self._areas[first], self._areas[last - 1]
        kept = []
        if left.start < start:
            kept.append(left.part(left.start, start))
        if right.end > end:
            kept.append(right.part(end, right.end))
        self._areas[first:last] = kept
        self._starts[first:last] = [area.start for area in kept]

    def look_up(self, vpn: Pages) -> tuple[npt.NDArray[np.bool_], Pages]:
        """Return for each page whether it is in a known mapping, and that mapping's protection."""
        if self._arrays is None:
            self._arrays = (
                np.array([area.start for area in self._areas], np.int64),
                np.array([area.end for area in self._areas], np.int64),
                np.array([area.prot for area in self._areas], np.int64),
            )
        starts, ends, prots = self._arrays
        if not len(starts):
            return np.zeros(len(vpn), np.bool_), np.zeros(len(vpn), np.int64)
        at = np.searchsorted(starts, vpn, side="right") - 1
        at_or_first = np.maximum(at, 0)
        return (at >= 0) & (vpn < ends[at_or_first]), prots[at_or_first]

    def were_unmapped(self, pages: Pages) -> npt.NDArray[np.bool_]:
        """Return for each page whether something was unmapped there since the image started."""
        gone = np.zeros(len(pages), np.bool_)
        for start, end in self._gone:
            gone |= (pages >= start) & (pages < end)
        return gone
