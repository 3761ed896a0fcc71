"""Does each generated workload write the trace that its parameters promise?"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from reclaim.contract.param import resolve_params
from reclaim.engine.resolve import resolve
from reclaim.errors import ConfigError
from reclaim.opening import generate
from reclaim.run import run_one
from reclaim.trace import events as ev
from reclaim.trace.model import Trace
from tests.laboratory import exact_rmaps, plugins, spec_of

SMALL: dict[str, dict[str, Any]] = {
    "aim7": {"children": 5, "pages": 12, "pressure": 0.5, "rounds": 2},
    "android_zygote": {
        "apps": 3,
        "heap": 30,
        "libraries": 3,
        "text": 6,
        "copies": 5,
        "own": 8,
        "switches": 6,
        "reads": 12,
    },
    "doubling": {"rounds": 3, "pages": 15, "writes": 4},
    "fork_chain": {"depth": 6, "pages": 20, "writes": 5, "rounds": 2},
    "fork_exec_loop": {
        "rounds": 6,
        "pages": 20,
        "writes": 3,
        "text": 5,
        "data": 4,
        "reads": 12,
    },
    "fork_server": {"workers": 4, "pages": 40, "requests": 12, "reads": 20, "writes": 3},
    "forrest_loop": {"generations": 7, "pages": 25, "writes": 4, "reads": 15},
    "many_vmas": {"pieces": 7, "pages": 4, "depth": 2, "touches": 2.0},
    "mremap_storm": {"pages": 15, "moves": 4, "children": 2},
    "page_pattern": {
        "pattern": "zipf",
        "pages": 60,
        "accesses": 500,
        "skew": 0.9,
        "processes": 3,
        "writes": 0.2,
    },
    "rmap_test": {"tasks": 3, "maps": 4, "pages": 5, "iterations": 2, "pattern": "linear"},
    "shared_libraries": {
        "processes": 4,
        "text": 20,
        "data": 6,
        "writes": 3,
        "heap": 4,
        "turns": 3,
        "fetches": 12,
    },
    "shared_segment": {"processes": 4, "pages": 24, "window": 5, "scans": 3, "writes": 0.2},
}

EVERYBODY = sorted(SMALL)


def made(name: str, seed: int = 1, **changes: Any) -> Trace:
    cls = plugins().workloads.get(name)
    return generate(cls, resolve_params(name, cls.params, SMALL[name] | changes), seed)


def counts(trace: Trace, strategy: str = "full_scan") -> dict[str, Any]:
    """Run a trace with more frames than it can fill."""
    resolved, _ = resolve(trace, "anon", lookahead=False)
    return run_one(trace, spec_of(strategy, "fifo", resolved.peak_live + 1))


def test_every_workload_is_tried() -> None:
    assert list(plugins().workloads) == EVERYBODY


@pytest.mark.parametrize("name", EVERYBODY)
def test_the_seed_settles_the_trace(name: str) -> None:
    """Same seed, same content; another seed, another one, unless nothing in it is random."""
    assert made(name, 1).content_hash() == made(name, 1).content_hash()
    settled = name in ("aim7", "mremap_storm")
    assert (made(name, 1).content_hash() == made(name, 2).content_hash()) == settled


@pytest.mark.parametrize("name", EVERYBODY)
def test_a_trace_says_where_it_comes_from(name: str) -> None:
    trace = made(name, 3)
    assert trace.meta.source == "generated"
    assert trace.meta.command.startswith(f"{name} ")
    assert trace.meta.extra == {
        "workload": name,
        "params": SMALL[name],
        "seed": 3,
        "results_version": 1,
    }
    assert trace.meta.content_hash == trace.with_meta(content_hash="").content_hash()


@pytest.mark.parametrize("name", EVERYBODY)
def test_phases_have_marks(name: str) -> None:
    trace = made(name)
    assert len(trace.marks) >= 2
    last = trace.events[-1]
    assert (last["verb"], last["position"]) == (ev.MARK, trace.nr_rows)


@pytest.mark.parametrize("name", EVERYBODY)
def test_parameters_are_declared_with_limits_and_words(name: str) -> None:
    cls = plugins().workloads.get(name)
    assert cls.params.keys() == SMALL[name].keys()
    for param in cls.params.values():
        assert param.text
        assert param.range_text()


@pytest.mark.parametrize("name", EVERYBODY)
def test_pages_compete_and_exact_strategies_agree(name: str) -> None:
    """At half of the peak live set pages leave and come back, alike whoever finds the PTEs.

    A strategy that copies before a move differs where shared pages move, and nowhere else.
    """
    trace = made(name)
    kinds = [exact_rmaps(), exact_rmaps(copies_on_move=True)]
    assert len(kinds[0]) >= 3
    decisions = []
    for kind in kinds:
        records = [run_one(trace, spec_of(one, "clock", "50%")) for one in kind]
        for record in records:
            assert record["counters"]["evictions"] > 0
            assert record["counters"]["refaults"] > 0
        (agreed,) = {record["decisions"] for record in records}
        decisions.append(agreed)
    assert (decisions[0] == decisions[1]) == (name != "mremap_storm")


# ---- what the parameters promise, by formula -------------------------------------------------


def verbs(trace: Trace) -> Counter[str]:
    return Counter(ev.VERB_NAMES[verb] for verb in trace.events["verb"].tolist())


def test_aim7() -> None:
    trace = made("aim7")
    c, p, further = 5, 12, 30
    assert verbs(trace)["fork"] == c
    assert trace.nr_accesses == p + c * p + further + 2 * c * p
    record = counts(trace)
    assert record["counters"]["cow_copies"] == c * p
    assert record["vmas"] == 1 + c + 1
    assert record["trace"]["peak_live"] == p + c * p + further
    copied, forked = record["marks"]["copied"], record["marks"]["forked"]
    assert copied["counters"]["cow_copies"] - forked["counters"]["cow_copies"] == c * p


def test_fork_chain() -> None:
    trace = made("fork_chain")
    d, p, w = 6, 20, 5
    assert verbs(trace)["fork"] == d
    assert trace.nr_accesses == p + d * w + 2 * (d + 1) * p
    record = counts(trace, "anon_vma_chain")
    assert record["counters"]["cow_copies"] == d * w
    assert record["vmas"] == d + 1
    links = record["rmap_objects"]["anon_vma_chain"]["live"]
    assert links == (d + 1) * (d + 2) // 2


def test_fork_exec_loop() -> None:
    trace = made("fork_exec_loop")
    n, p, w, text, data, reads = 6, 20, 3, 5, 4, 12
    assert verbs(trace)["fork"] == verbs(trace)["exec"] == verbs(trace)["exit"] == n
    assert trace.nr_accesses == p + n * (w + text + data + reads)
    record = counts(trace)
    assert record["counters"]["cow_copies"] == n * w
    assert record["vmas"] == 1
    assert record["counters"]["file_reads"] == text
    assert record["trace"]["nr_pages"] == p + text + n * (w + data)


def test_fork_server() -> None:
    trace = made("fork_server")
    assert verbs(trace)["fork"] == 4
    assert trace.nr_accesses == 40 + 12 * (20 + 3)
    write = (trace.op == 1) & (trace.asid > 0)
    copies = len(set(zip(trace.asid[write].tolist(), trace.vpn[write].tolist(), strict=True)))
    record = counts(trace)
    assert record["counters"]["cow_copies"] == copies
    assert record["vmas"] == 5


def test_forrest_loop() -> None:
    trace = made("forrest_loop")
    n, p, w, reads = 7, 25, 4, 15
    assert verbs(trace)["fork"] == verbs(trace)["exit"] == n
    assert trace.nr_accesses == p + n * (w + reads)
    record = counts(trace)
    assert record["counters"]["cow_copies"] == n * w
    assert record["vmas"] == 1
    assert record["trace"]["peak_live"] == p + w


def test_doubling() -> None:
    trace = made("doubling")
    n, p, w = 3, 15, 4
    assert verbs(trace)["fork"] == 2**n - 1
    assert trace.nr_accesses == p + (2**n - 1) * w + 2**n * p
    record = counts(trace, "anon_vma_chain")
    assert record["counters"]["cow_copies"] == (2**n - 1) * w
    assert record["vmas"] == 2**n
    links = record["rmap_objects"]["anon_vma_chain"]["live"]
    # A process of depth d has d + 1 links, and of depth d there are n over d.
    assert links == 2**n + n * 2 ** (n - 1)


def test_shared_segment() -> None:
    trace = made("shared_segment")
    n, p, scans = 4, 24, 3
    assert verbs(trace)["fork"] == n - 1
    assert trace.nr_accesses == scans * n * p
    pairs = set(zip(trace.asid.tolist(), trace.vpn.tolist(), strict=True))
    assert len(pairs) == n * p
    record = counts(trace)
    assert record["vmas"] == n
    assert record["trace"]["peak_live"] == p
    assert record["counters"]["misses"] == p


def test_page_pattern() -> None:
    trace = made("page_pattern", pattern="loop")
    pages, processes = 60, 3
    assert verbs(trace)["mmap"] == processes
    assert trace.nr_accesses == 500
    record = counts(trace)
    assert record["counters"]["misses"] == record["trace"]["peak_live"] == pages
    assert record["vmas"] == processes
    page = trace.vpn * processes + trace.asid
    assert (np.diff(page - page[0]) % pages == 1).all()


PATTERNS = ["zipf", "loop", "scan", "phases", "distances"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_page_pattern_keeps_to_its_pages_and_its_share_of_writes(pattern: str) -> None:
    trace = made("page_pattern", pattern=pattern, pages=400, accesses=20_000, writes=0.3)
    page = (trace.vpn - trace.vpn.min()) * 3 + trace.asid
    assert 0 <= page.min() <= page.max() < 400
    assert abs((trace.op == 1).mean() - 0.3) < 0.02
    assert len(np.unique(trace.asid)) == 3


def page_numbers(pattern: str, **params: Any) -> Any:
    trace = made("page_pattern", pattern=pattern, processes=1, **params)
    return trace.vpn - trace.vpn.min()


def test_zipf_has_the_frequencies_of_its_skew() -> None:
    page = page_numbers("zipf", pages=100, accesses=200_000, skew=1.0)
    counts = np.sort(np.bincount(page, minlength=100))[::-1]
    harmonic = (1 / np.arange(1, 101)).sum()
    for rank in (1, 2, 10):
        assert counts[rank - 1] / 200_000 == pytest.approx(1 / rank / harmonic, rel=0.05)
    even = np.bincount(page_numbers("zipf", pages=100, accesses=200_000, skew=0.0))
    assert even.max() < 1.2 * even.min()


def test_a_scan_touches_the_cold_pages_once_a_round() -> None:
    page = page_numbers("scan", pages=800, accesses=2_000)
    counts = np.sort(np.bincount(page, minlength=800))[::-1]
    assert set(counts[100:].tolist()) <= {0, 1}
    assert counts[:100].sum() == pytest.approx(0.7 * 2_000, rel=0.1)


def test_phases_are_small_and_change() -> None:
    page = page_numbers("phases", pages=800, accesses=16_000, skew=0.0)
    sets = [set(part.tolist()) for part in np.split(page, 16)]
    assert all(90 < len(one) <= 100 for one in sets)
    assert all(len(a & b) < 40 for a, b in pairwise(sets))


def test_short_distances_are_likelier() -> None:
    page = page_numbers("distances", pages=1_000, accesses=20_000, skew=0.9)
    last: dict[int, int] = {}
    gaps = []
    for now, one in enumerate(page.tolist()):
        if one in last:
            gaps.append(now - last[one])
        last[one] = now
    assert np.median(gaps) <= 4
    assert max(gaps) > 500


@pytest.mark.parametrize("pattern", ["linear", "random"])
def test_rmap_test(pattern: str) -> None:
    trace = made("rmap_test", pattern=pattern)
    tasks, maps, pages = 3, 4, 5
    assert verbs(trace)["mmap"] == tasks * maps
    assert trace.nr_accesses == 2 * tasks * maps * pages
    record = counts(trace)
    assert record["vmas"] == tasks * maps
    if pattern == "linear":
        assert record["trace"]["peak_live"] == maps * pages
        assert len(np.unique(trace.asid.astype(np.int64) << 40 | trace.vpn)) == (
            tasks * maps * pages
        )


def test_many_vmas() -> None:
    trace = made("many_vmas")
    pieces, pages, depth = 7, 4, 2
    assert verbs(trace)["mprotect"] == pieces // 2
    assert trace.nr_accesses == pieces * pages * (1 + 1 + 2) + depth
    record = counts(trace)
    assert record["vmas"] == depth + pieces
    assert record["marks"]["built"]["vmas"] == depth + 1
    assert record["counters"]["cow_copies"] == depth


def test_mremap_storm() -> None:
    trace = made("mremap_storm")
    pages, moves, children = 15, 4, 2
    assert verbs(trace)["mremap"] == 2 * moves
    assert verbs(trace)["fork"] == children
    assert trace.nr_accesses == 2 * pages + moves * (2 * pages + children * pages)
    record = counts(trace)
    assert record["vmas"] == 2 + children
    assert record["trace"]["peak_live"] == 2 * pages


def test_shared_libraries() -> None:
    trace = made("shared_libraries")
    n, writes, heap, turns, fetches = 4, 3, 4, 3, 12
    assert verbs(trace)["fork"] == verbs(trace)["exec"] == n
    assert trace.nr_accesses == heap + n * (writes + heap) + turns * n * (fetches + heap)
    record = counts(trace)
    assert record["counters"]["cow_copies"] == n * writes
    assert record["vmas"] == 1 + 3 * n


def test_android_zygote() -> None:
    trace = made("android_zygote")
    apps, heap, libraries, text, copies, own = 3, 30, 3, 6, 5, 8
    switches, reads = 6, 12
    assert verbs(trace)["fork"] == apps
    zygote = heap + libraries * (text + 2)
    assert trace.nr_accesses == zygote + apps * (own + copies) + switches * (2 * reads + own)
    record = counts(trace)
    assert record["counters"]["cow_copies"] == apps * copies + libraries * 2
    assert record["vmas"] == (1 + 2 * libraries) * (1 + apps) + apps


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("fork_chain", {"writes": 21}),
        ("fork_exec_loop", {"writes": 21}),
        ("forrest_loop", {"writes": 26}),
        ("doubling", {"writes": 16}),
        ("shared_libraries", {"writes": 7}),
        ("android_zygote", {"copies": 31}),
        ("page_pattern", {"processes": 61}),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(name: str, params: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=rf"^workload '{name}': .* pages of a "):
        made(name, **params)
