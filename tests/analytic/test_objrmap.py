"""Does objrmap_list walk the lists of a file's VMAs as McCracken's patch did, in their order?

Checks T-D1 to T-D3 for lists. A visit is a VMA looked at, whether it covers the page or not: in the
others no PTE is read. Positions on a list are derived from a Python list that inserts where the
kernel of 2003 inserts.
"""

from __future__ import annotations

from math import ceil

import pytest

from tests.analytic.workloads import copied_by, probe_of, star, windows, windows_probe
from tests.laboratory import rmap, run

STRATEGY = "objrmap_list"


def mapped(names: list[str], kind: str = "shared") -> str:
    """Each process maps the file by itself."""
    return "".join(f"mmap {name} 0 4 file:lib@0 {kind} r--\n" for name in names)


# ---- what it costs ------------------------------------------------------------------------------


@pytest.mark.parametrize("fork_copies", ["anon", "all"])
def test_file_pages_cost_nothing_but_a_count(fork_copies: str) -> None:
    """Faults, forks, exits of file pages: no link, no object, no search; only the walk pays."""
    script = mapped(["p"]) + "read p 0..3\nfork p c\nread c 0..3\nexit p\n"
    record = run(script, STRATEGY, fork_copies=fork_copies, frames=10, layout="32-bit")
    for name in ("links_added", "links_removed", "slots_searched", "objects_allocated"):
        assert record["counters"][f"rmap_{name}"] == 0
    assert record["rmap_bytes"]["live"] == 0
    assert record["counters"]["ptes_copied"] == (4 if fork_copies == "all" else 0)


@pytest.mark.parametrize("m", [1, 2, 7, 8, 100])
def test_anonymous_pages_are_chained(m: int) -> None:
    """So many processes share a page: no node for one, else ceil(m / 7); a walk visits m links.

    The frame's word is the chain's head or the count of mappings: 8 bytes either way.
    """
    record = run(star(m - 1), STRATEGY, frames=20)
    assert record["rmap_objects"]["pte_chain"]["live"] == (0 if m == 1 else ceil(m / 7))
    assert record["rmap_bytes"]["fixed"] == 20 * 8
    probe = probe_of(star(m - 1) + "evict p 0", STRATEGY)
    assert (probe["links_visited"], probe["vmas_visited"], probe["ptes_hit"]) == (m, 0, m)


def test_a_copy_in_a_private_file_mapping_is_anonymous() -> None:
    """Before the copy: found by the file's list. After: the copy by its chain, the page by nobody.

    The file page stays in the page cache for the two that did not write.
    """
    script = mapped(["s", "t"], "private") + "mmap w 0 4 file:lib@0 private rw-\n"
    script += "read s 1\nread t 1\nread w 1\n"
    probe = probe_of(script + "evict w 1", STRATEGY)
    assert (probe["vmas_visited"], probe["links_visited"], probe["ptes_hit"]) == (3, 0, 3)
    probe = probe_of(script + "write w 1\nevict w 1", STRATEGY)
    assert (probe["vmas_visited"], probe["links_visited"], probe["ptes_hit"]) == (0, 1, 1)
    probe = probe_of(script + "write w 1\nevict s 1", STRATEGY)
    assert (probe["vmas_visited"], probe["links_visited"], probe["ptes_hit"]) == (3, 0, 2)


@pytest.mark.parametrize("early_exit", [False, True])
def test_vmas_outside_are_looked_at_but_not_probed(early_exit: bool) -> None:
    """20 processes map another part: 21 visits, one PTE read, one lock of page tables.

    The mapping that counts comes last, so an early exit saves nothing.
    """
    script = "".join(f"mmap t{i} 0 4 file:lib@100 shared r--\n" for i in range(20)) + mapped(["p"])
    record = run(script + "read p 2\nmark full\nevict p 2", STRATEGY)
    probe = probe_of(script + "read p 2\nevict p 2", STRATEGY, early_exit=early_exit)
    assert (probe["vmas_visited"], probe["ptes_probed"], probe["ptes_hit"]) == (21, 1, 1)
    change = {k: n - record["marks"]["full"]["counters"][k] for k, n in record["counters"].items()}
    assert (change["trylocks"], change["locks"]) == (1, 1)


