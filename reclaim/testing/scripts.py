"""Random event scripts: legal events over several processes and files, as text.

The writer keeps a small picture of what is mapped where, only so that accesses are legal. What
decides is a chooser: `RandomChooser(seed)`, or `DrawChooser(draw)` inside a hypothesis composite,
so that hypothesis can shrink a script.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

AREAS = ((0, 40), (500, 524), (0x100000, 0x100010))
"""Page ranges that are used: small, so that events meet; one that crosses a leaf, one far away."""

WEIGHTS = {
    "access": 40,
    "mmap": 6,
    "munmap": 2,
    "mremap": 2,
    "mprotect": 3,
    "madvise": 3,
    "mlock": 2,
    "munlock": 2,
    "fork": 3,
    "exec": 1,
    "exit": 1,
    "fdread": 3,
    "fdwrite": 2,
    "evict": 3,
    "referenced": 2,
    "truncate": 1,
    "mark": 1,
}
"""How often each verb is tried, of the sum."""


class Chooser(Protocol):
    """What makes the decisions."""

    def integer(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""


class RandomChooser:
    """Decisions by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a script by its seed, no secret

    def integer(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""
        return self.random.randint(low, high)


class DrawChooser:
    """Decisions by hypothesis: give it the `draw` of a composite strategy."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""
        from hypothesis import strategies

        return int(self.draw(strategies.integers(low, high)))


@dataclass(frozen=True)
class Mapped:
    """What a page of an address space is mapped to."""

    flags: str
    locked: bool = False

    def verbs(self) -> list[str]:
        """Accesses that are allowed."""
        named = zip("rwx", ("read", "write", "exec_page"), strict=True)
        return [verb for flag, verb in named if flag in self.flags]


class ScriptWriter:
    """Writes one script.

    Parameters
    ----------
    chooser : Chooser
        Decides.
    verbs : sequence of str
        Verbs to use (keys of WEIGHTS); `mmap` and `access` belong to every useful set.
    max_spaces : int
        Address spaces alive at one time.
    max_locked : int
        Pages locked at one time; a run needs a few more frames than that.
    sharing_shm_privately : bool
        Whether private mappings of shm objects occur.
    """

    def __init__(
        self,
        chooser: Chooser,
        *,
        verbs: Sequence[str] = tuple(WEIGHTS),
        max_spaces: int = 4,
        max_locked: int = 6,
        sharing_shm_privately: bool = False,
    ) -> None:
        self.chooser = chooser
        self.verbs = [verb for verb in verbs for _ in range(WEIGHTS[verb])]
        self.max_spaces = max_spaces
        self.max_locked = max_locked
        self.sharing_shm_privately = sharing_shm_privately
        self.spaces: dict[str, dict[int, Mapped]] = {}
        self.files: set[str] = set()
        self.nr_marks = 0
        self.lines: list[str] = []

    def pick(self, among: Sequence[T]) -> T:
        """Choose one."""
        return among[self.chooser.integer(0, len(among) - 1)]

    def one_in(self, many: int) -> bool:
        """Say yes once in so many times."""
        return self.chooser.integer(1, many) == 1

    def range(self) -> tuple[int, int]:
        """A start and a number of pages in one area."""
        low, high = self.pick(AREAS)
        start = self.chooser.integer(low, high - 1)
        return start, self.chooser.integer(1, min(12, high - start))

    def space(self) -> str:
        """Choose an address space."""
        return self.pick(sorted(self.spaces))

    def touched_range(self, space: str) -> tuple[int, int]:
        """A range that begins in something mapped, if there is anything."""
        pages = sorted(self.spaces[space])
        if not pages or self.one_in(8):
            return self.range()
        start = self.pick(pages)
        high = next(high for low, high in AREAS if low <= start < high)
        return start, self.chooser.integer(1, min(8, high - start))

    def flags(self) -> str:
        """Choose a protection, most often one that can be written."""
        return self.pick(["rw-", "rw-", "rw-", "rw-", "r--", "r-x", "rwx", "---", "--x", "-w-"])

    def write(self, nr_lines: int) -> str:
        """Return a script of about that many lines."""
        for _ in range(nr_lines):
            verb = "mmap" if not self.spaces else self.pick(self.verbs)
            getattr(self, "write_" + verb)()
        return "\n".join(self.lines) + "\n"

    def say(self, *words: object) -> None:
        """Write one line."""
        self.lines.append(" ".join(str(word) for word in words))

    def write_access(self) -> None:
        """Touch a page, or a few in a row."""
        space = self.space()
        pages = sorted(self.spaces[space])
        if not pages:
            return
        first = last = self.pick(pages)
        verbs = self.spaces[space][first].verbs()
        if not verbs:
            return
        verb = self.pick(verbs)
        if self.one_in(3):
            longest = self.chooser.integer(1, 6)
            while last - first < longest and self.allows(space, last + 1, verb):
                last += 1
        words = [verb, space, f"{first}..{last}" if last > first else hex(first)]
        if self.one_in(4):
            words.append(f"x{self.chooser.integer(1, 50)}")
        self.say(*words)

    def allows(self, space: str, page: int, verb: str) -> bool:
        """Tell whether a page may be used so."""
        mapped = self.spaces[space].get(page)
        return mapped is not None and verb in mapped.verbs()

    def write_mmap(self) -> None:
        """Map something, maybe over what is there."""
        names = [f"p{i}" for i in range(self.max_spaces)]
        space = self.pick(names) if not self.spaces or self.one_in(8) else self.space()
        start, npages = self.range()
        kind = self.pick(["anon", "anon", "anon", "file", "file", "shm"])
        sharing = self.pick(["private", "private", "shared"])
        what = kind
        if kind == "file":
            name = self.pick(["f0", "f1"])
            self.files.add(name)
            # Often at the place that continues a neighbour, so that mappings merge.
            offset = start % 20 if self.one_in(2) else self.chooser.integer(0, 12)
            what = f"file:{name}@{offset}"
        elif kind == "shm":
            name = self.pick(["s0", "s1"])
            self.files.add(name)
            what = f"shm:{name}"
            if not self.sharing_shm_privately:
                sharing = "shared"
        flags = self.flags()
        self.say("mmap", space, start, npages, what, sharing, flags)
        pages = self.spaces.setdefault(space, {})
        pages.update({page: Mapped(flags) for page in range(start, start + npages)})

    def write_munmap(self) -> None:
        """Unmap a range."""
        space = self.space()
        start, npages = self.touched_range(space)
        self.say("munmap", space, start, npages)
        self.forget(space, start, npages)

    def forget(self, space: str, start: int, npages: int) -> None:
        """Drop a range from the picture."""
        for page in range(start, start + npages):
            self.spaces[space].pop(page, None)

    def write_mremap(self) -> None:
        """Move a range."""
        space = self.space()
        old, npages = self.touched_range(space)
        new = self.range()[0]
        high = next(high for low, high in AREAS if low <= new < high)
        npages = min(npages, high - new)
        if abs(new - old) < npages:
            return
        self.say("mremap", space, old, npages, new)
        self.forget(space, new, npages)
        pages = self.spaces[space]
        for i in range(npages):
            if old + i in pages:
                pages[new + i] = pages.pop(old + i)

    def write_mprotect(self) -> None:
        """Change a range's protection."""
        space = self.space()
        start, npages = self.touched_range(space)
        flags = self.flags()
        self.say("mprotect", space, start, npages, flags)
        self.change(space, start, npages, flags=flags)

    def change(self, space: str, start: int, npages: int, **changes: Any) -> None:
        """Change the picture of a range."""
        pages = self.spaces[space]
        for page in range(start, start + npages):
            if page in pages:
                pages[page] = replace(pages[page], **changes)

    def write_madvise(self) -> None:
        """Give advice about a range."""
        space = self.space()
        self.say(
            "madvise",
            space,
            *self.touched_range(space),
            self.pick(["dontneed", "cold", "pageout"]),
        )

    def write_mlock(self) -> None:
        """Lock a range, within the limit."""
        space = self.space()
        start, npages = self.touched_range(space)
        locked = sum(page.locked for pages in self.spaces.values() for page in pages.values())
        npages = min(npages, self.max_locked - locked)
        if npages > 0:
            self.say("mlock", space, start, npages)
            self.change(space, start, npages, locked=True)

    def write_munlock(self) -> None:
        """Unlock what was locked."""
        locked = [
            (space, page)
            for space, pages in sorted(self.spaces.items())
            for page in sorted(pages)
            if pages[page].locked
        ]
        if locked:
            space, start = self.pick(locked)
            npages = self.chooser.integer(1, 6)
            self.say("munlock", space, start, npages)
            self.change(space, start, npages, locked=False)

    def write_fork(self) -> None:
        """Fork, if there may be more."""
        if len(self.spaces) == self.max_spaces:
            return
        parent = self.space()
        free = [f"p{i}" for i in range(self.max_spaces) if f"p{i}" not in self.spaces]
        child = self.pick(free)
        self.say("fork", parent, child)
        self.spaces[child] = {
            page: replace(mapped, locked=False) for page, mapped in self.spaces[parent].items()
        }

    def write_exec(self) -> None:
        """Empty a space."""
        space = self.space()
        self.say("exec", space)
        self.spaces[space] = {}

    def write_exit(self) -> None:
        """End a process."""
        space = self.space()
        self.say("exit", space)
        del self.spaces[space]

    def write_fdread(self) -> None:
        """Read a file by descriptor."""
        self.through_descriptor("fdread")

    def write_fdwrite(self) -> None:
        """Write a file by descriptor."""
        self.through_descriptor("fdwrite")

    def through_descriptor(self, verb: str) -> None:
        """Use a file that has been mapped."""
        if self.files:
            at, npages = self.chooser.integer(0, 20), self.chooser.integer(1, 5)
            self.say(verb, self.pick(sorted(self.files)), at, npages)

    def write_truncate(self) -> None:
        """Cut a file."""
        if self.files:
            self.say("truncate", self.pick(sorted(self.files)), self.chooser.integer(0, 20))

    def write_evict(self) -> None:
        """Probe: evict a page."""
        self.probe("evict")

    def write_referenced(self) -> None:
        """Probe: ask whether a page was used."""
        self.probe("referenced")

    def probe(self, verb: str) -> None:
        """Probe a page that is likely mapped."""
        space = self.space()
        self.say(verb, space, self.touched_range(space)[0])

    def write_mark(self) -> None:
        """Set a mark."""
        self.say("mark", f"m{self.nr_marks}")
        self.nr_marks += 1


def random_script(seed: int, nr_lines: int = 200, **options: Any) -> str:
    """Return a random script; the same for the same seed and options (those of ScriptWriter)."""
    return ScriptWriter(RandomChooser(seed), **options).write(nr_lines)
