"""Does pte_chain_25 count as a singly linked list of one small node a mapping must?

The structure is that of Linux 2.5.27, mm/rmap.c. All counts are derived here, by formula or by a
Python list that is searched and shortened as the kernel's text says; the published figures of
later chains are quoted for comparison.
"""

from __future__ import annotations

import ctypes
from itertools import pairwise

import pytest

from tests.analytic.workloads import copied_by, probe_of, star
from tests.laboratory import rmap, run

STRATEGY = "pte_chain_25"


@pytest.mark.parametrize(
    ("layout", "word", "size"), [("32-bit", ctypes.c_uint32, 8), ("64-bit", ctypes.c_uint64, 16)]
)
def test_sizes(layout: str, word: type, size: int) -> None:
    """A node is a next pointer and a PTE's address, 8 and 16 bytes; a frame has one word."""

    class Node(ctypes.Structure):
        _fields_ = [("next", word), ("ptep", word)]

    assert ctypes.sizeof(Node) == size
    record = run(star(4, 3), STRATEGY, layout=layout, frames=40)
    assert record["rmap_bytes"]["live"] == 5 * 3 * size
    assert record["rmap_bytes"]["fixed"] == 40 * ctypes.sizeof(word)


@pytest.mark.parametrize("m", [1, 2, 7, 8, 100, 1000])
def test_t_b1_nodes_for_m_mappings(m: int) -> None:
    """As many nodes as mappings, also for one: there is no direct pointer yet."""
    record = run(star(m - 1), STRATEGY)
    assert record["rmap_objects"]["pte_chain"]["live"] == m


def test_t_b2_bytes_of_a_hundred_processes() -> None:
    """100 processes x 60,000 pages: 48 MB on 32 bits [derived]; nodes of a line need 28.80 MB.

    Here 6 of the pages. Seven slots and a link of 4 bytes replace seven links, so nodes of a line
    are smaller from the fourth mapping on.
    """
    record = run(star(99, 6), STRATEGY, layout="32-bit")
    assert record["rmap_bytes"]["live"] * 10_000 == 48.0e6 == 100 * 60_000 * 8
    later = run(star(99, 6), rmap("pte_chain", line=32, word=4))
    assert later["rmap_bytes"]["live"] * 10_000 == 28.80e6


@pytest.mark.parametrize("nr_pages", [1, 13, 600])
def test_t_b4_fork_allocations(nr_pages: int) -> None:
    """Each fork adds and allocates one node for each page, every time."""
    script = star(0, nr_pages) + "mark whole\n"
    for child in range(1, 9):
        script += f"fork p c{child}\nmark child{child}\n"
    marks = [mark["counters"] for mark in run(script, STRATEGY)["marks"].values()]
    for name in ("rmap_links_added", "rmap_objects_allocated"):
        assert [now[name] - before[name] for before, now in pairwise(marks)] == [nr_pages] * 8


@pytest.mark.parametrize("nr_pages", [1, 20])
def test_t_b5_fork_and_exec_five_hundred_times(nr_pages: int) -> None:
    """500 P allocations and as many frees; P nodes remain, and asking changes nothing.

    pte_chain allocates P nodes once and keeps them (H. Dickins, 23 March 2003).
    """
    script = star(0, nr_pages) + "mark whole\n"
    for child in range(500):
        script += f"fork p c{child}\nexec c{child}\nexit c{child}\n"
    script += "mark done\n" + "".join(f"referenced p {page}\n" for page in range(nr_pages))
    record = run(script, STRATEGY)
    before, done = (record["marks"][name]["counters"] for name in ("whole", "done"))
    for name in ("links_added", "links_removed", "objects_allocated", "objects_freed"):
        assert done[f"rmap_{name}"] - before[f"rmap_{name}"] == 500 * nr_pages
    # The child's node is always in front.
    assert done["rmap_slots_searched"] == 500 * nr_pages
    assert record["rmap_objects"]["pte_chain"]["live"] == nr_pages


def searched(n: int, oldest_first: bool) -> int:
    """Nodes that n removals look at, from a list with the newest in front."""
    chain = list(range(n))[::-1]
    looked_at = 0
    for victim in range(n) if oldest_first else reversed(range(n)):
        looked_at += chain.index(victim) + 1
        chain.remove(victim)
    return looked_at


