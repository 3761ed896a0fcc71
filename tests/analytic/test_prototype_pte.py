"""Does the frame database name what it can name, and count what it cannot? Are working sets trimmed
by age, and does what stands by come back softly?

A private frame names its one PTE; a frame shared by fork a prototype and a number; one of a file or
shm object nothing. Numbers follow from what is shared, page by page. Bytes of a frame's record are
those of dumps of the structure: 24 (x86), 28 (PAE), 48 (x64).
"""

from __future__ import annotations

import pytest

from reclaim.errors import MachineError
from reclaim.run import RunSpec, run_one
from reclaim.trace.script import parse_script
from tests.laboratory import policy, rmap, run


def forked(n: int, nr_pages: int) -> str:
    return f"mmap p 0 {nr_pages} anon private rw-\nwrite p 0..{nr_pages - 1}\n" + "".join(
        f"fork p c{i}\n" for i in range(1, n + 1)
    )


@pytest.mark.parametrize("nr_pages", [1, 5, 30])
@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_a_page_gets_one_prototype_however_many_share_it(n: int, nr_pages: int) -> None:
    """The first fork allocates a block a page, later ones add to its count: P blocks, not n P.

    Naming a private PTE is a link: P made at the faults, P dropped at the first fork.
    """
    record = run(forked(n, nr_pages), "prototype_pte", by="working_set")
    blocks = nr_pages if n else 0
    counters = record["counters"]
    assert record["rmap_objects"]["clone_block"]["live"] == blocks
    assert record["rmap_objects"]["clone_block"]["peak"] == blocks
    assert counters["rmap_objects_allocated"] == blocks
    assert (counters["rmap_links_added"], counters["rmap_links_removed"]) == (nr_pages, blocks)
    assert record["rmap_bytes"]["live"] == 16 * blocks


@pytest.mark.parametrize("n", [1, 2, 9])
def test_the_last_sharer_that_writes_has_its_page_for_itself(n: int) -> None:
    """Each child copies: a private frame each. The parent's stays with its prototype, and names its
    PTE again when the parent, now alone, writes to it.
    """
    script = forked(n, 4) + "".join(f"write c{i} 0..3\n" for i in range(1, n + 1))
    script += "mark copied\nwrite p 0..3\nmark reused\n"
    marks = run(script, "prototype_pte", by="working_set")["marks"]
    assert marks["copied"]["rmap_objects"]["clone_block"]["live"] == 4
    assert marks["reused"]["rmap_objects"]["clone_block"]["live"] == 0
    assert marks["copied"]["counters"]["rmap_links_added"] == 4 + 4 * n
    assert marks["reused"]["counters"]["rmap_links_added"] == 4 + 4 * n + 4
    assert marks["reused"]["counters"]["wp_reuses"] == 4


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("oldest_first", [True, False])
def test_prototypes_go_with_their_last_mapping(n: int, oldest_first: bool) -> None:
    """The parent and all children exit, in either order: no block is left."""
    names = ["p", *(f"c{i}" for i in range(1, n + 1))]
    script = forked(n, 6)
    for name in names if oldest_first else names[::-1]:
        script += f"mark before_{name}\nexit {name}\n"
    record = run(script, "prototype_pte", by="working_set")
    last = names[-1] if oldest_first else names[0]
    assert record["marks"][f"before_{last}"]["rmap_objects"]["clone_block"]["live"] == 6
    assert record["rmap_objects"]["clone_block"]["live"] == 0
    assert record["counters"]["rmap_objects_allocated"] == 6


def test_files_need_no_links() -> None:
    """The prototype of a file's page is the section's, whoever maps it: nothing is made."""
    script = "".join(f"mmap s{i} 0 8 file:f@0 shared rw-\nwrite s{i} 0..7\n" for i in range(5))
    counters = run(script, "prototype_pte", by="working_set")["counters"]
    assert counters["rmap_links_added"] == counters["rmap_objects_allocated"] == 0


def test_a_private_frame_is_found_by_one_link() -> None:
    """Probes of a private frame walk to its PTE, by one link, after an mremap too."""
    script = "mmap p 0 4 anon private rw-\nwrite p 0..3\nreferenced p 1\n"
    script += "mremap p 0 4 100\nevict p 101\nmadvise p 102 1 pageout\n"
    record = run(script, "prototype_pte", by="working_set")
    for probe in record["probes"]:
        assert (probe["mapcount"], probe["links_visited"], probe["ptes_hit"]) == (1, 1, 1)
    assert record["probes"][0]["young"] == 1
    assert record["counters"]["evictions"] == 2


