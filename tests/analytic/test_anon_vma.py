"""Does anon_vma keep one list for a family, and do walks go through all of it, as up to 2.6.33?

Checks T-A1, the list's column of T-E, T-E3, T-F7, T-F8 and T-F12; files are checked in
test_file_prio. A visit is a VMA looked at; those that do not cover the page are visited and not
probed. Positions on a list are derived from Python lists.
"""

from __future__ import annotations

import ctypes
from fractions import Fraction
from typing import Any

import pytest

from tests.analytic.test_walks import FULL, SMALL
from tests.analytic.workloads import aim7, aim7_walks, copied_by, probe_of, star
from tests.laboratory import rmap, run

STRATEGY = "anon_vma"
PRIO = 16
"""Bytes of a VMA on 64 bits for the prio_tree of its file, see test_t_a1_sizes."""
ORDERS = ["oldest_first", "newest_first"]


def visits(script: str, **params: Any) -> int:
    return probe_of(script, STRATEGY, **params)["vmas_visited"]


# ---- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "word", "published"),
    [
        ("32-bit", ctypes.c_uint32, {"anon_vma": 12, "link": 12, "prio": 8}),
        ("64-bit", ctypes.c_uint64, {"anon_vma": 24, "link": 24, "prio": 16}),
    ],
)
def test_t_a1_sizes(layout: str, word: type, published: dict[str, int]) -> None:
    """anon_vma {lock, list head} 12 / 24 bytes; a VMA's list node and pointer 12 / 24.

    The file's node grows from a list's two words to vm_set's four: 8 / 16 more. At most 24 bytes an
    anonymous VMA on 32 bits (A. Arcangeli). Declared here and measured by the C layout rules.
    """

    class List(ctypes.Structure):
        _fields_ = [("next", word), ("prev", word)]

    class AnonVma(ctypes.Structure):
        _fields_ = [("lock", ctypes.c_uint32), ("head", List)]

    class Link(ctypes.Structure):
        _fields_ = [("node", List), ("anon_vma", word)]

    class VmSet(ctypes.Structure):
        _fields_ = [("list", List), ("parent", word), ("head", word)]

    sizes = {
        "anon_vma": ctypes.sizeof(AnonVma),
        "link": ctypes.sizeof(Link),
        "prio": ctypes.sizeof(VmSet) - ctypes.sizeof(List),
    }
    assert sizes == published
    record = run(star(3), STRATEGY, layout=layout)
    assert record["rmap_objects"]["anon_vma"]["live"] == 1
    assert record["rmap_bytes"]["live"] == sizes["anon_vma"]
    assert record["rmap_bytes"]["fixed"] == 4 * (sizes["link"] + sizes["prio"])


# ---- the star, and the order of the list --------------------------------------------------------


@pytest.mark.parametrize("early_exit", [True, False])
@pytest.mark.parametrize("n", [3, 15])
def test_star_shared_by_all(n: int, early_exit: bool) -> None:
    """Walks visit n + 1 VMAs, all hits; one lock for the list and one for each page table."""
    record = run(star(n) + "evict p 0", rmap(STRATEGY, early_exit=early_exit))
    probe = record["probes"][0]
    assert probe["vmas_visited"] == probe["ptes_probed"] == probe["ptes_hit"] == n + 1
    assert record["phases"]["reclaim_unmap"]["locks"] == 1 + n + 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [1, 3, 15])
def test_star_left_to_one(n: int, order: str) -> None:
    """The page that only one still maps is as far away as its VMA on the list; so is its copy.

    2.6.24 adds behind all: parent, then children in order of fork. 2.6.9 adds in front. The family
    shares one anon_vma, so a child's own copy is looked for in all its siblings too.
    """
    names = ["p", *(f"c{i}" for i in range(1, n + 1))]
    on_list = names if order == "oldest_first" else names[::-1]
    for at, name in enumerate(on_list):
        left = star(n) + copied_by([other for other in names if other != name])
        assert visits(left + f"evict {name} 0", order=order) == at + 1
        assert visits(left + f"evict {name} 0", order=order, early_exit=False) == n + 1
        # All but the last writer have a copy; the last one reuses the page.
        own = star(n) + copied_by(names)
        assert visits(own + f"evict {name} 0", order=order) == at + 1


