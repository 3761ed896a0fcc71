"""Do the tables of a comparison say what the records say, and the distributions what happened?"""

from __future__ import annotations

import math
from typing import Any

import pytest

from reclaim.compare.scaling import exponent, family, measure
from reclaim.counters import COUNTER_NAMES
from reclaim.engine.snapshot import quantiles
from reclaim.metrics.costs import default_costs
from reclaim.metrics.rmap_tables import PAID, WORK, tables
from tests.laboratory import rmap, run

# Three processes share eight pages; two of them copy some; memory holds twelve.
SCRIPT = """
mmap p 0 8 anon private rw-
write p 0..7
fork p c
fork p d
write c 0..1
write d 2
mprotect d 4 2 r--
mmap p 100 12 anon private rw-
write p 100..107
exit c
read p 0..7
"""


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    found = []
    for strategy in ("pte_chain", "anon_vma_chain"):
        record = run(SCRIPT, rmap(strategy), by="clock", frames=12, measure=100)
        found.append({"workload": "w", **record})
    return found


def table(records: list[dict[str, Any]], name: str) -> list[Any]:
    (found,) = [one for one in tables(records, default_costs()) if one.name == name]
    assert all(set(row) - {"workload", "rmap"} == set(found.units) for row in found.rows)
    return list(found.rows)


def test_the_work_of_an_event_is_what_its_counters_say(records: list[dict[str, Any]]) -> None:
    for record, row in zip(records, table(records, "work"), strict=True):
        forks = record["operations"]["fork"]
        assert row["fork"] == sum(forks["counters"].get(name, 0) for name in WORK) / 2
        assert forks["rmap_work"]["mean"] == row["fork"]
        assert row["exec"] is None


def test_fork_adds_a_link_a_page_or_an_object_a_vma(records: list[dict[str, Any]]) -> None:
    chains, groups = table(records, "work")
    # 8 adds; the first fork turns 8 direct pointers into nodes, the second finds room in them.
    assert chains["fork"] == (8 + 8 + 8) / 2
    # A chain of one and an anon_vma of the child's own: two AVCs linked, three objects made.
    assert groups["fork"] == 2 + 3


def test_distributions_hold_every_walk_and_fault(records: list[dict[str, Any]]) -> None:
    for record in records:
        shapes, counters = record["distributions"], record["counters"]
        walks = {name: record["phases"][f"reclaim_{name}"] for name in ("referenced", "unmap")}
        for name, phase in walks.items():
            assert shapes[f"{name}_walk"]["count"] == phase["rmap_walks"]
        faults = counters["minor_faults"] + counters["major_faults"]
        assert shapes["fault_rmap_work"]["count"] == faults
        looks = record["look"]["as_is"]["rmap_walks"]
        assert shapes["look_walk"]["count"] == looks > 0
        assert record["phases"]["probe"]["rmap_walks"] == sum(
            look["rmap_walks"] for look in record["look"].values()
        )


def test_measuring_changes_no_decision() -> None:
    with_, without = (
        run(SCRIPT, rmap("pte_chain"), by="clock", frames=12, measure=n) for n in (100, 0)
    )
    assert with_["decisions"] == without["decisions"]
    assert with_["phases"] | {"probe": {}} == without["phases"] | {"probe": {}}
    assert without["look"] == without["operations"] == {}


def test_memory_counts_what_a_scheme_adds_to_frames_and_vmas(records: list[dict[str, Any]]) -> None:
    chains, groups = table(records, "memory")
    assert chains["KiB fixed"] == 12 * 8 / 1024
    vmas = records[1]["busiest"]["vmas"]
    assert groups["KiB fixed"] == vmas * 56 / 1024
    assert groups["KiB 32"] < groups["KiB 64"]


def test_exact_strategies_decide_alike_and_a_difference_is_explained(
    records: list[dict[str, Any]],
) -> None:
    assert [row["same as first"] for row in table(records, "decisions")] == ["yes", "yes"]
    other = records[1] | {"counters": records[1]["counters"] | {"refaults": -1}}
    rows = table([records[0], other], "decisions")
    assert (rows[1]["same as first"], rows[1]["why"]) == ("no", "a fault of ours: refaults")


def test_a_walk_that_cannot_stop_early_costs_more(records: list[dict[str, Any]]) -> None:
    _, groups = table(records, "others")
    # d's and p's pages are found at the first or second VMA of three.
    sample = next(one for one in table(records, "reclaim") if one["rmap"] == "anon_vma_chain")
    assert groups["migrate"] == pytest.approx(sample["sample"] + sample["no exit"])
    assert sample["no exit"] > sample["sample"]
    # No page of a file is mapped, and only those can be written back or truncated.
    assert groups["mkclean"] is groups["truncate"] is None


def test_every_operation_has_a_column_in_both_tables(records: list[dict[str, Any]]) -> None:
    for name in ("work", "time"):
        assert set(PAID) <= set(table(records, name)[0])


@pytest.mark.parametrize("values", [[], [5], [1, 2, 3, 4], list(range(1, 1001))])
def test_quantiles_are_those_of_the_sorted_list(values: list[int]) -> None:
    found = quantiles(values)
    if not values:
        assert found == {"mean": 0.0, "p50": 0, "p99": 0, "max": 0}
        return
    ordered = sorted(values)
    assert found["mean"] == sum(values) / len(values)
    assert found["max"] == ordered[-1]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        assert sum(v <= found[name] for v in values) >= share * len(values)
        assert sum(v < found[name] for v in values) < share * len(values)


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_exponents_are_those_that_made_the_points(power: float) -> None:
    sizes = [10, 30, 100, 300, 1000]
    assert exponent(sizes, [7 * n**power for n in sizes]) == pytest.approx(power)


def test_small_sizes_do_not_bend_an_exponent() -> None:
    sizes = [1, 2, 4, 1000, 2000, 4000]
    assert exponent(sizes, [n + 3 for n in sizes]) == pytest.approx(1, abs=0.01)


def test_a_star_and_a_chain_are_measured_as_arithmetic_says() -> None:
    star, chain = (
        measure(run(family(kind, 6, 3), rmap("anon_vma_chain"), check=False), 6)
        for kind in ("processes", "depth")
    )
    # Star: each fork links two AVCs and makes them and an anon_vma. Chain: depth 6 links seven.
    assert (star["fork"], chain["fork"]) == (5, 15)
    assert star["objects"] == (2 * 6 + 1) + (6 + 1)
    assert chain["objects"] == 7 * 8 // 2 + 7
    assert (star["walk_own"], chain["walk_own"]) == (1, 1)
    assert (star["walk_shared"], chain["walk_shared"]) == (7, 7)


def test_work_counters_exist() -> None:
    assert set(WORK) <= set(COUNTER_NAMES)
    assert not math.isnan(exponent([1, 2], [0, 0]))