@pytest.mark.parametrize(("line", "lines"), [(32, 20 + 300 / 3), (128, 2 * (20 + 300 / 15))])
def test_lines_of_a_walk(line: int, lines: float) -> None:
    """300 links in 20 walks: full nodes of 3 or 15 slots and one more a walk, 1 or 2 lines each.

    One link a walk is one line, whatever the node. VMAs and PTEs are a line each.
    """
    chosen = rmap(STRATEGY, line=line)
    strategy = chosen.cls.new(**chosen.params)
    work = {"rmap_walks": 20, "rmap_links_visited": 300, "ptes_probed": 310}
    assert strategy.walk_lines(work) == lines + 310
    assert strategy.walk_lines({"rmap_walks": 20, "rmap_links_visited": 20}) == 20
    assert strategy.walk_lines({"rmap_walks": 2, "rmap_vmas_visited": 9, "ptes_probed": 3}) == 12


# ---- the order of lists -------------------------------------------------------------------------


@pytest.mark.parametrize("early_exit", [False, True])
@pytest.mark.parametrize("n", [1, 4])
def test_mmap_goes_to_the_end(n: int, early_exit: bool) -> None:
    """__vma_link_file: list_add_tail. Process i of n is found at visit i; without exit n visits."""
    names = [f"t{i}" for i in range(n)]
    for at, name in enumerate(names):
        script = mapped(names) + f"read {name} 0\nevict {name} 0"
        probe = probe_of(script, STRATEGY, early_exit=early_exit)
        assert probe["vmas_visited"] == (at + 1 if early_exit else n)


def test_fork_goes_before_the_parent() -> None:
    """dup_mmap of 2.5: list_add_tail(&tmp->shared, &mpnt->shared), that is, *before* mpnt.

    The comment there says "just after"; anobjrmap 7 of March 2004 made it list_add.
    """
    order = ["a", "p", "z"]
    script = mapped(order)
    for parent, child in [("p", "c1"), ("p", "c2"), ("c1", "g1"), ("z", "c3"), ("g1", "h")]:
        script += f"fork {parent} {child}\n"
        order.insert(order.index(parent), child)
    assert order == ["a", "h", "g1", "c1", "c2", "p", "c3", "z"]
    for at, name in enumerate(order):
        probe = probe_of(script + f"read {name} 0\nevict {name} 0", STRATEGY, early_exit=True)
        assert probe["vmas_visited"] == at + 1


def test_private_mappings_come_first() -> None:
    """page_referenced_obj walks i_mmap, then i_mmap_shared, whoever was first to map."""
    script = mapped(["s1", "s2"]) + mapped(["v1", "v2"], "private") + mapped(["s3"])
    for at, name in enumerate(["v1", "v2", "s1", "s2", "s3"]):
        probe = probe_of(script + f"read {name} 0\nevict {name} 0", STRATEGY, early_exit=True)
        assert probe["vmas_visited"] == at + 1


def test_a_split_adds_its_upper_part_at_the_end_and_a_merge_moves_nobody() -> None:
    """The lower part keeps its place, whatever its range becomes; so does what is left of a merge.

    A list is not keyed by the range, so nothing is taken off when a range changes.
    """
    script = mapped(["p", "q"])
    split = script + "mprotect p 2 2 rw-\n"
    for page, visits in [(0, 1), (1, 1), (2, 3), (3, 3)]:
        probe = probe_of(split + f"read p {page}\nevict p {page}", STRATEGY, early_exit=True)
        assert probe["vmas_visited"] == visits
    merged = split + "mprotect p 2 2 r--\nexpect vmas 2\n"
    for page in range(4):
        probe = probe_of(merged + f"read p {page}\nevict p {page}", STRATEGY, early_exit=True)
        assert probe["vmas_visited"] == 1