@pytest.mark.parametrize("order", ORDERS)
def test_a_merge_moves_nobody(order: str) -> None:
    """A split adds its upper part like any new VMA; a merge takes it off. The lower part stays.

    In the interval tree of 2.6.34 the parent is put behind its children by the same events.
    """
    split = star(3, 2) + copied_by(["c1", "c2", "c3"]) + "mprotect p 1 1 r--\n"
    merged = split + "mprotect p 1 1 rw-\nexpect vmas 4\n"
    on_list = ["p0", "c1", "c2", "c3", "p1"]
    after = ["p0", "c1", "c2", "c3"]
    if order == "newest_first":
        on_list, after = on_list[::-1], after[::-1]
    assert visits(split + "evict p 0", order=order) == on_list.index("p0") + 1
    # Page 1 is still shared by all: every VMA is needed, however far the last is. Left to p, not.
    left = split + "".join(f"write c{i} 1\n" for i in (1, 2, 3))
    assert visits(left + "evict p 1", order=order) == on_list.index("p1") + 1
    assert visits(merged + "evict p 0", order=order) == after.index("p0") + 1


def test_a_merge_may_bring_the_left_one_onto_the_list() -> None:
    """A VMA without an anon_vma takes over its right neighbour: it joins behind all.

    p's mapping then comes behind its child's, which was forked later.
    """
    script = "mmap p 2 2 anon private rw-\nwrite p 2\nfork p c\nwrite c 2\n"
    assert visits(script + "evict p 2") == 1
    script += "mmap p 0 2 anon private rw-\nexpect vmas 2\nexpect objects.anon_vma 1\n"
    assert visits(script + "evict p 2") == 2


def test_vmas_with_different_anon_vmas_never_merge() -> None:
    """Legal if one has none or both have the same; a chain of PTEs would not care."""
    script = """
        mmap p 0 2 anon private rw-
        write p 0
        mmap p 4 2 anon private rw-
        write p 4
        mmap p 2 2 anon private rw-
        """
    assert run(script, STRATEGY)["vmas"] == 2
    assert run(script, "pte_chain")["vmas"] == 1


# ---- objects ------------------------------------------------------------------------------------


def test_one_anon_vma_for_a_family() -> None:
    """Forks, splits and moves allocate nothing; the last VMA frees it. One list operation a VMA."""
    run(
        """
        mmap p 0 9 anon private rw-
        expect objects.anon_vma 0
        write p 0..8
        fork p c
        fork c g
        write g 0..8
        mprotect g 3 3 r--
        mremap c 0 9 100
        expect objects.anon_vma 1
        expect rmap_objects_allocated 1
        expect rmap_links_added 6
        expect rmap_links_removed 1
        exit p
        exec c
        expect objects.anon_vma 1
        munmap g 0 9
        expect objects.anon_vma 0
        expect rmap_links_removed 6
        """,
        STRATEGY,
    )


def test_a_vma_that_was_never_touched_gives_the_child_nothing() -> None:
    """Child and parent then start families of their own."""
    record = run("mmap p 0 4 anon private rw-\nfork p c\nwrite c 1\nwrite p 1", STRATEGY)
    assert record["rmap_objects"]["anon_vma"]["live"] == 2
    assert record["counters"]["rmap_links_added"] == 2


