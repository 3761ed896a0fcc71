"""Rik van Riel's "mean of two": how many VMAs a walk visits when children have copied their pages.

Commit 5beb49305251 (2.6.34): 1,000 children of one parent, each with 1,000 copied pages. With one
anon_vma for all, each of a million pages is looked for in 1,001 VMAs; with chains in one, and the
parent's in 1,001: "the mean goes from N to 2".

That counts walks to the end. The kernel stops when it has found as many PTEs as the page has
mappings, and the parent comes first in its own tree, so that the mean is 1.0. If each child copies
only a part f of the pages, the others stay shared by all, which no scheme can shorten: without exit
(C P f + P (C + 1)) / (P + C P f).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.studies.laboratory import run
from benchmarks.studies.output import lines

CHILDREN, PAGES = 100, 20
COPIED = (0, 1, 2, 5, 10, 20)


def script(nr_children: int, nr_pages: int, copied: int) -> str:
    """Return the family, and a probe of every page of everybody."""
    names = [f"c{j}" for j in range(1, nr_children + 1)]
    return "\n".join(
        [
            f"mmap p 0 {nr_pages} anon private rw-",
            f"write p 0..{nr_pages - 1}",
            *(f"fork p {name}" for name in names),
            *(f"write {name} 0..{copied - 1}" for name in names if copied),
            *(f"evict p {page}" for page in range(nr_pages)),
            *(f"evict {name} {page}" for name in names for page in range(copied)),
        ]
    )


def study(nr_children: int = CHILDREN, nr_pages: int = PAGES) -> list[dict[str, Any]]:
    """Return a line for each part copied, with and without early exit."""
    rows: list[dict[str, Any]] = []
    for copied in COPIED:
        f = copied / nr_pages
        means = {}
        for early_exit in (True, False):
            record = run(
                script(nr_children, nr_pages, copied),
                "anon_vma_chain",
                "fifo",
                early_exit=early_exit,
            )
            counters = record["counters"]
            means[early_exit] = counters["rmap_vmas_visited"] / counters["evictions"]
        c, p = nr_children, nr_pages
        formula = (c * p * f + p * (c + 1)) / (p + c * p * f)
        assert abs(means[False] - formula) < 1e-9, (means, formula)
        rows.append(
            {"copied": f, "to the end": means[False], "formula": formula, "early exit": means[True]}
        )
    return rows


def chart(rows: Sequence[dict[str, Any]]) -> Any:
    """Draw both means against the part copied."""
    shown = [
        {"rmap": how, "part copied": row["copied"], "VMAs a walk": row[how]}
        for how in ("to the end", "early exit")
        for row in rows
    ]
    return lines(shown, "part copied", "VMAs a walk", log=False)
