"""The comparison of reverse maps: one table a question, computed from run records.

The records are of measured runs (`RunSpec.measure`), each with its workload's name under
`workload`. A table holds values, not text; who shows it decides how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from reclaim.counters import COUNTER_NAMES, RMAP_WORK
from reclaim.metrics.compare import BEHAVIOUR, differing, rmap_of
from reclaim.metrics.costs import LABEL, Cost, time_of

Record = Mapping[str, Any]
Cell = str | float | int | None

WORK = tuple(COUNTER_NAMES[number] for number in RMAP_WORK)
"""Counters whose sum is the work of an operation on the reverse map."""

EVENTS = ("fork", "exec", "exit", "mmap", "munmap", "mprotect", "mremap")


@dataclass(frozen=True)
class Table:
    """An answer to one question.

    Parameters
    ----------
    name : str
        One word, for links and file names.
    question : str
        What it answers.
    units : mapping of str to str
        Column -> unit or meaning, in the order of the columns behind `workload` and `rmap`.
    rows : tuple of dict
        Column -> value; None where there is nothing to say.
    notes : tuple of str
        What must be known to read it.
    """

    name: str
    question: str
    units: Mapping[str, str]
    rows: tuple[Mapping[str, Cell], ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def tables(records: Sequence[Record], costs: Mapping[str, Cost]) -> list[Table]:
    """Return every table of a comparison.

    Parameters
    ----------
    records : sequence of dict
        Measured runs, one for each workload and strategy.
    costs : mapping of str to Cost
        The cost model, for modelled times.
    """
    return [
        memory(records),
        where_it_pays(records),
        modelled(records, costs),
        spread(records),
        reclaim(records),
        decisions(records),
        other_users(records),
    ]


def _names(record: Record) -> dict[str, Cell]:
    return {"workload": record["workload"], "rmap": rmap_of(record)}


def _per(amount: float, of: float) -> float | None:
    return amount / of if of else None


# ---- memory --------------------------------------------------------------------------------------


def memory(records: Sequence[Record]) -> Table:
    """Return what the structures weigh."""
    units = {
        "objects at peak": "kind and number",
        "KiB 32": "peak, sizeof, 32-bit kernel",
        "KiB 64": "peak, sizeof, 64-bit kernel",
        "KiB slab": "peak, as slabs hold it, 64-bit",
        "KiB busy": "at the end of the eighth with most PTEs mapped, sizeof, 64-bit",
        "KiB fixed": "words per frame, VMA and mm then, 64-bit",
        "B/PTE": "busy and fixed, per mapped PTE then",
        "B/process": "busy and fixed, per process alive then",
    }
    return Table(
        "memory",
        "What does the reverse map weigh?",
        units,
        tuple(_memory_row(record) for record in records),
        ("fixed: what the scheme adds to each frame, VMA and mm, used or not.",),
    )


def _bytes(at: Record, when: str, sizes: Mapping[str, float]) -> float:
    objects: Mapping[str, Mapping[str, int]] = at["rmap_objects"]
    return float(sum(count[when] * sizes.get(kind, 0) for kind, count in objects.items()))


def _memory_row(record: Record) -> dict[str, Cell]:
    sizes = record["rmap_sizes"]
    busy = record["busiest"]
    fixed_bytes = busy["rmap_bytes"]["fixed"]
    then = _bytes(busy, "live", sizes["64-bit"]["object"])
    kinds = [f"{kind} {n['peak']:,}" for kind, n in record["rmap_objects"].items() if n["peak"]]
    return {
        **_names(record),
        "objects at peak": ", ".join(kinds) or "none",
        "KiB 32": _bytes(record, "peak", sizes["32-bit"]["object"]) / 1024,
        "KiB 64": _bytes(record, "peak", sizes["64-bit"]["object"]) / 1024,
        "KiB slab": _bytes(record, "peak", sizes["64-bit"]["slab"]) / 1024,
        "KiB busy": then / 1024,
        "KiB fixed": fixed_bytes / 1024,
        "B/PTE": _per(then + fixed_bytes, busy["mapped_ptes"]),
        "B/process": _per(then + fixed_bytes, busy["processes"]),
    }


# ---- where it pays -------------------------------------------------------------------------------


def _work(counters: Mapping[str, int]) -> int:
    return sum(counters.get(name, 0) for name in WORK)


def _operations(record: Record) -> dict[str, tuple[int, Mapping[str, int]]]:
    """Return operation -> (how many there were, what all of them did)."""
    done = record["operations"]
    phases, counters = record["phases"], record["counters"]
    # Early copies are mremap's: no faults, and charged to it.
    copies = counters["cow_copies"] - counters["early_copies"]
    found = {verb: (done[verb]["count"], done[verb]["counters"]) for verb in EVENTS if verb in done}
    faults = counters["minor_faults"] + counters["major_faults"]
    found["fault"] = (faults - copies, phases["fault"])
    found["COW"] = (copies, phases["cow"])
    asked, unmapped = phases["reclaim_referenced"], phases["reclaim_unmap"]
    found["referenced"] = (asked.get("rmap_walks", 0), asked)
    # Where PTEs are unmapped one at a time there are no walks: then for each page that left.
    found["unmap"] = (unmapped.get("rmap_walks", 0) or counters["evictions"], unmapped)
    return found


PAID = (*EVENTS, "fault", "COW", "referenced", "unmap")


def where_it_pays(records: Sequence[Record]) -> Table:
    """Return the mean work of each operation on the reverse map."""
    rows = []
    for record in records:
        done = _operations(record)
        means = {
            name: _per(_work(done[name][1]), done[name][0]) if name in done else None
            for name in PAID
        }
        rows.append({**_names(record), **means})
    return Table(
        "work",
        "Where does it pay? Work on the reverse map, mean of one operation",
        dict.fromkeys(PAID, "steps"),
        tuple(rows),
        (
            "a step: a link, VMA or tree node visited, a link added, removed or searched for, an "
            "object allocated or freed. A dash: it did not happen.",
        ),
    )


def modelled(records: Sequence[Record], costs: Mapping[str, Cost]) -> Table:
    """Return the modelled time of each operation: the reverse map's and all that belongs to it."""
    rows = []
    for record in records:
        done = _operations(record)
        means = {
            name: _per(time_of(done[name][1], costs) / 1e3, done[name][0]) if name in done else None
            for name in PAID
        }
        rows.append({**_names(record), **means})
    return Table(
        "time",
        "Where does it pay? Modelled time, mean of one operation",
        dict.fromkeys(PAID, "µs"),
        tuple(rows),
        (f"times are {LABEL}; they hold the whole operation, page tables included.",),
    )


