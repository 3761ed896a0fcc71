"""Does anonmm look where the patch of May 2004 looks, keep what it keeps, and copy where it must?

Checks T-A1, T-E and T-F12, and the definitions: own mm first, then once around the group; exec and
fork; an anonmm lives until its last page is gone. A visit is an mm into whose page table a walk
looks; a link is a step from one member of a group to the next.
"""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from tests.analytic.test_walks import FULL, SMALL, aim7_walks
from tests.laboratory import RMAPS, rmap, run


def group(n: int, pages: int = 1) -> tuple[str, list[str]]:
    """Return a script in which n - 1 children share their parent's pages, and all n names."""
    names = ["p", *(f"c{i}" for i in range(1, n))]
    script = f"mmap p 0 {pages} anon private rw-\nwrite p 0..{pages - 1}\n"
    return script + "".join(f"fork p {name}\n" for name in names[1:]), names


def each(verb: str, names: list[str], page: str = " 0") -> str:
    return "".join(f"{verb} {name}{page}\n" for name in names)


def probes(script: str, **params: Any) -> list[tuple[int, int, int]]:
    """Return visits, links and hits of each probe."""
    found = run(script, rmap("anonmm", **params))["probes"]
    return [(one["vmas_visited"], one["links_visited"], one["ptes_hit"]) for one in found]


def live(script: str) -> list[int]:
    """Return how many anonmms live at each `mark`, and at the end."""
    record = run(script, "anonmm")
    marks = [mark["rmap_objects"]["anonmm"]["live"] for mark in record["marks"].values()]
    return [*marks, record["rmap_objects"]["anonmm"]["live"]]


# ---- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "word", "published"),
    [("32-bit", ctypes.c_uint32, 24), ("64-bit", ctypes.c_uint64, 40)],
)
def test_t_a1_sizes(layout: str, word: type, published: int) -> None:
    """{count, lock, mm, head, list node}: 24 / 40 bytes; 28 an mm on 32 bits with the mm's pointer.

    Declared here and measured by the C layout rules. Hugh Dickins quotes the 28.
    """

    class AnonMm(ctypes.Structure):
        _fields_ = [
            ("count", ctypes.c_uint32),
            ("lock", ctypes.c_uint32),
            ("mm", word),
            ("head", word),
            ("list", word * 2),
        ]

    assert ctypes.sizeof(AnonMm) == published
    record = run(group(3)[0], "anonmm", layout=layout)
    assert record["rmap_bytes"]["live"] == 3 * published
    pointer = record["rmap_bytes"]["fixed_per"]["mm"]
    assert pointer == ctypes.sizeof(word)
    if layout == "32-bit":
        assert published + pointer == 28


# ---- the tree of AIM7 ---------------------------------------------------------------------------


@pytest.mark.parametrize(("nr_children", "nr_pages"), [*SMALL, FULL])
def test_t_e_anonmm(nr_children: int, nr_pages: int) -> None:
    """1 parent, C children, P pages: C + 1 anonmms whatever the pages; every walk is one visit.

    C = 1000: 40,040 bytes of 40. Each child's copies name the child, the parent's pages the parent,
    and the one named comes first, so that the last child's pages cost as little as the parent's.
    """
    record, children, parent = aim7_walks(nr_children, nr_pages, "anonmm", "rmap_vmas_visited")
    forked = record["marks"]["forked"]
    assert forked["rmap_objects"]["anonmm"]["live"] == nr_children + 1
    assert forked["rmap_bytes"]["live"] == 40 * (nr_children + 1)
    if nr_children == 1000:
        assert forked["rmap_bytes"]["live"] == 40_040
    assert (children, parent) == (nr_children * nr_pages, nr_pages)
    assert record["counters"]["rmap_links_visited"] == 0


