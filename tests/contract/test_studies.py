"""Do the published shapes come out, at sizes small enough to run each time?"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.studies import aim7, chains, depth, mean_walk, rmap_test, ten_thousand
from benchmarks.studies.__main__ import STUDIES

PAGES = Path(__file__).parents[2] / "docs/studies"


@pytest.mark.parametrize("nr", [5, 12])
def test_aim7_grows_with_users_for_the_list_and_for_nobody_else(nr: int) -> None:
    """C + 3 visits for each reclaimed page with one list, 2 with every other scheme."""
    for rmap in aim7.STRATEGIES:
        assert aim7.visits(nr, 3, rmap) == (nr + 3 if rmap == "anon_vma" else 2)


@pytest.mark.slow
@pytest.mark.jit_only
def test_lists_are_dearer_than_chains_and_trees_are_not() -> None:
    rows = rmap_test.study({"1": (10, 20, 2), "3": (1, 2000, 3)})
    for test, tasks in (("1", 10), ("3", 1)):
        mine = {row["files by"]: row for row in rows if row["test"] == test}
        assert mine["list"]["visits a walk"] == (200 if test == "1" else 2000)
        assert all(row["hits a walk"] == mine["chains"]["hits a walk"] for row in mine.values())
        for index in ("prio_tree", "interval tree"):
            assert mine[index]["visits a walk"] == mine[index]["hits a walk"] <= tasks
            assert mine[index][rmap_test.RATIO] < 1.2
        assert mine["list"][rmap_test.RATIO] > 2


def test_nodes_of_chains_are_those_of_the_formula() -> None:
    rows = chains.study()  # which compares what it builds
    assert [row["bytes"] for row in rows if row["how"] == "computed"] == pytest.approx(
        [12.00e9, 11.21e9, 10.87e9], rel=1e-3
    )


def test_the_mean_walk_is_two_to_the_end_and_one_with_early_exit() -> None:
    last = mean_walk.study(20, 20)[-1]
    assert last["to the end"] == pytest.approx(2 - 1 / 21)
    assert last["early exit"] == 1


def test_chains_of_anon_vmas_grow_with_the_square_of_depth() -> None:
    rows = depth.study({"processes": (1, 2), "depth": (3, 9)})
    found = {
        row[depth.COLUMNS[0]]: row[depth.COLUMNS[1]]
        for row in rows
        if row["rmap"] == "anon_vma_chain"
    }
    assert found == {d: (d + 1) * (d + 2) // 2 + d + 1 for d in (3, 9)}


@pytest.mark.parametrize("rmap", ["pte_chain", "anon_vma", "full_scan"])
def test_a_sample_of_a_large_family_stands_for_all_of_it(rmap: str) -> None:
    """Child j's page is found at visit j + 1 on the list; a scan reads half of all tables."""
    whole = ten_thousand.run(rmap, 30, 10, None)
    part = ten_thousand.run(rmap, 30, 10, 60)
    assert (whole["pages out"], part["pages out"]) == (300, 60)
    visits = {"pte_chain": 1, "anon_vma": (30 + 3) / 2, "full_scan": 0}[rmap]
    assert whole[ten_thousand.VISITS] == visits
    for column in (ten_thousand.VISITS, ten_thousand.PROBES):
        assert part[column] == pytest.approx(whole[column], rel=0.02)


def test_a_strategy_that_finds_no_page_is_driven_by_its_policy() -> None:
    row = ten_thousand.run("prototype_pte", 10, 10, 20)
    assert row["pages out"] >= 20
    assert row[ten_thousand.VISITS] == 0


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_its_table_and_figure(name: str) -> None:
    stem = name.replace("_", "-")
    pages = [path.read_text() for path in PAGES.glob("*.md")]
    for file in (f"{stem}.txt", f"{stem}.svg"):
        assert (PAGES / file).is_file()
        assert any(file in page for page in pages)