def spread(records: Sequence[Record]) -> Table:
    """Return the 99th percentile and the maximum of an operation's work."""
    rows = []
    for record in records:
        row: dict[str, Cell] = {}
        for verb in ("fork", "exit", "munmap", "mprotect", "mremap"):
            done = record["operations"].get(verb)
            for which in ("p99", "max"):
                row[f"{verb} {which}"] = done["rmap_work"][which] if done else None
        fault = record["distributions"]["fault_rmap_work"]
        row |= {"fault p99": fault["p99"], "fault max": fault["max"]}
        rows.append({**_names(record), **row})
    return Table(
        "spread",
        "How bad does one operation get?",
        dict.fromkeys((name for name in rows[0] if name not in ("workload", "rmap")), "steps"),
        tuple(rows),
        ("COW copies are among the faults here.",),
    )


# ---- reclaim -------------------------------------------------------------------------------------


def reclaim(records: Sequence[Record]) -> Table:
    """Return what walks cost, of those that reclaim took and of a sample of all mapped frames."""
    units = {
        "PTEs": "read by reclaim for each page that left, scans of page tables included",
        "walks": "taken by reclaim",
        "mean": "length",
        "p99": "length, the longer kind of walk",
        "max": "length: steps under one lock",
        "sample": "mean length, sample of all mapped frames",
        "no exit": "the same, not stopping early",
        "VMAs/PTE": "VMAs visited for each PTE found",
        "lines": "cache lines a walk of the sample",
        "locks": "a walk of reclaim",
        "trylocks": "a walk of reclaim",
    }
    return Table(
        "reclaim",
        "What does reclaim pay to find the PTEs of a frame?",
        units,
        tuple(_reclaim_row(record) for record in records),
        (
            "length: links and VMAs visited; for a strategy with neither, PTEs read. max is also "
            "how long one lock is held, in steps; p99 is rounded down by up to 6 %.",
            "kernels keep a page whose trylock fails; one processor is modelled, so none fails.",
        ),
    )


def _looked_at(work: Mapping[str, int]) -> int:
    return work["rmap_links_visited"] + work["rmap_vmas_visited"] or work["ptes_probed"]


def _mean_length(work: Mapping[str, int] | None) -> float | None:
    return _per(_looked_at(work), work["rmap_walks"]) if work else None


