"""The AIM7 cliff: what a reclaimed page costs when a parent has many children that copy its pages.

Rik van Riel, linux-mm, 26 to 28 June 2007 (46814829.8090808@redhat.com and following): AIM7 with
thousands of users on 2.6.22. From 4,900 to 5,105 users, 4 %, the children's system time grew from
870 to 5,407 s, in the lock around the list of an anon_vma's VMAs.

One parent writes P pages, forks C children, each of which writes to all of them. Memory is full
then, and a stranger drives the children's pages out. The list of 2.6.7 is walked until the one VMA
is found: for child j after j + 1 visits, (C + 3) / 2 on average, and twice a reclaimed page, C + 3
in all. Every other scheme finds it at once. The published cliff itself is contention, which is not
modelled: what is shown is the slope that leads to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.studies.laboratory import run
from benchmarks.studies.output import lines

STRATEGIES = ("pte_chain", "anonmm", "anon_vma", "anon_vma_chain")
CHILDREN = (10, 30, 100, 300, 1000)
PAGES = 4
COLUMNS = ("users", "visits for each reclaimed page")


def script(nr_children: int, nr_pages: int) -> str:
    """Return the family, the copies, and a stranger who takes all their memory."""
    names = [f"c{j}" for j in range(1, nr_children + 1)]
    last = nr_pages - 1
    return "\n".join(
        [
            f"mmap p 0 {nr_pages} anon private rw-",
            f"write p 0..{last}",
            *(f"fork p {name}" for name in names),
            *(f"write {name} 0..{last}" for name in names),
            f"mmap z 0 {(nr_children + 1) * nr_pages} anon private rw-",
            f"write z 0..{last}",
            "mark parent_is_out",
            f"write z {nr_pages}..{(nr_children + 1) * nr_pages - 1}",
        ]
    )


def visits(nr_children: int, nr_pages: int, rmap: str) -> float:
    """Return the visits of two walks of a child's page, on average over all of them."""
    frames = (nr_children + 1) * nr_pages
    record = run(script(nr_children, nr_pages), rmap, "fifo", frames)
    before = record["marks"]["parent_is_out"]["counters"]
    after = record["counters"]
    names = ("rmap_links_visited", "rmap_vmas_visited")
    walks = after["rmap_walks"] - before["rmap_walks"]
    assert walks == nr_children * nr_pages, "each child's page leaves once"
    # A page is asked about once and unmapped once, and both walks are the same.
    return 2 * sum(after[name] - before[name] for name in names) / walks


def study(children: Sequence[int] = CHILDREN) -> list[dict[str, Any]]:
    """Return a line for each strategy and number of children."""
    return [
        {"rmap": rmap, "users": nr, COLUMNS[1]: visits(nr, PAGES, rmap)}
        for rmap in STRATEGIES
        for nr in children
    ]


def chart(rows: Sequence[dict[str, Any]]) -> Any:
    """Draw visits against users."""
    return lines(rows, *COLUMNS)