def test_mremap_goes_to_the_end() -> None:
    """The VMA at the new address is a new one: mapped as by mmap, the old one goes."""
    script = mapped(["p", "q"]) + "read p 1\nmremap p 0 4 50\nexpect vmas 2\n"
    probe = probe_of(script + "evict p 51", STRATEGY, early_exit=True)
    assert (probe["vmas_visited"], probe["ptes_hit"]) == (2, 1)


# ---- rmap-test ----------------------------------------------------------------------------------


def last_of(tasks: int, nr_windows: int) -> int:
    """Position of the last task's middle window on a list in order of mmap, counted from 1."""
    order = [(task, window) for task in range(tasks) for window in range(nr_windows)]
    return order.index((tasks - 1, nr_windows // 2)) + 1


def windows_of_a_list(tasks: int, nr_windows: int, pages: int) -> None:
    probe = windows_probe(tasks, nr_windows, pages, STRATEGY)
    assert (probe["vmas_visited"], probe["ptes_hit"]) == (tasks * nr_windows, tasks)
    assert probe["ptes_probed"] == tasks
    probe = windows_probe(tasks, nr_windows, pages, STRATEGY, early_exit=True)
    assert (probe["vmas_visited"], probe["ptes_hit"]) == (last_of(tasks, nr_windows), tasks)


@pytest.mark.parametrize(("tasks", "nr_windows"), [(10, 10), (20, 5), (30, 30)])
def test_t_d1_windows_of_a_file_small(tasks: int, nr_windows: int) -> None:
    """Small: tasks x windows visits a walk, one hit for each task; exit saves half a task."""
    windows_of_a_list(tasks, nr_windows, 600)


@pytest.mark.slow
def test_t_d1_windows_of_a_file() -> None:
    """rmap-test 1: 100 tasks x 100 windows of 600 pages: 10,000 VMAs a walk for 100 hits."""
    windows_of_a_list(100, 100, 600)


@pytest.mark.parametrize("nr_windows", [40, pytest.param(10_000, marks=pytest.mark.slow)])
def test_t_d2_one_task(nr_windows: int) -> None:
    """rmap-test 3: one task, 10,000 windows of 7 pages (273 MiB): 10,000 visits for one hit."""
    assert round(10_000 * 7 * 4096 / 2**20) == 273
    windows_of_a_list(1, nr_windows, 7)


@pytest.mark.parametrize("side", [8, 20])
def test_t_d3_a_thousand_by_a_thousand(side: int) -> None:
    """A. Morton, 20 February 2003: 1000 x 1000 windows take 1,000,000 visits to unmap one page.

    And as many again on each failure. The product is what counts; here small sides of it.
    """
    visits = windows_probe(side, side, 4, STRATEGY)["vmas_visited"]
    assert visits == side**2 == windows(side, side, 4).count("mmap")
    assert visits * (1000 // side) ** 2 == 1_000_000


def test_all_windows_on_one_page_are_inherent() -> None:
    """If every VMA maps the page, hits are visits: no structure over VMAs could do better."""
    names = [f"t{i}" for i in range(30)]
    script = mapped(names) + "".join(f"read {name} 3\n" for name in names) + "evict t0 3"
    probe = probe_of(script, STRATEGY)
    assert probe["vmas_visited"] == probe["ptes_hit"] == 30


def test_t_e_walks_of_a_family() -> None:
    """AIM7's tree: a page of the parent or of a child takes one link, as with pte_chain."""
    script = star(9) + copied_by([f"c{i}" for i in range(1, 10)])
    for name in ("p", "c1", "c9"):
        probe = probe_of(script + f"evict {name} 0", STRATEGY)
        assert (probe["links_visited"], probe["vmas_visited"]) == (1, 0)