def test_t_f8_a_neighbour_is_shared_whatever_its_family() -> None:
    """A VMA beside one with an anon_vma takes it; protection may differ, a gap or the file may not.

    Also in a fork child, whose anon_vma is the whole family's: with AVCs (2.6.34) it must not.
    """
    run(
        """
        mmap p 10 10 anon private rw-
        write p 10
        mmap p 20 10 anon private r--
        mmap p 0 10 anon private r--
        mmap p 40 10 anon private r--
        read p 20
        read p 0
        expect objects.anon_vma 1
        read p 40
        expect objects.anon_vma 2
        fork p c
        mmap c 30 5 anon private r-x
        read c 30
        expect objects.anon_vma 2
        mmap c 35 5 file:lib private rw-
        write c 35
        expect objects.anon_vma 3
        """,
        STRATEGY,
    )


def test_t_f8_the_next_neighbour_is_tried_first() -> None:
    """Between two with different anon_vmas: the next one's list gets the VMA, here its 4th."""
    script = """
        mmap p 0 10 anon private rw-
        write p 0
        mmap p 20 10 anon private rw-
        write p 20
        mprotect p 25 1 r--
        mmap p 10 10 anon private r--
        read p 10
        expect objects.anon_vma 2
        """
    assert visits(script + "evict p 0", early_exit=False) == 1
    assert visits(script + "evict p 10", early_exit=False) == 4


@pytest.mark.parametrize("early_exit", [True, False])
def test_t_f12_a_shared_page_is_found_at_both_addresses(early_exit: bool) -> None:
    """Fork, then mremap in the child: the VMA keeps its page index and its list, nothing is copied.

    anonmm (2004), which finds pages by address, would copy each of the 5.
    """
    record = run(
        """
        mmap p 0 5 anon private rw-
        write p 0..4
        fork p c
        mremap c 0 5 1000
        expect ptes_moved 5
        expect cow_copies 0
        referenced c 1002
        evict p 2
        read p 2
        read c 1002
        expect swap_ins 1
        referenced p 2
        """,
        rmap(STRATEGY, early_exit=early_exit),
    )
    for probe in record["probes"]:
        assert probe["mapcount"] == probe["ptes_hit"] == probe["vmas_visited"] == 2


@pytest.mark.parametrize("order", ORDERS)
def test_t_f7_split_into_a_thousand_pieces(order: str) -> None:
    """1000 VMAs on the list: 1000 visits without exit, one PTE read, one lock beside the list's.

    Pieces are cut off upward, so piece k is the k-th. With AVCs the tree hands out one.
    """
    script = "mmap p 0 1000 anon private rw-\nwrite p 0..999\n"
    script += "".join(f"mprotect p {page} 1 r--\n" for page in range(1, 1000, 2))
    script += "expect vmas 1000\nexpect objects.anon_vma 1\n"
    pieces = list(range(1000)) if order == "oldest_first" else list(range(1000))[::-1]
    evicted = [0, 1, 500, 999]
    script += "".join(f"evict p {page}\n" for page in evicted)
    for early_exit in (True, False):
        record = run(script, rmap(STRATEGY, order=order, early_exit=early_exit))
        for page, probe in zip(evicted, record["probes"], strict=True):
            expected = pieces.index(page) + 1 if early_exit else 1000
            assert (probe["vmas_visited"], probe["ptes_probed"]) == (expected, 1)
        assert record["phases"]["reclaim_unmap"]["locks"] == 2 * len(evicted)


# ---- the tree of AIM7 ---------------------------------------------------------------------------


