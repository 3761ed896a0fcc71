"""Do as many anonmms live as a naive family of processes and pages needs?

The twin collects garbage: an anonmm is needed if its process lives, if a page names it, or if it is
the head of one that is needed. Nothing counts references there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from tests.laboratory import run

PAGES = 3


@dataclass(eq=False)
class Member:
    """An anonmm: whose head, and does its process live?"""

    head: Member | None
    lives: bool = True


@dataclass(eq=False)
class Page:
    """An anonymous page: whom it names, and who has it."""

    named: Member
    holders: set[str] = field(default_factory=set)


class Twin:
    """Processes that fork, exec, exit, write and forget pages, with nothing evicted."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.of: dict[str, Member] = {}
        self.pages: dict[str, dict[int, Page]] = {}

    def begin(self, name: str, head: Member | None = None) -> None:
        self.of[name] = Member(head)
        self.members.append(self.of[name])
        self.pages[name] = {}

    def fork(self, parent: str, child: str) -> None:
        above = self.of[parent]
        self.begin(child, above.head or above)
        for at, page in self.pages[parent].items():
            page.holders.add(child)
            self.pages[child][at] = page

    def drop(self, name: str, at: int) -> None:
        if page := self.pages[name].pop(at, None):
            page.holders.remove(name)

    def exit(self, name: str) -> None:
        for at in range(PAGES):
            self.drop(name, at)
        self.of.pop(name).lives = False

    def write(self, name: str, at: int) -> None:
        page = self.pages[name].get(at)
        if page is None or len(page.holders) > 1:
            self.drop(name, at)
            self.pages[name][at] = Page(self.of[name], {name})

    def needed(self) -> int:
        named = {page.named for pages in self.pages.values() for page in pages.values()}
        needed = {member for member in self.members if member.lives} | named
        return len(needed | {member.head for member in needed if member.head})


def story(seed: int, length: int) -> tuple[str, list[int]]:
    """Return a script with a mark behind each line, and how many anonmms there must be at each."""
    rng = random.Random(seed)
    twin, lines, wanted, born = Twin(), [f"mmap p0 0 {PAGES} anon private rw-"], [1], 1
    twin.begin("p0")
    for _ in range(length):
        who, at = rng.choice(sorted(twin.of)), rng.randrange(PAGES)
        what = rng.choice(["fork", "fork", "write", "write", "write", "drop", "exit", "exec"])
        if what == "fork" and len(twin.of) < 12:
            twin.fork(who, f"p{born}")
            lines.append(f"fork {who} p{born}")
            born += 1
        elif what == "exit" and len(twin.of) > 1:
            twin.exit(who)
            lines.append(f"exit {who}")
        elif what == "exec":
            twin.exit(who)
            twin.begin(who)
            lines.append(f"exec {who}\nmmap {who} 0 {PAGES} anon private rw-")
        elif what == "drop":
            twin.drop(who, at)
            lines.append(f"madvise {who} {at} 1 dontneed")
        else:
            twin.write(who, at)
            lines.append(f"write {who} {at}")
        wanted.append(twin.needed())
    return "".join(f"{line}\nmark m{n}\n" for n, line in enumerate(lines)), wanted


@pytest.mark.parametrize("seed", range(6))
def test_any_family(seed: int) -> None:
    script, wanted = story(seed, 120)
    marks = run(script, "anonmm")["marks"]
    assert [marks[f"m{n}"]["rmap_objects"]["anonmm"]["live"] for n in range(len(wanted))] == wanted
    assert max(wanted) > 12  # some outlive their processes
