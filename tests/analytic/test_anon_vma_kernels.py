"""Do the presets of anon_vma_chain pay what their kernels paid, where it matters?

Checks T-E with a list and with a tree, T-F8 for every preset, and the merge that the degree rule
makes wrong.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.analytic.history import History
from tests.analytic.test_walks import FULL, SMALL, aim7_walks
from tests.laboratory import rmap, run

PRESETS = ["linux-2.6.34", "linux-3.7", "linux-3.19", "linux-6.12"]


# ---- the tree of AIM7 ---------------------------------------------------------------------------


@pytest.mark.parametrize(("nr_children", "nr_pages"), [*SMALL, FULL])
@pytest.mark.parametrize(
    ("name", "sizes"),
    [("linux-2.6.34", (48, 32)), ("linux-3.7", (64, 56)), ("linux-3.19", (64, 72))],
)
@pytest.mark.parametrize("early_exit", [True, False])
def test_t_e_with_a_list_and_with_a_tree(
    name: str, sizes: tuple[int, int], nr_children: int, nr_pages: int, early_exit: bool
) -> None:
    """C children each copy P pages: 2 C + 1 AVCs, C + 1 anon_vmas; a child's page takes 1 visit.

    What helped AIM7 is that a copy hangs in the child's own anon_vma, not the tree: with one VMA
    for each process the list is as good. The parent's pages: 1 visit, C + 1 without exit, so Rik's
    mean of 2 holds for 2.6.34, which is the kernel he spoke of. C = 1000: 96,048 bytes of AVCs at
    48 and 32,032 of anon_vmas at 32.
    """
    record, children, parent = aim7_walks(
        nr_children, nr_pages, name, "rmap_vmas_visited", early_exit=early_exit
    )
    kinds = record["marks"]["copied"]["rmap_objects"]
    assert kinds["anon_vma_chain"]["live"] == 2 * nr_children + 1
    assert kinds["anon_vma"]["live"] == nr_children + 1
    size = sizes[0] * (2 * nr_children + 1) + sizes[1] * (nr_children + 1)
    assert record["marks"]["copied"]["rmap_bytes"]["live"] == size
    if nr_children == 1000 and name == "linux-2.6.34":
        assert size == 96_048 + 32_032
    assert children == nr_children * nr_pages
    assert parent == nr_pages * (1 if early_exit else nr_children + 1)


@pytest.mark.parametrize("early_exit", [True, False])
@pytest.mark.parametrize(("name", "pieces"), [("linux-2.6.34", 8), ("linux-3.7", 1)])
def test_t_e_in_pieces(name: str, pieces: int, early_exit: bool) -> None:
    """The same with VMAs that were cut into 8 before the forks: there the list pays.

    Each piece of a child has a chain of two: the anon_vma that all 8 pieces of the parent share,
    and one of its own (fork makes one for each VMA). So a child's page takes 1 visit either way.
    The parent's page in the last piece: its 8th VMA of the list, or the first of the tree; without
    exit all 8 (C + 1), or the C + 1 that cover it.
    """
    nr_children, cut = 5, 8
    script = f"mmap p 0 {cut} anon private rw-\nwrite p 0..{cut - 1}\n"
    script += "".join(f"mprotect p {page} 1 r--\n" for page in range(0, cut, 2))
    script += "".join(f"fork p c{i}\n" for i in range(nr_children))
    script += "".join(f"write c{i} {cut - 1}\n" for i in range(nr_children))
    record = run(
        script + f"referenced p {cut - 1}\nreferenced c3 {cut - 1}",
        rmap(name, early_exit=early_exit),
    )
    assert record["rmap_objects"]["anon_vma"]["live"] == 1 + cut * nr_children
    assert record["rmap_objects"]["anon_vma_chain"]["live"] == cut + 2 * cut * nr_children
    parent, child = (probe["vmas_visited"] for probe in record["probes"])
    assert child == 1
    assert parent == (pieces if early_exit else pieces * (nr_children + 1))
    hits = [(probe["ptes_probed"], probe["ptes_hit"]) for probe in record["probes"]]
    assert hits == [(1 if early_exit else nr_children + 1, 1), (1, 1)]


# ---- neighbours ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_t_f8_neighbours(name: str) -> None:
    """A VMA beside one with a single AVC shares its anon_vma; beside a fork's child it must not."""
    run(
        """
        mmap p 10 10 anon private rw-
        write p 10
        mmap p 20 10 anon private r--
        read p 20
        expect objects.anon_vma 1
        expect objects.anon_vma_chain 2
        munmap p 20 10
        fork p c
        expect objects.anon_vma 2
        mmap c 20 10 anon private r--
        read c 20
        expect objects.anon_vma 3
        expect objects.anon_vma_chain 4
        """,
        rmap(name),
    )


# ---- the merge ----------------------------------------------------------------------------------

WRONG = """
    mprotect p 0 1 r--; mprotect p 1 1 r--; fork p c3; exit p; fork c3 c5; fork c5 c6; exit c5;
    exit c3; mprotect c6 0 1 rw-; fork c6 c11; fork c11 c12; exit c6; fork c12 c14
"""


@pytest.mark.parametrize("reuse", ["degree", "counters"])
def test_the_merge_that_the_degree_rule_makes_wrong(reuse: str) -> None:
    """By degree two neighbours of one process get one anon_vma, but unequal chains.

    The kernel compares anon_vmas only and would merge them: the one that goes takes its other
    links along, and pages that hang there are not found again (fixed in 2022, 2555283eb40d). Here
    the two stay apart, and every page is found.
    """
    history = History("tree", reuse, "p", 3)
    lines = ["mmap p 0 3 anon private rw-", "write p 0..2"]
    for event in WRONG.replace("\n", " ").split(";"):
        verb, who, *rest = event.split()
        if verb == "mprotect":
            history.protect(who, int(rest[0]), readonly=rest[2] == "r--")
        else:
            getattr(history, verb)(who, *rest)
        lines.append(event)
    areas = history.areas["c14"]
    assert [(area.first, area.last, area.readonly) for area in areas] == [
        (0, 0, False),
        (1, 1, True),
        (2, 2, False),
    ]
    doubtful = [a.own is b.own and a.chain != b.chain for a, b in pairwise(areas)]
    assert any(doubtful) == (reuse == "degree")

    lines += ["mprotect c14 1 1 rw-", "mark merged"]
    lines += [f"write c14 {page}\nreferenced c14 {page}" for page in range(3)]
    record = run("\n".join(lines), rmap("anon_vma_chain", reuse=reuse))
    history.protect("c14", 1, readonly=False)
    nr_areas = sum(map(len, history.areas.values()))
    assert record["marks"]["merged"]["vmas"] == nr_areas
    assert [probe["ptes_hit"] for probe in record["probes"]] == [1, 1, 1]
    assert len(history.areas["c14"]) == 3