@pytest.mark.parametrize("verb", ["evict", "referenced"])
def test_a_shared_frame_cannot_be_walked(verb: str) -> None:
    with pytest.raises(MachineError, match=rf"\({verb}\): rmap 'prototype_pte' cannot find"):
        run(forked(1, 1) + f"{verb} p 0\n", "prototype_pte", by="working_set")


@pytest.mark.parametrize(
    ("layout", "pae", "frame", "block"),
    [("32-bit", False, 24, 12), ("32-bit", True, 28, 16), ("64-bit", False, 48, 16)],
)
def test_bytes(layout: str, pae: bool, frame: int, block: int) -> None:
    chosen = rmap("prototype_pte", pae=pae)
    record = run(forked(1, 3), chosen, by="working_set", frames=64, layout=layout)
    assert record["rmap_bytes"]["fixed"] == 64 * frame
    assert record["rmap_bytes"]["live"] == 3 * block


# ---- working sets --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 6])
def test_a_shared_page_leaves_when_the_last_has_been_trimmed(n: int) -> None:
    """Four old pages of n processes, and a young one of a stranger, whose second page drives one
    out; `passes` is 1.

    Pass 0, which takes what is 1 old: the first process makes its pages 1 old, each of the others
    loses its 4 PTEs. Pass 1 takes page 0 from the first process, the last that maps it, and ends:
    4 (n - 1) + 1 PTEs for one frame. Nobody walks.
    """
    names = ["p", *(f"c{i}" for i in range(1, n))]
    script = forked(n - 1, 4) + "".join(f"madvise {name} 0 4 cold\n" for name in names)
    script += "mmap z 0 2 anon private rw-\nwrite z 0..1\nmark full\nread p 1..3\nread p 0\n"
    spec = RunSpec(policy("working_set", passes=1), rmap("prototype_pte"), 5, check=True)
    full = run_one(parse_script(script), spec)["marks"]["full"]
    assert full["phases"]["reclaim_unmap"]["tlb_flushes"] == 4 * (n - 1) + 1
    assert full["counters"]["evictions"] == 1
    assert full["counters"]["rmap_walks"] == 0


@pytest.mark.parametrize("passes", [1, 2, 3, 4, 7])
def test_a_young_page_survives_so_many_looks(passes: int) -> None:
    """6 young pages of one process. Pass k, from 0, takes what is at least `passes` - k old.

    Pass 0 clears them all: age 0. Pass k looks at age k - 1 and lets it grow while
    k - 1 < passes - k. So the first pass that takes is k = ceil((passes + 1) / 2), and it stops at
    the first PTE: 6 k + 1 looks. With one pass: all cleared, and the second takes.
    """
    script = "mmap p 0 7 anon private rw-\nwrite p 0..6\n"
    spec = RunSpec(policy("working_set", passes=passes), rmap("prototype_pte"), 6, check=True)
    record = run_one(parse_script(script), spec)
    k = -(-(passes + 1) // 2)
    assert record["counters"]["evictions"] == 1
    assert record["phases"]["reclaim_aging"]["ptes_hit"] == 6 * k + 1


def test_what_was_trimmed_comes_back_softly() -> None:
    """Three old pages of a parent and its child in 4 frames; a stranger's second page drives page 0
    out. The child lost its pages 1 and 2 on the way: they come back by minor faults, page 0 by a
    major one.
    """
    script = forked(1, 3) + "madvise p 0 3 cold\nmadvise c1 0 3 cold\n"
    script += "mmap z 0 2 anon private rw-\nwrite z 0..1\nmark trimmed\nread c1 1..2\nmark soft\n"
    spec = RunSpec(policy("working_set", passes=1), rmap("prototype_pte"), 4, check=True)
    record = run_one(parse_script(script + "read c1 0\n"), spec)
    trimmed, soft = (record["marks"][name]["counters"] for name in ("trimmed", "soft"))
    assert trimmed["evictions"] == soft["evictions"] == 1
    assert soft["minor_faults"] - trimmed["minor_faults"] == 2
    assert soft["major_faults"] == 0
    assert record["counters"]["major_faults"] == record["counters"]["swap_ins"] == 1
