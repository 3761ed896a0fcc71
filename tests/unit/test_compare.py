"""Does the closing sentence say what the records say, and nothing that they do not?"""

from __future__ import annotations

from typing import Any

import pytest

from reclaim.cli.plain import WIDTH
from reclaim.cli.table import notes, table
from reclaim.counters import COUNTER_NAMES
from reclaim.errors import MachineError
from reclaim.metrics.compare import finding, short, size
from reclaim.metrics.memory import estimate, refuse_too_large


def record(policy: str = "clock", rmap: str = "a", frames: int = 10, **more: Any) -> dict[str, Any]:
    counters = dict.fromkeys(COUNTER_NAMES, 0) | {
        "accesses": 1000,
        "misses": 100,
        "evictions": 90,
        "rmap_walks": 10,
        "ptes_probed": 40,
    }
    counters |= {k: v for k, v in more.items() if k in counters}
    return {
        "policy": policy,
        "rmap": rmap,
        "frames": frames,
        "counters": counters,
        "derived": {"miss_ratio": counters["misses"] / counters["accesses"]},
        "rmap_bytes": {"live": 0, "peak": more.get("peak", 2048)},
        "modelled": {"total_ns": 2.5e6},
        "warnings": more.get("warnings", []),
    }


def test_rmaps_that_agree() -> None:
    records = [record(rmap="a"), record(rmap="b", ptes_probed=400, peak=0)]
    assert finding(records) == (
        "The 2 rmaps gave identical faults, evictions and refaults; what they paid differs: a "
        "looked at 4 PTEs per walk and held 2.0 KiB; b looked at 40 PTEs per walk and held 0 B."
    )


def test_rmaps_that_do_not_agree_are_not_called_identical() -> None:
    records = [record(rmap="a"), record(rmap="b", misses=101), record(rmap="a", frames=20)]
    said = finding(records)
    assert "identical" not in said
    assert said.startswith(
        "In 1 of 2 combinations of policy and memory the rmaps do NOT agree (first: clock with 10 "
        "frames, in misses)"
    )


def test_policies_are_ranked_at_the_smallest_memory() -> None:
    records = [
        record("lru", misses=120),
        record("opt", misses=80),
        record("opt", frames=50, misses=20),
    ]
    assert finding(records) == (
        "With 10 frames opt missed least (8.00 % of the accesses) and lru most (12.00 %)."
    )
    assert "equally often" in finding([record("lru"), record("opt")])


def test_sizes_and_single_runs_have_a_sentence() -> None:
    assert finding([record(), record(frames=20, misses=50)]) == (
        "clock over a missed 10.00 % of the accesses with 10 frames and 5.00 % with 20."
    )
    assert "evicted 90 pages" in finding([record()])
    assert finding([]) == "No run was finished."


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00k"),
        (9996, "10.0k"),
        (12345, "12.3k"),
        (99960, "100k"),
        (999_999, "1000k"),
        (4_560_000, "4.56M"),
        (2.25, "2.2"),
        (7e9, "7.00G"),
    ],
)
def test_counts_are_short(number: float, text: str) -> None:
    assert short(number) == text


def test_bytes_are_for_people() -> None:
    assert [size(n) for n in (0, 512, 2048, 5 << 20, 3 << 30)] == [
        "0 B",
        "512 B",
        "2.0 KiB",
        "5.0 MiB",
        "3.0 GiB",
    ]


def test_the_table_fits_even_with_long_names_and_large_counts() -> None:
    large = dict.fromkeys(("evictions", "rmap_walks", "ptes_probed", "refaults"), 123_456_789_012)
    long = "a_policy_with_a_very_long_name_indeed"
    records = [record(long, "an_rmap_with_a_long_name_too", 123_456_789, **large), record()]
    lines = table(records).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "a_policy" in lines[-1]
    assert lines[2].split()[0] == "10"  # by size of memory


def test_a_warning_is_said_once_with_its_runs() -> None:
    odd = [record(rmap=name, warnings=["never evicted"]) for name in "abc"]
    assert notes(odd)[0] == "warning: never evicted (clock/a/10 and 2 more)"
    assert "not measured" in notes(odd)[-1]


def test_memory_is_estimated_from_what_the_trace_touches() -> None:
    needed = estimate(frames=1000, pages=10_000, leaves=20, rows=1_000_000, lookahead=True)
    assert needed.total == 100_000 + 640_000 + 20 * 4160 + 8_000_000 + 17_000_000
    assert needed.text() == (
        "memory: about 25.8 MB (trace 17.0 MB, lookahead 8.0 MB, pages 0.6 MB, ...), and the "
        "plugins' own"
    )
    refuse_too_large(needed, 26_000_000)
    with pytest.raises(MachineError, match=r"^not enough memory: .*; 1\.0 MB are free\. Use a"):
        refuse_too_large(needed, 1_000_000)