@pytest.mark.parametrize("n", [1, 2, 3, 8, 100])
def test_t_b6_nodes_searched_at_exit(n: int) -> None:
    """Newest first: n nodes; oldest first: n (n + 1) / 2, since the oldest is always the last.

    Twice what chains with slots search, (n^2 + 4n) / 4, for large n: they fill a hole with the
    newest entry. Derived by a list.
    """
    names = ["p", *(f"c{i}" for i in range(1, n))]
    counts = {}
    for order, leaving in (("oldest", names), ("newest", names[::-1])):
        record = run(star(n - 1) + "\n".join(f"exit {name}" for name in leaving), STRATEGY)
        counts[order] = record["counters"]["rmap_slots_searched"]
        assert record["rmap_objects"]["pte_chain"]["live"] == 0
    assert counts == {"oldest": searched(n, True), "newest": searched(n, False)}
    assert counts == {"oldest": n * (n + 1) // 2, "newest": n}


def test_t_b8_vma_operations_are_free_but_mremap() -> None:
    """Split and merge: no reverse-map work at all. mremap of n pages: n removals and n adds.

    The moved pages are shared with a child, whose nodes are newer, so each search takes 2 steps.
    """
    record = run(
        """
        mmap p 0 20 anon private rw-
        write p 0..19
        fork p c
        mark before
        mprotect p 5 5 r--
        expect vma_splits 2
        mprotect p 5 5 rw-
        expect vma_merges 2
        mark merged
        mremap p 4 9 100
        mark moved
        """,
        STRATEGY,
    )
    before, merged, moved = (record["marks"][k]["counters"] for k in ("before", "merged", "moved"))
    for name in merged:
        if name.startswith("rmap_") or name == "locks":
            assert merged[name] == before[name], name
    change = {name: moved[name] - merged[name] for name in moved}
    assert change["ptes_moved"] == change["rmap_links_added"] == change["rmap_links_removed"] == 9
    assert change["rmap_objects_allocated"] == change["rmap_objects_freed"] == 9
    assert change["rmap_slots_searched"] == 2 * 9


@pytest.mark.parametrize("n", [0, 3, 15])
def test_a_walk_visits_the_mappings_and_nothing_else(n: int) -> None:
    """All n + 1 nodes while all share the page; 1 of a copy, and of a page left to one process."""
    names = ["p", *(f"c{i}" for i in range(1, n + 1))]
    probe = probe_of(star(n) + "referenced p 0", STRATEGY)
    assert probe["links_visited"] == probe["ptes_probed"] == probe["ptes_hit"] == n + 1
    for name in names:
        others = [other for other in names if other != name]
        for who in names:
            probe = probe_of(star(n) + copied_by(others) + f"evict {who} 0", STRATEGY)
            assert (probe["mapcount"], probe["links_visited"], probe["ptes_hit"]) == (1, 1, 1)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_an_unmap_walk_frees_in_place(n: int) -> None:
    """Unmapping n mappings in a walk drops n links and frees n nodes without a search."""
    record = run(star(n - 1) + "mark shared\nevict p 0", STRATEGY)
    before, after = record["marks"]["shared"]["counters"], record["counters"]
    assert after["rmap_slots_searched"] == before["rmap_slots_searched"]
    for name in ("rmap_links_removed", "rmap_objects_freed", "rmap_links_visited", "trylocks"):
        assert after[name] - before[name] == n
    assert record["rmap_objects"]["pte_chain"]["live"] == 0


def test_file_pages_are_chained_like_any() -> None:
    """Each process that has read a page of a file has a node; mmap alone makes none."""
    script = "".join(f"mmap t{i} 0 4 file:lib@0 shared r--\n" for i in range(5))
    assert run(script, STRATEGY)["rmap_objects"]["pte_chain"]["allocated"] == 0
    script += "".join(f"read t{i} 2\n" for i in range(3))
    probe = probe_of(script + "evict t0 2", STRATEGY)
    assert (probe["links_visited"], probe["vmas_visited"]) == (3, 0)