def _reclaim_row(record: Record) -> dict[str, Cell]:
    phases = [record["phases"][name] for name in ("reclaim_referenced", "reclaim_unmap")]
    total = {
        name: sum(phase.get(name, 0) for phase in phases)
        for name in (*WORK, "rmap_walks", "ptes_probed", "ptes_hit", "locks", "trylocks")
    }
    walks = total["rmap_walks"]
    lengths = [record["distributions"][f"{kind}_walk"] for kind in ("referenced", "unmap")]
    sample = record["look"]["as_is"]
    exact = record["rmap_exact"]
    scanned = record["phases"]["reclaim_aging"].get("ptes_probed", 0)
    return {
        **_names(record),
        "PTEs": _per(total["ptes_probed"] + scanned, record["counters"]["evictions"]),
        "walks": walks,
        "mean": _mean_length(total),
        "p99": max(length["p99"] for length in lengths) if walks else None,
        "max": max(length["max"] for length in lengths) if walks else None,
        "sample": _mean_length(sample) if exact else None,
        "no exit": _mean_length(record["look"].get("to_the_end")) if exact else None,
        "VMAs/PTE": _per(sample["rmap_vmas_visited"], sample["ptes_hit"]) or None,
        "lines": _per(sample["cache_lines"], sample["rmap_walks"]) if exact else None,
        "locks": _per(total["locks"], walks),
        "trylocks": _per(total["trylocks"], walks),
    }


# ---- decisions, and other users ------------------------------------------------------------------


def decisions(records: Sequence[Record]) -> Table:
    """Return whether the strategies led to the same faults and victims, workload by workload."""
    rows: list[dict[str, Cell]] = []
    for workload, group in groupby(records, key=lambda record: record["workload"]):
        runs = list(group)
        exact = [run for run in runs if run["rmap_exact"]]
        first = exact[0] if exact else runs[0]
        for run in runs:
            apart = differing([first, run])
            same = not apart and run["decisions"] == first["decisions"]
            rows.append(
                {
                    "workload": workload,
                    "rmap": rmap_of(run),
                    "misses": run["counters"]["misses"],
                    "evictions": run["counters"]["evictions"],
                    "same as first": "yes" if same else "no",
                    "why": "" if same else _why(run, first, apart),
                }
            )
    return Table(
        "decisions",
        "Do the same pages leave?",
        {
            "misses": "",
            "evictions": "",
            "same as first": f"{len(BEHAVIOUR)} counters and every eviction",
            "why": "what differs",
        },
        tuple(rows),
        ("first: the first exact strategy of the workload.",),
    )


def _why(run: Record, first: Record, apart: Sequence[str]) -> str:
    if run["policy"] != first["policy"]:
        return f"not exact: it runs under {run['policy']}"
    if not run["rmap_exact"]:
        return "not exact: its walks answer otherwise"
    if early := run["counters"].get("early_copies", 0):
        return f"{early:,} shared pages copied early by mremap"
    return f"a fault of ours: {', '.join(apart[:3]) or 'other victims'}"


def other_users(records: Sequence[Record]) -> Table:
    """Return what others ask of the reverse map, from walks of the sample."""
    return Table(
        "others",
        "What do other users of the reverse map pay?",
        {
            "migrate": "steps a page: unmap, then map again",
            "mkclean": "steps a page of a file: write-protect everywhere",
            "truncate": "steps a page of a file: unmap it",
            "swapoff": "PTEs read to bring all of swap back",
        },
        tuple(_other_row(record) for record in records),
        (
            "migration walks twice, and the second walk cannot stop early: no PTE maps the page "
            "while it moves. mkclean never stops early. swapoff has no reverse map from a slot: "
            "it reads every page table. A dash: no page of a file is mapped, or it cannot be done.",
        ),
    )


def _other_row(record: Record) -> dict[str, Cell]:
    look, exact = record["look"], record["rmap_exact"]
    once = _mean_length(look["as_is"])
    whole = _mean_length(look.get("to_the_end", look["as_is"]))
    of_file = _mean_length(look["files_as_is"])
    whole_of_file = _mean_length(look.get("files_to_the_end", look["files_as_is"]))
    return {
        **_names(record),
        "migrate": once + whole if exact and once and whole else None,
        "mkclean": whole_of_file if exact else None,
        "truncate": of_file if exact else None,
        "swapoff": record["busiest"]["page_table_leaves"] * 512,
    }