# ---- the walk -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 5, 17])
def test_an_inherited_page_left_to_one_member(n: int) -> None:
    """The worst case. A page that the parent made and only child k of a group of n still maps is
    found at visit k + 1: the parent, which is named and alive, then children from the oldest. The
    last of n - 1 children: n visits. Without exit always n. If the parent has exited: k.
    """
    script, names = group(n)
    for k, name in enumerate(names):
        others = [other for other in names if other != name]
        last = f"{script}{each('write', others)}evict {name} 0"
        assert probes(last) == [(k + 1, k, 1)]
        assert probes(last, early_exit=False) == [(n, n - 1, 1)]
        if k > 0:
            alone = f"{script}{each('write', others)}exit p\nevict {name} 0"
            assert probes(alone) == [(k, k, 1)]


@pytest.mark.parametrize("n", [2, 6])
def test_shared_by_all(n: int) -> None:
    """All n map the page: n visits, n hits, for either walk."""
    script, _ = group(n)
    assert probes(f"{script}referenced p 0\nevict p 0") == [(n, n - 1, n)] * 2


@pytest.mark.parametrize("n", [2, 9])
def test_own_mm_first(n: int) -> None:
    """A page that a member made for itself takes one visit, be it the oldest or the youngest."""
    script, names = group(n)
    copied = script + each("write", names[1:])
    for name in names:
        assert probes(f"{copied}referenced {name} 0\nevict {name} 0") == [(1, 0, 1)] * 2


def test_once_around_the_group() -> None:
    """From the member that a page names the walk goes on to the youngest, then from the head.

    The page has been out; member j, the first to read it back, is named. Then member t reads it
    too and j copies it away: t alone maps it, (t - j) mod n steps behind j.
    """
    n = 6
    script, names = group(n)
    for j, first in enumerate(names):
        for t, second in enumerate(names):
            back = f"{script}evict p 0\nread {first} 0\n"
            if t != j:
                back += f"read {second} 0\nwrite {first} 0\n"
            steps = (t - j) % n
            assert probes(f"{back}referenced {second} 0")[-1] == (steps + 1, steps, 1)


def test_a_grandchild_is_behind_all_who_were_there() -> None:
    """A group is one list, in order of fork, whoever forked: g, child of c1, comes after c2."""
    script = group(3)[0] + "fork c1 g\nfork p c3\n" + each("write", ["p", "c1", "c2"])
    assert probes(script + "write c3 0\nreferenced g 0") == [(4, 3, 1)]
    assert probes(script + "write g 0\nreferenced c3 0") == [(5, 4, 1)]


def test_who_maps_nothing_is_passed_over() -> None:
    """c1 has unmapped all it had (rss 0): two visits for the two who map the page, three links."""
    script, _ = group(4)
    assert probes(script + each("munmap", ["c1", "c3"], " 0 1") + "referenced p 0") == [(2, 2, 2)]


# ---- a dead mm ----------------------------------------------------------------------------------


def test_a_page_of_the_dead_is_named_after_who_has_it() -> None:
    """The maker p has exited; c1 and c2 have copied it, c3 and c4 share it.

    The first referenced walk passes p over and finds c3 at visit 3, c4 at 4. From then on the page
    is c3's: 2 visits, though c1 and c2 are still before it in the list.
    """
    script = group(5)[0] + each("write", ["c1", "c2"]) + "exit p\n"
    assert probes(script + "referenced c3 0\n" * 3) == [(4, 4, 2), (2, 1, 2), (2, 1, 2)]


def test_a_page_named_after_another_frees_the_dead() -> None:
    """Made by c1, kept by its child g: the anonmm of c1 stays for it until a walk renames it."""
    script = group(2)[0] + "write c1 0\nfork c1 g\nexit c1\nmark before\nreferenced g 0\n"
    assert live(script) == [3, 2]


def test_the_unmap_walk_names_nobody() -> None:
    """It ends with a page that is not mapped; who reads it back is named, and found at once."""
    script = group(3)[0] + "exit p\nevict c2 0\nmark out\nread c2 0\nreferenced c2 0"
    assert probes(script) == [(2, 2, 2), (1, 0, 1)]


