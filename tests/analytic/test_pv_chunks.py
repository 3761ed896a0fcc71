"""Are FreeBSD's chunks of pv entries as many, as large and as dear as arithmetic says?

Checks T-A3 and what follows from the description of sys/amd64/amd64/pmap.c: an entry is three
words, a chunk one page of one pmap; a page's list is searched from its oldest entry when a mapping
is taken away, but not at exit, which goes by chunks. Every count is computed in the test, by a
formula or by a list that is searched as the text says; no code of the plugin is used for it.
"""

from __future__ import annotations

import random
from math import ceil
from typing import Any

import pytest

from reclaim.vm.machine import Machine
from tests.laboratory import rmap, run, watch
from tests.oracle.scripts import random_script

# (word, page size) -> entries of a chunk, as in sys/sys/_pv_entry.h.
ENTRIES = {(8, 4096): 168, (4, 4096): 336, (8, 16384): 677}
BYTES_EACH = {(8, 4096): 24.38, (4, 4096): 12.19, (8, 16384): 24.20}


def star(nr_processes: int, nr_pages: int) -> str:
    """A process that writes its pages and forks until so many processes share them."""
    lines = [f"mmap p 0 {nr_pages} anon private rw-", f"write p 0..{nr_pages - 1}", "mark whole"]
    lines += [f"fork p c{i}" for i in range(1, nr_processes)]
    return "\n".join(lines)


def live(record: dict[str, Any], kind: str) -> int:
    nr: int = record["rmap_objects"][kind]["live"]
    return nr


def since(record: dict[str, Any], mark: str) -> dict[str, int]:
    """Return how much each counter grew after a mark."""
    before = record["marks"][mark]["counters"]
    return {name: n - before[name] for name, n in record["counters"].items()}


