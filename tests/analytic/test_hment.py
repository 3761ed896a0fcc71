"""Are illumos's mapping elements as many and as dear as its source describes?

One mapping is embedded in the page; from the second on each has an hment, the first one too; an
hment that is left alone stays. Removal finds it through a hash of trees. Counts are computed here
from that description; no code of the plugin is used.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from tests.laboratory import rmap, run


def star(nr_processes: int, nr_pages: int) -> str:
    """A process that writes its pages and forks until so many processes share them."""
    lines = [f"mmap p 0 {nr_pages} anon private rw-", f"write p 0..{nr_pages - 1}", "mark m1"]
    for nr in range(2, nr_processes + 1):
        lines += [f"fork p c{nr - 1}", f"mark m{nr}"]
    return "\n".join(lines)


def names(nr_processes: int) -> list[str]:
    return ["p", *(f"c{i}" for i in range(1, nr_processes))]


def live(counts: dict[str, Any]) -> int:
    nr: int = counts["rmap_objects"]["hment"]["live"]
    return nr


def since(record: dict[str, Any], mark: str) -> dict[str, int]:
    """Return how much each counter grew after a mark."""
    before = record["marks"][mark]["counters"]
    return {name: n - before[name] for name, n in record["counters"].items()}


def test_hments_for_m_mappings() -> None:
    """0 for one mapping, 2 for two, m from there on."""
    record = run(star(40, 1), "hment")
    found = [live(record["marks"][f"m{m}"]) for m in range(1, 41)]
    assert found == [0 if m == 1 else m for m in range(1, 41)]


@pytest.mark.parametrize(("layout", "size"), [("64-bit", 64), ("32-bit", 36)])
def test_bytes_of_an_hment(layout: str, size: int) -> None:
    """amd64: 24 of the AVL node, links, table, frame of 8 each, index: 60, padded to 64.

    ia32: 16 of the AVL node (two children, parent, side and balance) and five words: 36.
    """
    assert size == (math.ceil((24 + 4 * 8 + 4) / 8) * 8 if layout == "64-bit" else 16 + 5 * 4)
    record = run(star(10, 3), "hment", layout=layout)
    assert record["rmap_bytes"]["live"] == 10 * 3 * size


def test_the_last_hment_is_not_embedded_again() -> None:
    """Sharers leave, 5 to 1: an hment a mapping, for the last too; unmapped, a page begins anew."""
    script = [star(5, 1)]
    script += [f"exit c{i}\nmark left{5 - i}" for i in range(1, 5)]
    script += ["evict p 0", "mark gone", "read p 0", "mark back", "fork p d", "mark two"]
    record = run("\n".join(script), "hment")
    left = [live(record["marks"][f"left{m}"]) for m in (4, 3, 2, 1)]
    assert left == [4, 3, 2, 1]
    assert [live(record["marks"][k]) for k in ("gone", "back", "two")] == [0, 0, 2]


def test_fork_allocates_two_for_each_page_and_then_one() -> None:
    """P unshared pages: 2 P hments at child 1, P at each later one, as many adds as PTEs copied."""
    nr_pages = 37
    record = run(star(5, nr_pages), "hment")
    marks = [record["marks"][f"m{m}"]["counters"] for m in range(1, 6)]
    made, added = (
        [now[name] - before[name] for before, now in pairwise(marks)]
        for name in ("rmap_objects_allocated", "rmap_links_added")
    )
    assert made == [2 * nr_pages, nr_pages, nr_pages, nr_pages]
    assert added == [nr_pages] * 4


def test_locks_of_a_mapping() -> None:
    """The page's lock once; again after each allocation; and the bucket's for each hment.

    So 1 for a mapping that is embedded, 1 + 2 x 2 for the second, 1 + 2 for each further one, 2 to
    remove one with an hment and 1 to remove an embedded one.
    """
    script = "mark start\n" + star(4, 1) + "\nexit c2\nmark three\nexit c1\nexit c3\nmark one\n"
    script += "exit p\nmark none\nmmap q 0 1 anon private rw-\nwrite q 0\nmark q\nexit q\nmark end"
    record = run(script, "hment")
    order = ["start", "m1", "m2", "m3", "m4", "three", "one", "none", "q", "end"]
    locks = [record["marks"][name]["counters"]["locks"] for name in order]
    assert [now - before for before, now in pairwise(locks)] == [1, 5, 3, 3, 2, 4, 2, 1, 1]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("n", [2, 9, 60])
def test_removal_does_not_depend_on_the_length_of_the_list(n: int, newest_first: bool) -> None:
    """Sharers leave in either order: one tree step each, since each bucket holds one hment.

    Their PTEs are the first of n page tables, which hash to n different buckets of 64 K.
    """
    order = names(n)[::-1] if newest_first else names(n)
    record = run("\n".join([star(n, 1), *(f"exit {name}" for name in order)]), "hment")
    work = since(record, f"m{n}")
    assert work["rmap_tree_steps"] == work["rmap_links_removed"] == n
    assert work["rmap_slots_searched"] == 0
    assert work["rmap_objects_freed"] == n
    assert live(record) == 0


def test_an_empty_bucket_costs_an_insertion_nothing() -> None:
    """No hment shares its bucket, so insertions compare nothing."""
    record = run(star(60, 3), "hment")
    assert record["counters"]["rmap_tree_steps"] == 0


def test_one_bucket_is_one_tree() -> None:
    """All of 2000 hments in one bucket: a removal searches its tree, of a mean depth of
    1.4 log2 n, and not the list of 20 mappings of each page nor all hments.
    """
    n, nr_pages = 20, 100
    script = star(n, nr_pages) + "\n" + "\n".join(f"exit {name}" for name in names(n))
    record = run(script, rmap("hment", buckets=1))
    steps = since(record, f"m{n}")["rmap_tree_steps"] / (n * nr_pages)
    assert 2 < steps <= 1.4 * math.log2(n * nr_pages) + 2


def test_vma_operations_are_free_but_mremap() -> None:
    """Split and merge: nothing. mremap of n shared pages: n removals, n adds, an hment each."""
    record = run(
        """
        mmap p 0 20 anon private rw-
        write p 0..19
        fork p c
        mark before
        mprotect c 5 5 r--
        mprotect c 5 5 rw-
        mark merged
        mremap c 4 9 100
        """,
        "hment",
    )
    before, merged = (record["marks"][k]["counters"] for k in ("before", "merged"))
    for name in merged:
        if name.startswith("rmap_") or name == "locks":
            assert merged[name] == before[name], name
    work = since(record, "merged")
    assert work["rmap_links_removed"] == work["rmap_links_added"] == 9
    assert work["rmap_objects_freed"] == work["rmap_objects_allocated"] == 9
    assert work["rmap_tree_steps"] == 9
    assert live(record) == 40


@pytest.mark.parametrize("n", [1, 9])
def test_walks(n: int) -> None:
    """Asking: n visits under one lock. Unmapping: n visits, each removed as any other mapping is.

    So 2 locks and a tree step for each hment, 1 lock and none for an embedded mapping.
    """
    record = run(star(n, 1) + "\nreferenced p 0\nmark asked\nevict p 0", "hment")
    asked, unmapped = record["probes"]
    for probe in (asked, unmapped):
        assert probe["links_visited"] == probe["ptes_probed"] == probe["ptes_hit"] == n
    before = record["marks"][f"m{n}"]["counters"]
    assert record["marks"]["asked"]["counters"]["locks"] - before["locks"] == 1
    work = since(record, "asked")
    hments = 0 if n == 1 else n
    assert work["locks"] == n + hments
    assert work["rmap_tree_steps"] == work["rmap_objects_freed"] == hments
    assert work["rmap_links_removed"] == n
    assert live(record) == 0


def test_aim7_leaves_one_hment_for_each_page_of_the_parent() -> None:
    """P pages, C children that copy all: (C + 1) P hments after the forks, P after the copies.

    Children's copies are embedded; the parent's mappings keep the hment they once needed. Every
    walk visits one mapping.
    """
    nr_children, nr_pages = 12, 30
    children = names(nr_children + 1)[1:]
    script = [star(nr_children + 1, nr_pages)]
    script += [f"write {child} 0..{nr_pages - 1}" for child in children]
    script += ["mark copied"]
    script += [f"referenced {who} {page}" for who in ("p", *children) for page in range(nr_pages)]
    record = run("\n".join(script), "hment")
    assert live(record["marks"][f"m{nr_children + 1}"]) == (nr_children + 1) * nr_pages
    copied = record["marks"]["copied"]
    assert live(copied) == nr_pages
    assert copied["counters"]["rmap_objects_allocated"] == (nr_children + 1) * nr_pages
    assert copied["counters"]["cow_copies"] == nr_children * nr_pages
    assert {probe["links_visited"] for probe in record["probes"]} == {1}
    assert len(record["probes"]) == (nr_children + 1) * nr_pages