@pytest.mark.parametrize(("nr_children", "nr_pages"), [*SMALL, FULL])
def test_t_e_anon_vma(nr_children: int, nr_pages: int) -> None:
    """A page that child j has copied takes j + 1 visits: the parent is first, then all up to j.

    So P (C (C + 1) / 2 + C) for all children's pages, (C + 3) / 2 on average; C = P = 1000: 5.015e8
    and 501.5. The parent's pages take 1. In memory: one anon_vma and C + 1 nodes in VMAs, 24 bytes
    each on 64 bits: 24,048 for C = 1000.
    """
    record, children, parent = aim7_walks(nr_children, nr_pages, STRATEGY, "rmap_vmas_visited")
    expected = sum(j + 1 for j in range(1, nr_children + 1)) * nr_pages
    assert expected == nr_pages * (nr_children * (nr_children + 1) // 2 + nr_children)
    assert (children, parent) == (expected, nr_pages)
    assert Fraction(children, nr_children * nr_pages) == Fraction(nr_children + 3, 2)
    assert record["marks"]["copied"]["rmap_objects"]["anon_vma"]["live"] == 1
    forked = record["marks"]["forked"]
    links = forked["rmap_bytes"]["fixed_per"]["vma"] - PRIO  # the rest is for files
    listed = forked["rmap_bytes"]["live"] + links * forked["vmas"]
    assert listed == 24 + 24 * (nr_children + 1)
    assert record["marks"]["copied"]["rmap_bytes"]["live"] == 24
    if nr_children == 1000:
        assert children == 5.015e8 * nr_pages // 1000
        assert listed == 24_048


@pytest.mark.parametrize(("nr_children", "nr_pages"), [(10, 20), (30, 4)])
def test_t_e_anon_vma_newest_first(nr_children: int, nr_pages: int) -> None:
    """2.6.9's order turns the list around: child j at C - j + 1, the parent last at C + 1.

    The sum over the children is smaller by one visit a page: C (C + 1) / 2 instead of + C.
    """
    _, children, parent = aim7_walks(
        nr_children, nr_pages, STRATEGY, "rmap_vmas_visited", order="newest_first"
    )
    assert children == nr_pages * nr_children * (nr_children + 1) // 2
    assert parent == nr_pages * (nr_children + 1)


@pytest.mark.parametrize(
    ("nr_children", "nr_pages"),
    [(10, 20), (30, 4), pytest.param(1000, 4, marks=[pytest.mark.slow, pytest.mark.jit_only])],
)
def test_t_e_anon_vma_without_exit(nr_children: int, nr_pages: int) -> None:
    """Every walk goes through the family: C + 1 visits for each of the (C + 1) P pages."""
    _, children, parent = aim7_walks(
        nr_children, nr_pages, STRATEGY, "rmap_vmas_visited", early_exit=False
    )
    assert children == nr_children * nr_pages * (nr_children + 1)
    assert parent == nr_pages * (nr_children + 1)


def per_reclaimed_page(strategy: str, users: int) -> Fraction:
    """Visits for each of the children's pages that CLOCK reclaims from AIM7's tree.

    Young bits are cleared beforehand by advice, so each page takes one referenced walk and one
    unmap walk; the stranger's pages lie behind the hand.
    """
    pages = 3
    names = ["p", *(f"c{j}" for j in range(1, users + 1))]
    cold = "".join(f"madvise {name} 0 {pages} cold\n" for name in names)
    script = aim7(users, pages).replace("mark copied\n", cold + "mark copied\n")
    record = run(script, strategy, by="clock", frames=(users + 1) * pages)
    reclaimed = users * pages
    phases = record["phases"]
    for phase in ("reclaim_referenced", "reclaim_unmap"):
        assert phases[phase]["rmap_walks"] == reclaimed + pages
    of_all = record["counters"]["rmap_vmas_visited"]
    return Fraction(
        of_all - record["marks"]["parent_out"]["counters"]["rmap_vmas_visited"], reclaimed
    )


def test_t_e3_visits_grow_with_users() -> None:
    """AIM7's cliff: a reclaimed page takes C + 3 visits on average with the list, 2 with AVCs.

    Two walks (C. Lee 2007) of (C + 3) / 2 each. System time a reclaimed page grows with the users,
    and reclaimed pages do too once memory is short.
    """
    for users in (4, 8, 16, 32):
        assert per_reclaimed_page(STRATEGY, users) == users + 3
        assert per_reclaimed_page("anon_vma_chain", users) == 2
