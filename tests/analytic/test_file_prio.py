"""Does anon_vma find a file's mappings by its prio_tree, in the kernel's order and no others?

Checks T-D1 to T-D3 for the prio_tree of 2.6.7. A visit is a VMA that the tree hands out; all of
them cover the page.
"""

from __future__ import annotations

import pytest

from tests.analytic.workloads import probe_of, windows, windows_probe
from tests.laboratory import run

STRATEGY = "anon_vma"


def windows_of_a_tree(tasks: int, nr_windows: int, pages: int) -> None:
    for early_exit in (True, False):
        probe = windows_probe(tasks, nr_windows, pages, STRATEGY, early_exit=early_exit)
        assert probe["vmas_visited"] == probe["ptes_hit"] == probe["ptes_probed"] == tasks


def visits_of(script: str) -> int:
    return probe_of(script, STRATEGY)["vmas_visited"]


@pytest.mark.parametrize(("tasks", "nr_windows"), [(10, 10), (20, 5)])
def test_t_d1_windows_of_a_file_small(tasks: int, nr_windows: int) -> None:
    """Small: the prio_tree hands out one VMA per task, all of them hits; steps follow the bits."""
    windows_of_a_tree(tasks, nr_windows, 600)


@pytest.mark.slow
def test_t_d1_windows_of_a_file() -> None:
    """rmap-test 1: 100 tasks x 100 windows of 600 pages: 100 visits (a list: 10,000)."""
    windows_of_a_tree(100, 100, 600)


@pytest.mark.parametrize("nr_windows", [40, pytest.param(10_000, marks=pytest.mark.slow)])
def test_t_d2_one_task(nr_windows: int) -> None:
    """rmap-test 3: one task, 10,000 windows of 7 pages: 1 visit (a list: 10,000)."""
    windows_of_a_tree(1, nr_windows, 7)


@pytest.mark.parametrize("side", [8, 20])
def test_t_d3_side_by_side(side: int) -> None:
    """1000 tasks x 1000 windows: 1000 visits, all hits (a list: 1,000,000). Here small sides."""
    windows_of_a_tree(side, side, 4)


@pytest.mark.parametrize("nr_windows", [50, 200])
def test_tree_steps_follow_bits_not_vmas(nr_windows: int) -> None:
    """A stabbing query inspects at most two nodes a bit, however many VMAs share an interval."""
    pages = 8
    counts = {}
    for tasks in (1, 6):
        script = windows(tasks, nr_windows, pages)
        script += f"read t0 {nr_windows * pages}\nevict t0 {nr_windows * pages}"
        counts[tasks] = run(script, STRATEGY)["counters"]["rmap_tree_steps"]
    assert 0 < counts[1] == counts[6] <= 2 * (nr_windows * pages).bit_length()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_order_of_equals_in_a_files_tree(n: int) -> None:
    """vma_prio_tree_add: children of the one that stands in the tree go to the end of its ring.

    Grandchildren go right behind their parent, which is only on the ring.
    """
    script = "mmap p 0 1 file:lib@0 shared rw-\n"
    order = ["p"]
    for i in range(1, n + 1):
        script += f"fork p c{i}\n"
        order.append(f"c{i}")
    script += "fork c1 g1\nfork c1 g2\n"
    for grandchild in ("g1", "g2"):
        order.insert(order.index("c1") + 1, grandchild)
    for at, name in enumerate(order):
        assert visits_of(f"{script}read {name} 0\nevict {name} 0") == at + 1
    # The one in the tree goes: the next takes its place, the others keep their order.
    for at, name in enumerate(order[1:]):
        assert visits_of(f"{script}exit p\nread {name} 0\nevict {name} 0") == at + 1
