"""How much memory chains of PTEs take: Wong's count of nodes, and Bligh's ten gigabytes.

Peter Wong, 17 September 2002: 22,817,885 mappings in 3,411,018 nodes of 32 bytes, on a database
server: 6.69 of 7 slots used, 104 MB. Martin Bligh, 9 April 2003 (74210000.1049602103): 5,000 tasks
that each map one segment of 2 GB would need about 10 GB of chains ("I think", he wrote).

n tasks that map P pages need P x ceil(n / slots) nodes, slots = (line - word) / pointer. The model
builds two sizes and must hold just that many; 5,000 x 524,288 then follow: 12.00e9 bytes with
lines of 32 bytes, 10.87e9 with 128, either of which Bligh's estimate allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from benchmarks.studies.laboratory import run
from benchmarks.studies.output import lines

LINES = (32, 64, 128)
BUILT = ((10, 64), (100, 16))
BLIGH = (5_000, 524_288)


def nodes(tasks: int, pages: int, line: int, word: int = 4) -> int:
    """Return the nodes that a segment takes, by arithmetic."""
    return pages * ceil(tasks / ((line - word) // word)) if tasks > 1 else 0


def built(tasks: int, pages: int, line: int) -> int:
    """Return the nodes that the model holds when all tasks have touched the whole segment."""
    script = "\n".join(
        line_
        for task in range(tasks)
        for line_ in (
            f"mmap t{task} 0 {pages} shm:segment shared rw-",
            f"write t{task} 0..{pages - 1}",
        )
    )
    record = run(script, "pte_chain", "fifo", line=line, word=4)
    return int(record["rmap_objects"]["pte_chain"]["live"])


def study() -> list[dict[str, Any]]:
    """Return a line for each node size and segment, the built ones first."""
    rows: list[dict[str, Any]] = []
    for line in LINES:
        for tasks, pages in (*BUILT, BLIGH):
            wanted = nodes(tasks, pages, line)
            held = built(tasks, pages, line) if (tasks, pages) in BUILT else None
            assert held in (None, wanted), f"{held} nodes are built where {wanted} are due"
            rows.append(
                {
                    "line": line,
                    "tasks": tasks,
                    "pages": pages,
                    "mappings": tasks * pages,
                    "nodes": wanted,
                    "how": "built" if held is not None else "computed",
                    "bytes": float(wanted * line),
                    "bytes a mapping": wanted * line / (tasks * pages),
                }
            )
    return rows


def chart(_rows: Sequence[dict[str, Any]]) -> Any:
    """Draw the bytes of a mapping against the number of tasks, by the formula."""
    shown = [
        {
            "rmap": f"{line} byte nodes",
            "tasks": tasks,
            "bytes a mapping": nodes(tasks, 1, line) * line / tasks,
        }
        for line in LINES
        for tasks in (2, 3, 5, 7, 8, 10, 15, 16, 20, 31, 32, 50, 64, 100, 200, 500, 1000, 5000)
    ]
    return lines(shown, "tasks", "bytes a mapping")
