"""rmap-test: many windows of one file, by chains, by a list of VMAs, and by trees.

Andrew Morton, linux-mm, 5 April 2003 (20030405040614.66511e1e), 256 MB, system time in seconds:
test 1 (100 tasks x 100 windows of a file, linear): pte_chain 86.91, lists of VMAs 1143.26; test 3
(one task, 10,000 windows): 3.75 and 146.45. Rajesh Venkatasubramanian, 21 March 2004, another
machine: test 1 chains 277.14, prio_tree 203.90, lists killed after 19834; test 3 chains 31.08,
prio_tree 31.41, lists killed after 1588. So lists >> chains on both, and trees no dearer than
chains within a few per cent. On the random test the two sources disagree in sign; it is left out.

Windows are shorter here than theirs in test 1, 3 pages for 600: what a page costs depends on how
many windows there are and not on how long they are. Memory holds half of the file. The column to
read is modelled time of the kernel: all but user time and waiting for the disk. A read costs what
a write does, its submission. Ratios are to chains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.studies.laboratory import reclaimed, run
from benchmarks.studies.output import points
from reclaim.metrics.costs import default_costs, time_of

STRATEGIES = ("pte_chain", "objrmap_list", "anon_vma", "anon_vma_chain")
INDEX = {
    "pte_chain": "chains",
    "objrmap_list": "list",
    "anon_vma": "prio_tree",
    "anon_vma_chain": "interval tree",
}
TESTS = {"1: linear, 100 x 100": (100, 100, 3), "3: linear, 1 x 10,000": (1, 10_000, 7)}
NOT_SYSTEM = {"writeback_waits", "accesses"}
RATIO = "system time, chains = 1"


def script(tasks: int, windows: int, pages: int, rounds: int = 2) -> str:
    """Return tasks that each map all windows of a file and touch them from end to end.

    Every other page of the address space is free, so that no two windows merge.
    """
    spaced = 2 * pages
    maps = [
        f"mmap t{task} {window * spaced} {pages} file:big@{window * pages} shared rw-"
        for task in range(tasks)
        for window in range(windows)
    ]
    touches = [
        f"read t{task} {window * spaced}..{window * spaced + pages - 1}"
        for window in range(windows)
        for task in range(tasks)
    ]
    return "\n".join(maps + touches * rounds)


def system_ns(record: dict[str, Any]) -> float:
    """Return the modelled time of the kernel's own work: no waiting, no user time."""
    costs = {name: cost for name, cost in default_costs().items() if name not in NOT_SYSTEM}
    costs["file_reads"] = costs["file_writes"]
    return sum(time_of(phase, costs) for phase in record["phases"].values())


def study(tests: dict[str, tuple[int, int, int]] | None = None) -> list[dict[str, Any]]:
    """Return a line for each test and strategy."""
    rows: list[dict[str, Any]] = []
    for name, (tasks, windows, pages) in (tests or TESTS).items():
        text = script(tasks, windows, pages)
        times: dict[str, float] = {}
        for rmap in STRATEGIES:
            record = run(text, rmap, "clock", windows * pages // 2)
            times[rmap] = system_ns(record)
            looked = reclaimed(record, "rmap_links_visited", "rmap_vmas_visited")
            rows.append(
                {
                    "test": name,
                    "rmap": rmap,
                    "files by": INDEX[rmap],
                    "visits a walk": looked / reclaimed(record, "rmap_walks"),
                    "hits a walk": reclaimed(record, "ptes_hit") / reclaimed(record, "rmap_walks"),
                    RATIO: times[rmap] / times["pte_chain"],
                }
            )
    return rows


def chart(rows: Sequence[dict[str, Any]]) -> Any:
    """Draw the ratios of both tests."""
    return points(rows, RATIO, "test")