# ---- how long an anonmm lives -------------------------------------------------------------------


@pytest.mark.parametrize("end", ["munmap g {} 1", "evict g {}", "write g {}"])
def test_an_anonmm_lives_until_its_last_page_is_gone(end: str) -> None:
    """c1 makes two pages, forks g, exits: g holds them, so three anonmms live, until both are gone.

    Unmapped or evicted they are gone. Written to by their only sharer they are not: a page keeps
    the name that it has, as in the patch.
    """
    script = group(2, pages=2)[0] + "write c1 0..1\nfork c1 g\nmark forked\nexit c1\nmark exited\n"
    ended = script + end.format(0) + "\nmark one\n" + end.format(1)
    kept = 3 if end.startswith("write") else 2
    assert live(ended) == [3, 3, 3, kept]


def test_a_head_lives_as_long_as_its_group() -> None:
    """The parent, without a page, exits first; its anonmm is the head, and goes with the last."""
    script = group(3)[0] + each("write", ["c1", "c2"])
    script += "mark all\nexit p\nmark headless\nexit c1\nmark one\nexit c2"
    assert live(script) == [3, 3, 2, 0]


def test_exec_begins_a_group_of_one() -> None:
    """After exec c2 is its own head: it and its child are looked at for its page, nobody else.

    Its old anonmm is gone, so that p's page has 3 members to try: p, c1, c3.
    """
    script = group(4)[0] + "mark forked\nexec c2\nmark executed\n"
    script += "mmap c2 0 1 anon private rw-\nwrite c2 0\nfork c2 g\nmark family\n"
    assert live(script) == [4, 4, 5, 5]
    assert probes(script + "referenced g 0", early_exit=False) == [(2, 1, 2)]
    assert probes(script + "referenced p 0", early_exit=False) == [(3, 2, 3)]


def test_exec_of_the_head_leaves_its_group_together() -> None:
    """The old anonmm of p stays, dead, as the head of c1 and c2; p gets a new one."""
    script = group(3)[0] + "exec p\nmmap p 0 1 anon private rw-\nwrite p 0\n"
    assert live(script) == [4]
    assert probes(script + "referenced c1 0\nreferenced c1 0") == [(2, 2, 2), (2, 1, 2)]


@pytest.mark.parametrize("nr_vmas", [1, 20])
def test_what_processes_and_vmas_cost(nr_vmas: int) -> None:
    """One anonmm for each process, whatever it maps; split, protection and merge cost nothing."""
    script = f"mmap p 0 {2 * nr_vmas} anon private rw-\nwrite p 0..{2 * nr_vmas - 1}\n"
    script += "".join(f"mprotect p {2 * k} 1 r--\n" for k in range(nr_vmas))
    script += "".join(f"fork p c{k}\n" for k in range(3))
    script += f"mprotect p 0 {2 * nr_vmas} rw-\n"
    record = run(script, "anonmm")
    assert record["vmas"] == 1 + 3 * 2 * nr_vmas
    objects = record["rmap_objects"]["anonmm"]
    assert (objects["live"], objects["allocated"]) == (4, 4)
    work = record["phases"]["mmap"]
    names = ("rmap_objects_freed", "rmap_links_added", "rmap_links_removed", "locks")
    assert [work.get(name, 0) for name in names] == [0, 0, 0, 0]
    assert record["phases"]["fork"]["rmap_links_added"] == 3


# ---- mremap -------------------------------------------------------------------------------------

COPIED = ("early_copies", "cow_copies", "fills", "swap_ins", "minor_faults", "major_faults")


def during(record: dict, *names: str) -> list[int]:
    """Return what happened between the mark `before` and the end."""
    before = record["marks"]["before"]["counters"]
    return [record["counters"][name] - before[name] for name in names]


