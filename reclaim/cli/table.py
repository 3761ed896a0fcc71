"""The table of `reclaim run`: a line for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reclaim.cli.plain import plain
from reclaim.metrics.compare import rmap_of, short, size

Record = Mapping[str, Any]

HEADS = (
    "frames",
    "policy",
    "rmap",
    "miss %",
    "evicted",
    "refault",
    "walks",
    "links",
    "VMAs",
    "tree",
    "PTEs",
    "rmap peak",
    "model ms",
)


def table(records: Sequence[Record]) -> str:
    """Return the records as lines of text, by memory size, policy and rmap as they were run."""
    ordered = sorted(records, key=lambda record: record["frames"])
    return plain(HEADS, [_row(record) for record in ordered], (1, 2))


def _row(record: Record) -> tuple[str, ...]:
    counters = record["counters"]
    ratio = record["derived"]["miss_ratio"]
    modelled = record.get("modelled", {}).get("total_ns")
    return (
        str(record["frames"]),
        str(record["policy"]),
        rmap_of(record),
        "-" if ratio is None else f"{100 * ratio:.2f}",
        *(
            short(counters[name])
            for name in (
                "evictions",
                "refaults",
                "rmap_walks",
                "rmap_links_visited",
                "rmap_vmas_visited",
                "rmap_tree_steps",
                "ptes_probed",
            )
        ),
        size(record["rmap_bytes"]["peak"]),
        "-" if modelled is None else f"{modelled / 1e6:.1f}",
    )


def notes(records: Sequence[Record]) -> list[str]:
    """Return what must be known to read the table: the warnings, each once, with its runs."""
    lines = []
    runs: dict[str, list[str]] = {}
    for record in records:
        for warning in record.get("warnings", ()):
            name = f"{record['policy']}/{rmap_of(record)}/{record['frames']}"
            runs.setdefault(warning, []).append(name)
    for warning, names in runs.items():
        where = f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]
        lines.append(f"warning: {warning} ({where})")
    if records:
        lines.append(
            "links, VMAs, tree, PTEs: looked at in walks. model ms: modelled from counts, not "
            "measured."
        )
    return lines