@pytest.mark.parametrize(("layout", "entries"), ENTRIES.items())
def test_entries_of_a_chunk(layout: tuple[int, int], entries: int) -> None:
    """Five words of header (pmap, two pairs of links), a bit for each entry, three words each.

    Derived: n entries fit when 5 + ceil(n / bits of a word) + 3 n words are at most a page.
    """
    word, page = layout
    fits = [n for n in range(1, page) if 5 + ceil(n / (8 * word)) + 3 * n <= page // word]
    assert max(fits) == entries
    for nr, chunks in ((entries, 1), (entries + 1, 2)):
        record = run(star(1, nr), rmap("pv_chunks", word=word, page_size=page))
        assert live(record, "pv_chunk") == chunks
        assert live(record, "pv_entry") == nr


@pytest.mark.parametrize(("layout", "entries"), ENTRIES.items())
def test_bytes_of_a_mapping(layout: tuple[int, int], entries: int) -> None:
    """24.38, 12.19 and 24.20 bytes: the chunk's page divided by what it holds."""
    word, page = layout
    record = run(star(1, 3 * entries), rmap("pv_chunks", word=word, page_size=page))
    assert round(record["rmap_bytes"]["live"] / (3 * entries), 2) == BYTES_EACH[layout]


def test_t_a3_a_thousand_mappings_of_one_pmap() -> None:
    """1,000 mappings of one pmap: ceil(1000 / 168) = 6 chunks of 4096 bytes."""
    record = run(star(1, 1000), "pv_chunks")
    assert live(record, "pv_chunk") == ceil(1000 / 168) == 6
    assert record["rmap_bytes"]["live"] == 24_576


def test_chunks_are_not_shared_by_pmaps() -> None:
    """50 processes with one mapping each hold 50 pages of chunks for 50 entries."""
    record = run(star(50, 1), "pv_chunks")
    assert live(record, "pv_entry") == 50
    assert record["rmap_bytes"]["live"] == 50 * 4096


def searched(leaving: list[int]) -> int:
    """Entries that removals look at: a list, oldest first, searched from its head."""
    mappings = sorted(leaving)
    looked_at = 0
    for victim in leaving:
        looked_at += mappings.index(victim) + 1
        mappings.remove(victim)
    return looked_at


@pytest.mark.parametrize("n", [2, 8, 40])
def test_entries_searched_by_unmaps(n: int) -> None:
    """Of n sharers that unmap: n entries oldest first, n (n + 1) / 2 newest first, or between."""
    oldest = list(range(n))
    chance = random.Random(n).sample(oldest, n)
    names = ["p", *(f"c{i}" for i in range(1, n))]
    counts = {}
    for order, leaving in (("oldest", oldest), ("newest", oldest[::-1]), ("chance", chance)):
        script = "\n".join([star(n, 1), *(f"munmap {names[k]} 0 1" for k in leaving)])
        record = run(script, "pv_chunks")
        counts[order] = record["counters"]["rmap_slots_searched"]
        assert counts[order] == searched(leaving)
        assert live(record, "pv_entry") == live(record, "pv_chunk") == 0
    assert (counts["oldest"], counts["newest"]) == (n, n * (n + 1) // 2)


@pytest.mark.parametrize("verb", ["exit", "exec"])
@pytest.mark.parametrize("newest_first", [True, False])
def test_exit_searches_nothing_and_frees_whole_chunks(verb: str, newest_first: bool) -> None:
    """10 sharers of 400 pages leave: 400 removals and ceil(400 / 168) = 3 chunks each, no search.

    One lock for each entry, for its page's list, and one for the batch of chunks.
    """
    n, nr_pages = 10, 400
    names = ["p", *(f"c{i}" for i in range(1, n))]
    order = names[::-1] if newest_first else names
    script = [star(n, nr_pages), "mark leaving", *(f"{verb} {name}" for name in order)]
    record = run("\n".join(script), "pv_chunks")
    assert record["marks"]["leaving"]["rmap_objects"]["pv_chunk"]["live"] == 3 * n
    work = since(record, "leaving")
    assert work["rmap_links_removed"] == n * nr_pages
    assert work["rmap_objects_freed"] == 3 * n
    assert work["rmap_slots_searched"] == 0
    assert work["locks"] == n * (nr_pages + 1)
    assert live(record, "pv_entry") == live(record, "pv_chunk") == 0


def test_a_space_maps_again_after_exec() -> None:
    """An exec gives the old chunks back; the new image's mappings need chunks of their own."""
    script = "mmap p 0 200 anon private rw-\nwrite p 0..199\nexec p\n"
    script += "mmap p 0 170 anon private rw-\nwrite p 0..169\nmunmap p 168 2"
    record = run(script, "pv_chunks")
    assert record["counters"]["rmap_objects_allocated"] == 4
    assert live(record, "pv_chunk") == 1  # 168 in the first of the new two, the second emptied
    assert live(record, "pv_entry") == 168


def test_which_mappings_go_decides_what_is_freed() -> None:
    """336 mappings fill two chunks. Half of them gone: half of each chunk, or one chunk whole.

    What is mapped then fills the holes, 84 in either chunk, and makes no third.
    """
    scattered = star(1, 336) + "\nmunmap p 0 84\nmunmap p 168 84\n"
    assert live(run(scattered, "pv_chunks"), "pv_chunk") == 2
    assert live(run(star(1, 336) + "\nmunmap p 0 168\n", "pv_chunks"), "pv_chunk") == 1
    more = "mmap p 1000 168 anon private rw-\nwrite p 1000..1167\n"
    record = run(scattered + more, "pv_chunks")
    assert live(record, "pv_chunk") == record["counters"]["rmap_objects_allocated"] == 2


@pytest.mark.parametrize("nr_pages", [1, 300])
def test_fork_adds_an_entry_for_each_pte(nr_pages: int) -> None:
    """P entries and ceil(P / 168) chunks a child; nothing is searched."""
    record = run(star(4, nr_pages), "pv_chunks")
    work = since(record, "whole")
    assert work["rmap_links_added"] == 3 * nr_pages
    assert work["rmap_objects_allocated"] == 3 * ceil(nr_pages / 168)
    assert work["rmap_slots_searched"] == work["rmap_links_removed"] == 0


def test_vma_operations_are_free_but_mremap() -> None:
    """Split and merge: nothing. mremap of n pages: n removals and n adds.

    The child's entry is the second of each page's list, so each removal looks at two; it comes
    back at the end, and moving it again looks at two again.
    """
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
        mark moved
        mremap c 100 9 4
        """,
        "pv_chunks",
    )
    before, merged, moved = (record["marks"][k]["counters"] for k in ("before", "merged", "moved"))
    for name in merged:
        if name.startswith("rmap_") or name in {"locks", "trylocks"}:
            assert merged[name] == before[name], name
    for one, other in ((moved, merged), (record["counters"], moved)):
        assert one["rmap_links_removed"] - other["rmap_links_removed"] == 9
        assert one["rmap_links_added"] - other["rmap_links_added"] == 9
        assert one["rmap_slots_searched"] - other["rmap_slots_searched"] == 18


def test_a_copy_removes_and_adds() -> None:
    """Children write in turn, oldest first: the parent is in front, so each search looks at 2."""
    n = 6
    writes = "".join(f"write c{i} 0\n" for i in range(1, n + 1))
    record = run(star(n + 1, 1) + "\nmark shared\n" + writes, "pv_chunks")
    work = since(record, "shared")
    assert work["cow_copies"] == work["rmap_links_removed"] == work["rmap_links_added"] == n
    assert work["rmap_slots_searched"] == 2 * n


@pytest.mark.parametrize("verb", ["referenced", "evict"])
def test_a_walk_visits_the_mappings_and_locks_each_pmap(verb: str) -> None:
    """Of n mappings: n entries, one lock for the list, a trylock for each entry's pmap; no search.

    What unmapping gives back is a chunk each, since no process has another mapping, and a lock
    for each chunk.
    """
    n = 9
    record = run(star(n, 1) + f"\nmark shared\n{verb} c3 0", "pv_chunks")
    (probe,) = record["probes"]
    assert probe["links_visited"] == probe["ptes_probed"] == probe["ptes_hit"] == n
    work = since(record, "shared")
    assert work["trylocks"] == n
    assert work["rmap_slots_searched"] == 0
    freed = n if verb == "evict" else 0
    assert work["rmap_links_removed"] == work["rmap_objects_freed"] == freed
    assert work["locks"] == 1 + freed


def test_aim7_walks_are_short_and_memory_is_by_mappings() -> None:
    """A parent with P pages, C children that copy all of them: every walk visits one entry.

    After the forks and after the copies alike there are (C + 1) P entries, in ceil(P / 168) chunks
    for each process. The child's entry is behind the parent's alone when children write in order.
    """
    nr_children, nr_pages = 12, 30
    children = [f"c{i}" for i in range(1, nr_children + 1)]
    script = [star(nr_children + 1, nr_pages), "mark forked"]
    script += [f"write {child} 0..{nr_pages - 1}" for child in children]
    script += ["mark copied"]
    script += [f"referenced {who} {page}" for who in ("p", *children) for page in range(nr_pages)]
    record = run("\n".join(script), "pv_chunks")
    for mark in ("forked", "copied"):
        objects = record["marks"][mark]["rmap_objects"]
        assert objects["pv_entry"]["live"] == (nr_children + 1) * nr_pages
        assert objects["pv_chunk"]["live"] == (nr_children + 1) * ceil(nr_pages / 168)
    assert record["marks"]["copied"]["counters"]["rmap_slots_searched"] == (
        2 * nr_children * nr_pages
    )
    assert [probe["links_visited"] for probe in record["probes"]] == [1] * (
        (nr_children + 1) * nr_pages
    )


def test_five_young_bits_a_call_and_the_list_turns() -> None:
    """8 sharers have all used a page: calls find 5, 3 and 0 of them young.

    The first call ends at the fifth entry. The second begins at the sixth, finds the last three
    young and the five before them old, and so comes round: 8 visits. The third finds none.
    """
    n = 8
    reads = "".join(f"read c{i} 0\n" for i in range(1, n))
    script = star(n, 1) + "\nread p 0\n" + reads + "referenced p 0\n" * 3 + "evict p 0"
    five, all_of_them = run(script, "pv_chunks_five"), run(script, "pv_chunks")
    assert [probe["young"] for probe in five["probes"][:3]] == [5, 3, 0]
    assert [probe["links_visited"] for probe in five["probes"][:3]] == [5, 8, 8]
    assert [probe["young"] for probe in all_of_them["probes"][:3]] == [8, 0, 0]
    for record in (five, all_of_them):  # taking the page away visits all, whatever was asked
        assert record["probes"][3]["ptes_hit"] == n
        assert live(record, "pv_entry") == 0


def test_the_next_call_goes_on_behind_the_fifth() -> None:
    """All 8 are young, call: entries 1 to 5 are old. All young again, call: 6, 7, 8, 1 and 2.

    So with 6 to 8 unmapped, a third call finds 3, 4 and 5 young; had it begun at the first entry
    each time, it would have found none.
    """
    names = ["p", *(f"c{i}" for i in range(1, 8))]
    reads = "".join(f"read {name} 0\n" for name in names)
    script = star(8, 1) + "\n" + (reads + "referenced p 0\n") * 2
    script += "".join(f"munmap {name} 0 1\n" for name in names[5:]) + "referenced p 0"
    probes = run(script, "pv_chunks_five")["probes"]
    assert [probe["young"] for probe in probes] == [5, 5, 3]
    assert [probe["links_visited"] for probe in probes] == [5, 5, 5]


@pytest.mark.parametrize("users", [["p"], ["c2", "c5"], ["p", "c1", "c2", "c3"]])
def test_fewer_young_bits_than_five_are_all_found(users: list[str]) -> None:
    """Up to four of eight sharers used the page: one call finds them, after a visit to each."""
    # Asking twice makes all bits old, whatever the writes and forks before have set.
    script = star(8, 1) + "\nreferenced p 0\nreferenced p 0\n"
    script += "".join(f"read {user} 0\n" for user in users) + "referenced p 0"
    probe = run(script, "pv_chunks_five")["probes"][-1]
    assert (probe["young"], probe["links_visited"]) == (len(users), 8)


@pytest.mark.parametrize("seed", range(6))
def test_the_limit_leaves_the_lists_whole(seed: int) -> None:
    """Random events under memory pressure: at each the lists hold what the page tables map."""
    text = random_script(seed, 120, max_locked=0)
    watch(text, "pv_chunks_five", whole, by="clock", frames=14)


def whole(m: Machine, _verb: int) -> None:
    assert m.rmap.check(m) == ""
