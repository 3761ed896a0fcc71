"""What a set of runs shows, in one sentence computed from their records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

BEHAVIOUR = (
    "early_copies",  # first: where it differs, it is why the others do
    "accesses",
    "misses",
    "minor_faults",
    "major_faults",
    "cow_copies",
    "wp_reuses",
    "fills",
    "evictions",
    "refaults",
    "refault_distance",
    "writebacks",
    "swap_ins",
    "swap_outs",
    "file_reads",
    "file_writes",
    "frames_scanned",
)
"""Counters that say what happened to pages: the same for every exact strategy."""

WORK = (
    ("rmap_links_visited", "links"),
    ("rmap_vmas_visited", "VMAs"),
    ("rmap_tree_steps", "tree nodes"),
    ("ptes_probed", "PTEs"),
)
"""Counters that say what a walk looked at."""

Record = Mapping[str, Any]


def short(number: float) -> str:
    """Return a count in at most five characters: 999, 12.3k, 4.56M."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor:
            value = number / factor
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}{unit}"
    return f"{number:g}" if number == int(number) else f"{number:.1f}"


def size(number: float) -> str:
    """Return bytes for people: 512 B, 12.3 KiB, 4.5 MiB."""
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number:.0f} B"


def finding(records: Sequence[Record]) -> str:
    """Return one sentence that says what the comparison shows.

    Parameters
    ----------
    records : sequence of dict
        Records of runs on one trace.
    """
    if not records:
        return "No run was finished."
    if len(_rmaps_of(records)) > 1:
        return _rmaps(records)
    if len(_values(records, "policy")) > 1:
        return _policies(records)
    if len(records) > 1:
        return _sizes(records)
    return _single(records[0])


def rmap_of(record: Record) -> str:
    """Return what a record's rmap is called: its preset's name, or the strategy's."""
    return str(record.get("rmap_preset") or record["rmap"])


def _rmaps_of(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(rmap_of(record) for record in records))


def _values(records: Sequence[Record], key: str) -> list[Any]:
    return list(dict.fromkeys(record[key] for record in records))


def differing(records: Sequence[Record]) -> list[str]:
    """Return the behaviour counters that differ between records, in the order of `BEHAVIOUR`."""
    return [
        name for name in BEHAVIOUR if len({record["counters"].get(name) for record in records}) > 1
    ]


def _rmaps(records: Sequence[Record]) -> str:
    groups = defaultdict(list)
    for record in records:
        groups[record["policy"], record["frames"]].append(record)
    names = _rmaps_of(records)
    apart = {key: differing(group) for key, group in groups.items() if differing(group)}
    where = f"{len(groups)} combination{'s' if len(groups) > 1 else ''} of policy and memory"
    if not apart:
        first = (
            f"In all {where} the {len(names)} rmaps gave identical faults, evictions and refaults"
            if len(groups) > 1
            else f"The {len(names)} rmaps gave identical faults, evictions and refaults"
        )
    else:
        (policy, frames), counters = next(iter(apart.items()))
        first = (
            f"In {len(apart)} of {where} the rmaps do NOT agree (first: {policy} with {frames} "
            f"frames, in {', '.join(counters[:3])})"
        )
    return f"{first}; what they paid differs: {'; '.join(_price(records, n) for n in names)}."


def _price(records: Sequence[Record], rmap: str) -> str:
    mine = [record for record in records if rmap_of(record) == rmap]
    walks = sum(record["counters"]["rmap_walks"] for record in mine)
    looked = [
        f"{short(sum(record['counters'][name] for record in mine) / walks)} {word}"
        for name, word in WORK
        if walks and sum(record["counters"][name] for record in mine)
    ]
    peak = max(record["rmap_bytes"]["peak"] for record in mine)
    at_walk = f"looked at {_listed(looked)} per walk" if looked else "never walked"
    return f"{rmap} {at_walk} and held {size(peak)}"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _policies(records: Sequence[Record]) -> str:
    frames = min(record["frames"] for record in records)
    mine = [record for record in records if record["frames"] == frames]
    ranked = sorted(mine, key=lambda record: record["counters"]["misses"])
    best, worst = ranked[0], ranked[-1]
    if best["counters"]["misses"] == worst["counters"]["misses"]:
        return (
            f"With {frames} frames all {len(mine)} policies missed equally often "
            f"({_percent(best)} of the accesses)."
        )
    return (
        f"With {frames} frames {best['policy']} missed least ({_percent(best)} of the accesses) "
        f"and {worst['policy']} most ({_percent(worst)})."
    )


def _sizes(records: Sequence[Record]) -> str:
    ranked = sorted(records, key=lambda record: record["frames"])
    small, large = ranked[0], ranked[-1]
    return (
        f"{small['policy']} over {rmap_of(small)} missed {_percent(small)} of the accesses with "
        f"{small['frames']} frames and {_percent(large)} with {large['frames']}."
    )


def _single(record: Record) -> str:
    counters = record["counters"]
    return (
        f"With {record['frames']} frames {record['policy']} missed {_percent(record)} of the "
        f"accesses and evicted {short(counters['evictions'])} pages; "
        f"{_price([record], rmap_of(record))}."
    )


def _percent(record: Record) -> str:
    ratio = record["derived"]["miss_ratio"]
    return "none" if ratio is None else f"{100 * ratio:.2f} %"