@pytest.mark.parametrize("mover", ["p", "c2"])
@pytest.mark.parametrize(("pages", "own", "out"), [(1, 0, 0), (12, 0, 0), (12, 5, 0), (12, 5, 4)])
def test_t_f12_one_copy_for_each_shared_page(mover: str, pages: int, own: int, out: int) -> None:
    """P pages shared by three; the mover has copied some of them and some of the others are out.

    One copy for each that is still shared, present or swapped; each of the latter is read in first.
    No fault is counted, all of it is charged to mmap. anon_vma_chain finds both addresses: zero.
    Afterwards each moved page costs one visit at its new address, and moves again without a copy.
    """
    script, _ = group(3, pages)
    script += f"write {mover} 0..{own - 1}\n" if own else ""
    script += "".join(f"evict p {pages - 1 - k}\n" for k in range(out))
    script += f"mark before\nmremap {mover} 0 {pages} 100\n"
    record = run(script, "anonmm")
    shared = pages - own
    assert during(record, *COPIED) == [shared, shared, out, out, 0, 0]
    for name in ("early_copies", "fills"):
        assert record["phases"]["mmap"].get(name, 0) == record["counters"][name]
    assert record["counters"]["ptes_moved"] == pages
    for strategy in RMAPS:
        assert during(run(script, strategy), *COPIED) == [0] * len(COPIED)
    walked = "".join(f"referenced {mover} {100 + k}\n" for k in range(pages))
    assert probes(script + walked)[out:] == [(1, 0, 1)] * pages
    again = run(script + f"mremap {mover} 100 {pages} 50\n" + walked, "anonmm")
    assert again["counters"]["early_copies"] == shared


def test_t_f12_who_stays_keeps_the_page() -> None:
    """p, c1 and c2 share 3 pages. p moves, c1 moves: 3 copies each. c2 is alone then: none."""
    script = group(3, pages=3)[0] + "mark before\n" + each("mremap", ["p", "c1"], " 0 3 64")
    assert during(run(script, "anonmm"), *COPIED) == [6, 6, 0, 0, 0, 0]
    moved = run(script + "mremap c2 0 3 64\nwrite c2 64..66", "anonmm")
    assert during(moved, "early_copies", "cow_copies", "wp_reuses") == [6, 6, 3]
    assert moved["trace"]["nr_pages"] == 9


def test_a_page_held_by_one_is_rewritten() -> None:
    """Exclusive pages move without a copy, evicted or not, and are found where they are now."""
    script = "mmap p 0 4 anon private rw-\nwrite p 0..3\nevict p 3\nmark before\nmremap p 0 4 600\n"
    assert during(run(script, "anonmm"), *COPIED) == [0] * len(COPIED)
    walked = "".join(f"referenced p {600 + k}\n" for k in range(3))
    assert probes(script + walked + "read p 603\nevict p 603")[1:] == [(1, 0, 1)] * 4


def test_a_moved_page_of_the_dead_keeps_its_group() -> None:
    """Its maker has exited: c1, its only sharer, moves it and is still found behind p."""
    script = group(2)[0] + "exit p\nmremap c1 0 1 700\nreferenced c1 700\nreferenced c1 700"
    assert probes(script) == [(1, 1, 1), (1, 0, 1)]


def test_a_read_only_page_is_copied_too() -> None:
    """No write is needed: it is the address that differs. The copy stays read-only."""
    script = group(2)[0] + "mprotect p 0 1 r--\nmark before\nmremap p 0 1 9\n"
    record = run(script + "mprotect p 9 1 rw-\nwrite p 9\nread c1 0", "anonmm")
    assert during(record, "early_copies", "cow_copies", "minor_faults") == [1, 1, 0]


def test_pages_of_files_move_without_copies() -> None:
    """A file's page is found through its VMAs; only what was copied on write is anonymous."""
    script = "mmap p 0 4 file:lib@0 private rw-\nread p 0..3\nwrite p 1\nfork p c\nmark before\n"
    record = run(script + "mremap p 0 4 32\nreferenced p 32\nreferenced p 33", "anonmm")
    assert during(record, "early_copies", "cow_copies") == [1, 1]
