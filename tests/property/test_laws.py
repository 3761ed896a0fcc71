"""Do laws hold that no implementation may break: Belady's, of names, of batches, of folding?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reclaim import rows as r
from reclaim.jit.kernel import BOUNDSCHECK
from reclaim.run import build
from reclaim.trace.model import Trace
from reclaim.trace.script import parse_script
from reclaim.vm.machine import grow
from tests import laboratory
from tests.oracle.scripts import RandomChooser, ScriptWriter, random_script

# Whoever names victims chooses all of them: nothing is locked, nothing evicted on request.
FREE = ["access", "mmap", "munmap", "mremap", "mprotect", "fork", "exec", "exit"]
FREE += ["fdread", "fdwrite", "truncate"]
WALKED = [c.name for c in laboratory.plugins().policies.classes() if "page_tables" not in c.needs]
# Each is a pair to compile, and the bounds-checked lane would compile most of them for this alone.
POLICIES = ("fifo", "clock", "lru", "opt") if BOUNDSCHECK else tuple(sorted(WALKED))
STRATEGY = "pte_chain"


def script(seed: int, nr_lines: int) -> Trace:
    writer = ScriptWriter(RandomChooser(seed), verbs=FREE)
    return parse_script(writer.write(nr_lines))


scripts = st.builds(script, st.integers(0, 1 << 32), st.integers(1, 150))
page_lists = st.lists(st.integers(0, 15), min_size=1, max_size=150)


def run(trace: Trace, policy: str, frames: int, **spec: Any) -> dict[str, Any]:
    return laboratory.run(trace, STRATEGY, by=policy, frames=frames, **spec)


def fetches(record: dict[str, Any]) -> int:
    return record["counters"]["misses"] + record["counters"]["fills"]


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=10)
@given(scripts, st.sampled_from([3, 5, 9, 17]))
def test_no_policy_fetches_less_than_belady(policy, trace, frames):
    assert fetches(run(trace, "opt", frames)) <= fetches(run(trace, policy, frames))


@given(scripts)
def test_belady_never_fetches_more_in_more_memory(trace):
    found = [fetches(run(trace, "opt", frames)) for frames in (2, 3, 5, 8, 13, 21)]
    assert found == sorted(found, reverse=True)


@given(page_lists)
def test_lru_never_misses_more_in_more_memory(pages):
    trace = laboratory.page_list(pages)
    found = [fetches(run(trace, "lru", frames)) for frames in range(1, 9)]
    assert found == sorted(found, reverse=True)


@given(scripts, st.sampled_from(POLICIES))
def test_who_has_memory_enough_never_evicts(trace, policy):
    peak = run(trace, policy, 1000)["trace"]["peak_live"]
    enough = run(trace, policy, max(1, peak))
    assert enough["counters"]["evictions"] == 0
    assert not fetches(enough) or any("evict" in warning for warning in enough["warnings"])


def sliced(trace: Trace, rows: int) -> Trace:
    """Return the same trace in batches of a few rows."""

    class Sliced(Trace):
        def batches(self, _rows: int = 0) -> Any:
            return super().batches(rows)

    return Sliced(**vars(trace))


@given(scripts, st.sampled_from(POLICIES), st.sampled_from([1, 3, 50]))
def test_batches_change_nothing(trace, policy, rows):
    assert run(sliced(trace, rows), policy, 9)["digest"] == run(trace, policy, 9)["digest"]


def of_one_process(pages: list[int]) -> Trace:
    """Return the trace that touches these pages of a mapping of 16."""
    lines = [f"{'write' if page % 3 else 'read'} p {page}" for page in pages]
    return parse_script("\n".join(["mmap p 0 16 anon private rw-", *lines]))


@given(page_lists, st.permutations(range(16)), st.sampled_from(POLICIES), st.integers(1, 10))
def test_names_of_pages_change_nothing(pages, names, policy, frames):
    trace = of_one_process(pages)
    renamed = replace(trace, vpn=np.array(names, dtype=np.int64)[trace.vpn])
    one, other = run(trace, policy, frames), run(renamed, policy, frames)
    assert one["counters"] == other["counters"]


@given(scripts, st.sampled_from(["fifo", "clock", "lru", "opt"]))
def test_folding_repeats_changes_nothing(trace, policy):
    """Rows that repeat their page and operation, written out, count as their folded row.

    For policies that do not tell a second use from the first: of the row that brought a page in, no
    use is told (`accessed`), but of its repeats when they are rows of their own.
    """
    few = replace(trace, nr=np.minimum(trace.nr, 3).astype(np.int32))
    times = few.nr
    before = np.concatenate([[0], np.cumsum(times)])
    events = few.events.copy()
    events["position"] = before[events["position"]]
    unfolded = replace(
        few,
        asid=np.repeat(few.asid, times),
        vpn=np.repeat(few.vpn, times),
        op=np.repeat(few.op, times),
        nr=np.ones(int(times.sum()), dtype=np.int32),
        events=events,
    )
    assert unfolded.nr_rows >= few.nr_rows
    assert run(unfolded, policy, 9)["counters"] == run(few, policy, 9)["counters"]


@pytest.mark.parametrize("seed", range(3))
def test_room_that_is_there_from_the_start_changes_nothing(seed, monkeypatch):
    trace = parse_script(random_script(seed, 300))
    tight = run(trace, "clock", 20)

    def roomy(*args: Any) -> Any:
        m, policy = build(*args)
        m.live[[r.WANT_LEAVES, r.WANT_NODES, r.WANT_VMAS, r.WANT_PAGES]] = 500
        grow(m)
        return m, policy

    monkeypatch.setattr("reclaim.run.build", roomy)
    assert run(trace, "clock", 20)["digest"] == tight["digest"]
