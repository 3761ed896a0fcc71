"""Does anon_vma_chain make, keep and drop as many objects as the kernel does?

Checks T-A1, T-F1 to T-F3, T-F5, T-F7, T-F8, T-F11, and object counts read from slabinfo on Linux
6.1 and 6.12. Fork and exit are counted a second time by `tests.analytic.family`.
"""

from __future__ import annotations

import ctypes
import random
from itertools import pairwise

import pytest

from tests.analytic.family import Family
from tests.laboratory import run

START = "mmap p 0 {0} anon private rw-\nwrite p 0\n"


def objects(record: dict) -> tuple[int, int]:
    """Return live anon_vmas and AVCs."""
    kinds = record["rmap_objects"]
    return kinds["anon_vma"]["live"], kinds["anon_vma_chain"]["live"]


def by_mark(record: dict) -> dict[str, tuple[int, int]]:
    return {name: objects(mark) for name, mark in record["marks"].items()}


def made(record: dict, kind: str) -> int:
    return record["rmap_objects"][kind]["allocated"]


# ---- sizes --------------------------------------------------------------------------------------


def layouts(word: type) -> dict[str, type[ctypes.Structure]]:
    """Declare the structs of 6.19's rmap.h and rwsem.h; pointers and longs are words."""

    class List(ctypes.Structure):
        _fields_ = [("next", word), ("prev", word)]

    class RbNode(ctypes.Structure):
        _fields_ = [("parent_color", word), ("right", word), ("left", word)]

    class Rwsem(ctypes.Structure):
        _fields_ = [
            ("count", word),
            ("owner", word),
            ("osq", ctypes.c_uint32),
            ("wait_lock", ctypes.c_uint32),
            ("wait_list", List),
        ]

    class AnonVma(ctypes.Structure):
        _fields_ = [
            ("root", word),
            ("rwsem", Rwsem),
            ("refcount", ctypes.c_uint32),
            ("num_children", word),
            ("num_active_vmas", word),
            ("parent", word),
            ("rb_root_cached", word * 2),
        ]

    class AnonVmaChain(ctypes.Structure):
        _fields_ = [
            ("vma", word),
            ("anon_vma", word),
            ("same_vma", List),
            ("rb", RbNode),
            ("rb_subtree_last", word),
        ]

    class OfVma(ctypes.Structure):
        _fields_ = [
            ("anon_vma_chain", List),
            ("anon_vma", word),
            ("shared_rb", RbNode),
            ("shared_rb_subtree_last", word),
        ]

    return {"anon_vma": AnonVma, "anon_vma_chain": AnonVmaChain, "vma": OfVma}


@pytest.mark.parametrize(
    ("layout", "word", "published"),
    [
        ("32-bit", ctypes.c_uint32, {"anon_vma": 52, "anon_vma_chain": 32, "vma": 28}),
        ("64-bit", ctypes.c_uint64, {"anon_vma": 96, "anon_vma_chain": 64, "vma": 56}),
    ],
)
def test_t_a1_sizes(layout: str, word: type, published: dict[str, int]) -> None:
    """Bytes of the structs of Linux 6.19 without debug options: AVC 32 / 64, anon_vma 52 / 96.

    Declared again here and measured by the C layout rules. A VMA carries a list head, a pointer and
    a node of the file's interval tree whether they are used or not.
    """
    assert {name: ctypes.sizeof(struct) for name, struct in layouts(word).items()} == published
    record = run(START.format(1) + "fork p c", "anon_vma_chain", layout=layout)
    assert objects(record) == (2, 3)
    expected = 2 * published["anon_vma"] + 3 * published["anon_vma_chain"]
    assert record["rmap_bytes"]["live"] == expected
    assert record["rmap_bytes"]["fixed"] == 2 * published["vma"]


# ---- fork chains --------------------------------------------------------------------------------


