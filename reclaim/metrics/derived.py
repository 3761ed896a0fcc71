"""Ratios of counters, each defined once, with its unit and its meaning.

`derive` computes them for a record; docs/reference/counters.md lists them, and a test compares the
two. A ratio whose denominator is 0 is None: it has no value, which is not the same as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Value = float | int | None


@dataclass(frozen=True)
class Derived:
    """One derived quantity.

    Parameters
    ----------
    name : str
        As records spell it.
    unit : str
        What it counts, per what.
    text : str
        One sentence for the documentation.
    compute : callable
        From the record's inputs: counters by name, `frames` and `rmap_bytes_peak`.
    """

    name: str
    unit: str
    text: str
    compute: Callable[[Mapping[str, int]], Value]


def _ratio(above: str, below: str) -> Callable[[Mapping[str, int]], Value]:
    def compute(of: Mapping[str, int]) -> Value:
        return of[above] / of[below] if of[below] else None

    return compute


DERIVED = (
    Derived(
        "misses",
        "accesses",
        "Accesses that found their page not resident, first touches included.",
        lambda of: of["misses"],
    ),
    Derived("miss_ratio", "1", "`misses` / `accesses`.", _ratio("misses", "accesses")),
    Derived(
        "faults",
        "faults",
        "`minor_faults` + `major_faults`.",
        lambda of: of["minor_faults"] + of["major_faults"],
    ),
    Derived(
        "refault_ratio",
        "1",
        "`refaults` / `evictions`: the share of evictions that were regretted.",
        _ratio("refaults", "evictions"),
    ),
    Derived(
        "mean_refault_distance",
        "evictions",
        "`refault_distance` / `refaults`: evictions between a page's own and its return.",
        _ratio("refault_distance", "refaults"),
    ),
    Derived(
        "writeback_ratio",
        "1",
        "`writebacks` / `evictions`: the share of evictions that had to write.",
        _ratio("writebacks", "evictions"),
    ),
    Derived(
        "frames_scanned_per_reclaimed",
        "frames per eviction",
        "`frames_scanned` / `evictions`: how far the policy looked for a victim.",
        _ratio("frames_scanned", "evictions"),
    ),
    Derived(
        "walks_per_eviction",
        "walks per eviction",
        "`rmap_walks` / `evictions`: how often the reverse map was asked.",
        _ratio("rmap_walks", "evictions"),
    ),
    Derived(
        "links_per_walk",
        "links per walk",
        "`rmap_links_visited` / `rmap_walks`.",
        _ratio("rmap_links_visited", "rmap_walks"),
    ),
    Derived(
        "vmas_per_walk",
        "VMAs per walk",
        "`rmap_vmas_visited` / `rmap_walks`.",
        _ratio("rmap_vmas_visited", "rmap_walks"),
    ),
    Derived(
        "tree_steps_per_walk",
        "tree nodes per walk",
        "`rmap_tree_steps` / `rmap_walks`.",
        _ratio("rmap_tree_steps", "rmap_walks"),
    ),
    Derived(
        "ptes_probed_per_walk",
        "PTEs per walk",
        "`ptes_probed` / `rmap_walks`.",
        _ratio("ptes_probed", "rmap_walks"),
    ),
    Derived(
        "probe_hit_ratio",
        "1",
        "`ptes_hit` / `ptes_probed`: the share of PTEs read that did map the frame.",
        _ratio("ptes_hit", "ptes_probed"),
    ),
    Derived(
        "rmap_bytes_per_frame",
        "bytes per frame",
        "Peak `rmap_bytes` / `frames`.",
        _ratio("rmap_bytes_peak", "frames"),
    ),
)


def derive(counters: Mapping[str, int], *, frames: int, rmap_bytes_peak: int) -> dict[str, Value]:
    """Return every derived quantity of a run.

    Parameters
    ----------
    counters : mapping of str to int
        Counters by name, over all phases.
    frames : int
        Frames of the machine.
    rmap_bytes_peak : int
        Most bytes that the strategy's objects took.

    Returns
    -------
    dict
        In the order of `DERIVED`; None where there is nothing to divide by.
    """
    inputs = {**counters, "frames": frames, "rmap_bytes_peak": rmap_bytes_peak}
    return {derived.name: derived.compute(inputs) for derived in DERIVED}
