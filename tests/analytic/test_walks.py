"""Does a walk take as many steps as measured on real kernels, and as the mails reckon?

Checks T-D1 and T-E, and the visits of a star of processes, measured on Linux 6.1 and 6.12 with
kprobes. A visit of anon_vma_chain is a VMA handed to the callback: it covers the index, whether
it maps the page or not, until as many PTEs were found as the page has mappings.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest

from tests.analytic.workloads import aim7_walks, copied_by, probe_of, star, windows_probe
from tests.laboratory import RMAPS, rmap, run

LEAF = 512
"""PTEs of a page-table leaf: what full_scan reads of each process of a star but the last."""

NO_EXIT = ("anon_vma_chain", {"early_exit": False})


# ---- the star -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "visits"), [(3, 4), (15, 16)])
@pytest.mark.parametrize("verb", ["referenced", "evict"])
def test_star_shared_by_all(n: int, visits: int, verb: str) -> None:
    """All n + 1 map the page: n + 1 visits (measured: 4 and 16), n + 1 hits, for either walk."""
    script = star(n) + f"{verb} p 0"
    found = {strategy: probe_of(script, strategy) for strategy in RMAPS}
    assert {probe["ptes_hit"] for probe in found.values()} == {n + 1} == {visits}
    assert {probe["mapcount"] for probe in found.values()} == {n + 1}
    assert found["anon_vma_chain"]["vmas_visited"] == visits
    assert found["anon_vma_chain"]["ptes_probed"] == visits
    assert found["pte_chain"]["links_visited"] == visits
    assert found["pte_chain"]["ptes_probed"] == visits
    assert found["full_scan"]["ptes_probed"] == n * LEAF + 1


@pytest.mark.parametrize("n", [3, 15])
def test_star_left_to_one_child(n: int) -> None:
    """Only the last child still maps the page: n + 1 visits. Only the first: 2. Child i: i + 1.

    All others have copied it. The tree keeps insertion order: the parent, then children from the
    oldest. pte_chain looks at the one link.
    """
    names = ["p", *(f"c{i}" for i in range(1, n + 1))]
    for at, name in enumerate(names):
        others = [other for other in names if other != name]
        probe = probe_of(star(n) + copied_by(others) + f"evict {name} 0", "anon_vma_chain")
        assert (probe["mapcount"], probe["ptes_hit"]) == (1, 1)
        assert probe["vmas_visited"] == at + 1
        probe = probe_of(star(n) + copied_by(others) + f"evict {name} 0", "pte_chain")
        assert probe["links_visited"] == 1
        probe = probe_of(star(n) + copied_by(others) + f"evict {name} 0", "full_scan")
        assert probe["ptes_probed"] == at * LEAF + 1


@pytest.mark.parametrize("n", [3, 15])
def test_star_after_all_have_copied(n: int) -> None:
    """The parent's own page: 1 visit, since it comes first; n + 1 if walks never stop early.

    A child's copy: 1 visit either way, in an anon_vma of its own.
    """
    copied = star(n) + copied_by([f"c{i}" for i in range(1, n + 1)])
    assert probe_of(copied + "evict p 0", "anon_vma_chain")["vmas_visited"] == 1
    assert probe_of(copied + "evict p 0", NO_EXIT[0], **NO_EXIT[1])["vmas_visited"] == n + 1
    for child in ("c1", f"c{n}"):
        script = copied + f"evict {child} 0"
        assert probe_of(script, "anon_vma_chain")["vmas_visited"] == 1
        assert probe_of(script, NO_EXIT[0], **NO_EXIT[1])["vmas_visited"] == 1


def test_a_merge_puts_the_parent_behind_its_children() -> None:
    """The order among equals is not stable: split and merge insert the VMA again, as the last.

    With 3 children that all copied, the parent's page then takes 4 visits instead of 1.
    """
    script = star(3).replace("p 0 1 anon", "p 0 2 anon") + copied_by(["c1", "c2", "c3"])
    changed = script + "mprotect p 1 1 r--\nmprotect p 1 1 rw-\nexpect vmas 4\n"
    assert probe_of(script + "referenced p 0", "anon_vma_chain")["vmas_visited"] == 1
    assert probe_of(changed + "referenced p 0", "anon_vma_chain")["vmas_visited"] == 4


@pytest.mark.parametrize("n", [1, 2, 5, 15])
def test_order_of_a_files_tree(n: int) -> None:
    """Fork puts the child's VMA right behind its parent's: parent, newest child ... oldest child.

    A page that only child i of n has touched is found at visit n - i + 2.
    """
    mapped = "mmap p 0 1 file:lib@0 shared rw-\n" + "".join(
        f"fork p c{i}\n" for i in range(1, n + 1)
    )
    for i in range(1, n + 1):
        probe = probe_of(f"{mapped}read c{i} 0\nevict c{i} 0", "anon_vma_chain")
        assert probe["vmas_visited"] == n - i + 2
    assert probe_of(f"{mapped}read p 0\nevict p 0", "anon_vma_chain")["vmas_visited"] == 1


@pytest.mark.parametrize("early_exit", [True, False])
def test_order_of_a_files_tree_without_fork(early_exit: bool) -> None:
    """Processes that map a file by themselves stay in the order in which they mapped it."""
    script = "".join(f"mmap s{i} 0 1 file:lib@0 shared rw-\n" for i in range(6))
    for i in range(6):
        probe = probe_of(
            f"{script}read s{i} 0\nevict s{i} 0", "anon_vma_chain", early_exit=early_exit
        )
        assert probe["vmas_visited"] == (i + 1 if early_exit else 6)


# ---- rmap-test 1 --------------------------------------------------------------------------------


@pytest.mark.parametrize(("tasks", "nr_windows"), [(10, 10), (20, 5)])
def test_t_d1_windows_of_a_file_small(tasks: int, nr_windows: int) -> None:
    """Small: tasks x windows VMAs of one file: the interval tree hands out one per task."""
    probe = windows_probe(tasks, nr_windows, 600, "anon_vma_chain")
    assert (probe["vmas_visited"], probe["ptes_hit"]) == (tasks, tasks)


@pytest.mark.slow
def test_t_d1_windows_of_a_file() -> None:
    """rmap-test 1: 100 tasks x 100 disjoint windows of 600 pages.

    A list walks 10,000 VMAs for 100 hits; the tree visits 100. The file is 60,000 pages, 234 MiB
    (cited as 240 MB).
    """
    assert round(100 * 600 * 4096 / 2**20) == 234
    probe = windows_probe(100, 100, 600, "anon_vma_chain")
    assert (probe["vmas_visited"], probe["ptes_hit"]) == (100, 100)


# ---- the tree of AIM7 ---------------------------------------------------------------------------


SMALL = [(10, 20), (30, 4)]
FULL = pytest.param(1000, 1000, marks=[pytest.mark.slow, pytest.mark.jit_only])


@pytest.mark.parametrize(("nr_children", "nr_pages"), [*SMALL, FULL])
def test_t_e_pte_chain(nr_children: int, nr_pages: int) -> None:
    """1 parent, C children, P pages. After fork ceil((C + 1) / 7) nodes of 64 bytes a page.

    C = P = 1000: 143 x 1000 nodes, 9.15 MB. After all have copied, the children's pages are direct;
    the parent's chains keep one entry each. Every walk is one link: C x P, and P.
    """
    record, children, parent = aim7_walks(
        nr_children, nr_pages, "pte_chain", "rmap_links_visited", line=64, word=8
    )
    nodes = ceil((nr_children + 1) / 7) * nr_pages
    marks = record["marks"]
    assert marks["forked"]["rmap_objects"]["pte_chain"]["live"] == nodes
    assert marks["forked"]["rmap_bytes"]["live"] == 64 * nodes
    if nr_children == 1000:
        assert nodes * 64 == 9_152_000
    assert marks["copied"]["rmap_objects"]["pte_chain"]["live"] == nr_pages
    assert (children, parent) == (nr_children * nr_pages, nr_pages)


@pytest.mark.parametrize(("nr_children", "nr_pages"), [*SMALL, FULL])
def test_t_e_anon_vma_chain(nr_children: int, nr_pages: int) -> None:
    """2C + 1 AVCs and C + 1 anon_vmas for one VMA, whatever the pages; every walk is one visit.

    C = 1000: 2001 AVCs (128,064 bytes of 64) and 1001 anon_vmas (96,096 of 96). The sum over the
    million child pages is 1.0e6 (a single list: 5.015e8). The parent comes first in the root's
    tree, so its pages take one visit too.
    """
    record, children, parent = aim7_walks(
        nr_children, nr_pages, "anon_vma_chain", "rmap_vmas_visited"
    )
    kinds = record["marks"]["copied"]["rmap_objects"]
    assert kinds["anon_vma_chain"]["live"] == 2 * nr_children + 1
    assert kinds["anon_vma"]["live"] == nr_children + 1
    size = 64 * (2 * nr_children + 1) + 96 * (nr_children + 1)
    assert record["marks"]["copied"]["rmap_bytes"]["live"] == size
    if nr_children == 1000:
        assert size == 128_064 + 96_096
    assert (children, parent) == (nr_children * nr_pages, nr_pages)


@pytest.mark.parametrize(("nr_children", "nr_pages"), [*SMALL, FULL])
def test_t_e_anon_vma_chain_without_exit(nr_children: int, nr_pages: int) -> None:
    """Rik van Riel's "2" (commit 5beb49305251) counts walks that do not stop early.

    1 visit for each of C P child pages, C + 1 for each of the P of the parent: the mean is
    (C P + P (C + 1)) / (P + C P); 1.999 for C = 1000.
    """
    _, children, parent = aim7_walks(
        nr_children, nr_pages, "anon_vma_chain", "rmap_vmas_visited", early_exit=False
    )
    assert (children, parent) == (nr_children * nr_pages, nr_pages * (nr_children + 1))
    mean = Fraction(children + parent, nr_pages * (nr_children + 1))
    assert mean == Fraction(2 * nr_children + 1, nr_children + 1)
    if nr_children == 1000:
        assert round(float(mean), 3) == 1.999


@pytest.mark.parametrize("nr_children", [4, 25])
@pytest.mark.parametrize("copied", [0, 3, 6, 12])
def test_t_e1_a_part_is_copied(nr_children: int, copied: int) -> None:
    """Of P = 12 pages all children copy a fraction f; the others stay shared by all C + 1.

    Mean visits without exit: (C P f + P (C + 1)) / (P + C P f), with f = 1 Rik's 2, with f = 0
    C + 1, all of them hits. With exit the parent's copied pages take 1: f = 1 gives a mean of 1.
    """
    pages = 12
    names = [f"c{j}" for j in range(1, nr_children + 1)]
    script = f"mmap p 0 {pages} anon private rw-\nwrite p 0..{pages - 1}\n"
    script += "".join(f"fork p {name}\n" for name in names)
    if copied:
        script += "".join(f"write {name} 0..{copied - 1}\n" for name in names)
    script += "".join(f"evict p {page}\n" for page in range(pages))
    script += "".join(f"evict {name} {page}\n" for name in names for page in range(copied))
    reclaimed = pages + nr_children * copied
    for early_exit in (True, False):
        record = run(script, rmap("anon_vma_chain", early_exit=early_exit))
        visits = record["counters"]["rmap_vmas_visited"]
        of_parent = (nr_children + 1) * pages
        if early_exit:
            of_parent = copied + (nr_children + 1) * (pages - copied)
        assert record["counters"]["evictions"] == reclaimed
        assert visits == nr_children * copied + of_parent
        if not early_exit:
            f = Fraction(copied, pages)
            c, p = nr_children, pages
            assert Fraction(visits, reclaimed) == (c * p * f + p * (c + 1)) / (p + c * p * f)
        elif copied == pages:
            assert visits == reclaimed


@pytest.mark.parametrize("strategy", ["anon_vma_chain", "pte_chain"])
@pytest.mark.parametrize("n", [0, 3, 7])
def test_t_e2_two_walks_a_page(strategy: str, n: int) -> None:
    """A reclaimed page costs one referenced walk and one unmap walk (measured; Lee 2007).

    CLOCK with 10 frames, 10 pages shared by n + 1 processes. The first fault finds all young: 10
    walks to clear them, an 11th, and the unmap. Each further fault meets an old page: one walk of
    each kind. So 10 evictions take 10 + 10 referenced walks and 10 unmap walks of n + 1 visits,
    and the last evictions do not meet the new pages, which lie behind the hand.
    """
    script = "mmap p 0 20 anon private rw-\nwrite p 0..9\n"
    script += "".join(f"fork p c{i}\n" for i in range(n)) + "mark full\nwrite p 10..19"
    record = run(script, strategy, by="clock", frames=10)
    phases, counter = record["phases"], "rmap_walks"
    assert record["counters"]["evictions"] == 10
    assert phases["reclaim_referenced"][counter] == 20
    assert phases["reclaim_unmap"][counter] == 10
    counter = "rmap_links_visited" if strategy == "pte_chain" else "rmap_vmas_visited"
    assert phases["reclaim_referenced"][counter] == 20 * (n + 1)
    assert phases["reclaim_unmap"][counter] == 10 * (n + 1)