def live_chain(depth: int) -> str:
    """Each child forks the next; all stay alive. Space `p` is generation 0."""
    names = ["p", *(f"g{n}" for n in range(1, depth + 1))]
    return START.format(1) + "".join(f"fork {a} {b}\n" for a, b in pairwise(names))


@pytest.mark.parametrize(
    ("depth", "links"), [(1, 3), (2, 6), (3, 10), (4, 15), (10, 66), (100, 5151)]
)
def test_t_f1_chain_of_living_generations(depth: int, links: int) -> None:
    """A chain of depth d, all alive: d + 1 anon_vmas, (d + 1)(d + 2) / 2 AVCs.

    Generation n links to its own anon_vma and to those of its n ancestors. Nobody is abandoned, so
    the rule of adoption changes nothing. The root's tree holds d + 1 VMAs: a page that only the
    last generation still maps takes as many looks.
    """
    family, without = Family("p"), Family("p", adopts=False)
    names = ["p", *(f"g{n}" for n in range(1, depth + 1))]
    for above, below in pairwise(names):
        family.fork(above, below)
        without.fork(above, below)
    assert (family.groups, family.links) == (without.groups, without.links)
    assert (family.groups, family.links) == (depth + 1, (depth + 1) * (depth + 2) // 2)
    copies = "".join(f"write {name} 0\n" for name in names[:-1])
    record = run(live_chain(depth) + copies + f"evict {names[-1]} 0", "anon_vma_chain")
    assert objects(record) == (depth + 1, links)
    assert record["probes"][0]["mapcount"] == 1
    assert record["probes"][0]["vmas_visited"] == depth + 1


def generations(nr: int) -> str:
    """Fork a child, let the parent exit, and so on: a daemon that forks itself for ever."""
    script = START.format(1) + "mark generation0\n"
    above = "p"
    for n in range(1, nr + 1):
        script += f"fork {above} g{n}\nexit {above}\nmark generation{n}\n"
        above = f"g{n}"
    return script


def test_t_f2_fork_and_exit_for_ever() -> None:
    """Daniel Forrest's loop of August 2012, under the rule of 6.x: 3 anon_vmas, 3 AVCs, for good.

    Without adoption generation n holds n + 1 of each, and 5151 AVCs are allocated in 100
    generations. With it generation 3 finds the anon_vma of generation 1 abandoned (its process
    exited, one child is left) and adopts it: from generation 2 on 3 of each, 3 anon_vmas and 300
    AVCs allocated ever. For the other rules see test_anon_vma_history.
    """
    family, without = Family("p"), Family("p", adopts=False)
    expected = {"generation0": (1, 1)}
    above = "p"
    for n in range(1, 101):
        for one in (family, without):
            one.fork(above, f"g{n}")
            one.exit(above)
        above = f"g{n}"
        expected[f"generation{n}"] = (family.groups, family.links)
        assert (without.groups, without.links) == (n + 1, n + 1)
    assert without.links_made == 5151
    assert expected["generation1"] == (2, 2)
    assert set(list(expected.values())[2:]) == {(3, 3)}

    record = run(generations(100), "anon_vma_chain")
    assert by_mark(record) == expected
    assert made(record, "anon_vma") == family.groups_made == 3
    assert made(record, "anon_vma_chain") == family.links_made == 300


def test_t_f3_a_living_chain_whose_ancestors_exit() -> None:
    """100 generations live, then all but the last exit: its one VMA keeps 101 of each.

    Adoption stops growth, it shrinks nothing: ten more generations of fork and exit leave 101. So
    "at most 2 anon_vmas a VMA" is no invariant.
    """
    script = live_chain(100) + "exit p\n" + "".join(f"exit g{n}\n" for n in range(1, 100))
    script += "mark alone\n"
    for n in range(101, 111):
        script += f"fork g{n - 1} g{n}\nexit g{n - 1}\nmark later{n}\n"
    record = run(script, "anon_vma_chain")
    assert record["marks"]["alone"]["vmas"] == 1
    assert set(by_mark(record).values()) == {(101, 101)}


def test_a_living_chain_of_eight_as_measured() -> None:
    """Slabinfo of Linux 6.1 and 6.12: 8 forks deep, ancestors exit last, 9 and 9 remain."""
    script = live_chain(8) + "exit p\n" + "".join(f"exit g{n}\n" for n in range(1, 8))
    assert objects(run(script, "anon_vma_chain")) == (9, 9)


@pytest.mark.parametrize("rounds", [1, 1000])
def test_t_f5_double_fork(rounds: int) -> None:
    """A child forks a grandchild and both exit, a thousand times: back to one of each."""
    script = START.format(1)
    for n in range(rounds):
        script += f"fork p c{n}\nfork c{n} g{n}\nexit c{n}\nexit g{n}\n"
    record = run(script, "anon_vma_chain")
    assert objects(record) == (1, 1)
    # Each round: 2 AVCs for the child, 3 for the grandchild.
    assert made(record, "anon_vma_chain") == 1 + 5 * rounds


@pytest.mark.parametrize(("n", "k"), [(3, 1), (3, 4), (15, 2)])
def test_objects_of_a_star_as_measured(n: int, k: int) -> None:
    """A star of n over k VMAs: k(n + 1) anon_vmas, k(2n + 1) AVCs, k(n + 1) VMAs (slabinfo, 6.12).

    A VMA of the parent has one link; each child's has two. The k VMAs lie apart, or they would be
    one.
    """
    script = "".join(f"mmap p {20 * i} 4 anon private rw-\nwrite p {20 * i}\n" for i in range(k))
    script += "".join(f"fork p c{i}\n" for i in range(n))
    record = run(script, "anon_vma_chain")
    assert objects(record) == (k * (n + 1), k * (2 * n + 1))
    assert record["vmas"] == k * (n + 1)


def test_a_vma_that_was_never_written_gives_the_child_nothing() -> None:
    """No anon_vma, no link: a child that then writes makes a root of its own."""
    run(
        """
        mmap p 0 4 anon private rw-
        fork p c
        expect objects.anon_vma 0
        expect objects.anon_vma_chain 0
        write c 1
        expect objects.anon_vma 1
        expect objects.anon_vma_chain 1
        write p 1
        expect objects.anon_vma 2
        expect objects.anon_vma_chain 2
        """,
        "anon_vma_chain",
    )


@pytest.mark.parametrize("seed", range(8))
def test_t_f11_random_families(seed: int) -> None:
    """Random fork and exit: the counts of the independent simulation, after every step.

    anon_vmas stay below 3 times the *peak* number of VMAs in all these runs; no bound in terms of
    the VMAs alive now can hold (see T-F3).
    """
    rng = random.Random(seed)
    family = Family("p")
    script, expected = START.format(1), {}
    alive, peak = ["p"], 1
    for n in range(150):
        if len(alive) == 1 or rng.random() < 0.45 + 0.2 * rng.random():
            script += f"fork {(above := rng.choice(alive))} c{n}\n"
            family.fork(above, f"c{n}")
            alive.append(f"c{n}")
        else:
            alive.remove(leaving := rng.choice(alive))
            family.exit(leaving)
            script += f"exit {leaving}\n"
        peak = max(peak, len(alive))
        script += f"mark after{n}\n"
        expected[f"after{n}"] = (family.groups, family.links)
        assert family.groups <= 3 * peak
    assert by_mark(run(script, "anon_vma_chain")) == expected


# ---- splits, holes, neighbours ------------------------------------------------------------------


def with_chain_of(k: int, nr_pages: int) -> tuple[str, str]:
    """Script after which the VMA of the returned process has k links and one page of its own."""
    names = ["p", *(f"g{n}" for n in range(1, k))]
    script = START.format(nr_pages)
    for above, below in pairwise(names):
        script += f"fork {above} {below}\n"
    return script + f"write {names[-1]} {nr_pages // 2}\n", names[-1]


@pytest.mark.parametrize(("k", "new"), [(1, 999), (2, 1998), (5, 4995)])
def test_t_f7_split_into_a_thousand_pieces(k: int, new: int) -> None:
    """A VMA whose chain has k links, cut into 1000: 999 k new AVCs, and no anon_vma.

    A page's walk would look at all 1000 VMAs of a list (2.6.7); the interval tree hands out the one
    that covers it.
    """
    script, who = with_chain_of(k, 1000)
    script += "mark whole\n"
    script += "".join(f"mprotect {who} {page} 1 r--\n" for page in range(1, 1000, 2))
    record = run(script + f"evict {who} 500", "anon_vma_chain")
    groups, links = by_mark(record)["whole"]
    assert objects(record) == (groups, links + new)
    assert made(record, "anon_vma_chain") == links + new
    assert record["counters"]["vma_splits"] == 999
    assert record["vmas"] == k - 1 + 1000
    assert (record["probes"][0]["vmas_visited"], record["probes"][0]["ptes_hit"]) == (1, 1)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_hole_in_the_middle_as_measured(k: int) -> None:
    """A hole in a VMA nets one VMA and k AVCs (slabinfo, 6.1 and 6.12)."""
    script, who = with_chain_of(k, 30)
    record = run(script + f"mark before\nmunmap {who} 10 10", "anon_vma_chain")
    groups, links = by_mark(record)["before"]
    assert objects(record) == (groups, links + k)
    assert record["vmas"] == record["marks"]["before"]["vmas"] + 1


def test_t_f8_a_neighbour_with_one_link_is_shared() -> None:
    """A VMA beside one with a single AVC takes its anon_vma; beside one with two it must not.

    Commit d0e9fe1758f2: a fork child's anon_vma has been cloned, so pages of the neighbour could be
    looked for in the wrong place. Protection may differ, or the two would be one VMA.
    """
    run(
        """
        mmap p 10 10 anon private rw-
        write p 10
        mmap p 20 10 anon private r--
        mmap p 0 10 anon private r--
        mmap p 40 10 anon private r--
        expect objects.anon_vma 1
        read p 20                   # the previous neighbour's
        expect objects.anon_vma 1
        expect objects.anon_vma_chain 2
        read p 5                    # the next one's
        expect objects.anon_vma 1
        expect objects.anon_vma_chain 3
        read p 40                   # not adjacent
        expect objects.anon_vma 2
        expect objects.anon_vma_chain 4
        expect vmas 4
        """,
        "anon_vma_chain",
    )
    run(
        """
        mmap p 10 10 anon private rw-
        write p 10
        fork p c
        expect objects.anon_vma 2
        expect objects.anon_vma_chain 3
        mmap c 20 10 anon private r--
        read c 20                   # the child's neighbour has two links
        expect objects.anon_vma 3
        expect objects.anon_vma_chain 4
        mmap p 20 10 anon private r--
        read p 20                   # the parent's has one
        expect objects.anon_vma 3
        expect objects.anon_vma_chain 5
        """,
        "anon_vma_chain",
    )


def test_merges_as_measured() -> None:
    """Two sides with one anon_vma always merge; two with different ones never do.

    One side untouched: Linux 6.19 takes it in if the other's chain is single.
    """
    run(
        """
        mmap p 0 10 anon private rw-
        write p 0..9
        fork p c
        mprotect c 3 4 r--
        expect vmas 4
        mprotect c 3 4 rw-          # a chain of two, but the same anon_vma
        expect vmas 2
        mmap p 20 5 anon private rw-
        mmap p 30 5 anon private rw-
        write p 20
        write p 30
        expect objects.anon_vma 4
        mmap p 25 5 anon private rw-   # joins the left; the right one has pages of another root
        expect vmas 4
        """,
        "anon_vma_chain",
    )
