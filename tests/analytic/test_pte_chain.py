"""Are pte_chain's chains as long, as dear and as large as arithmetic and the mails of 2002 say?

Checks T-A2 and T-B1 to T-B8. The structure is that of Linux 2.5.32 to 2.6.6, mm/rmap.c: a node is
one cache line, one word of it links, the rest are NRPTE slots; a single mapping needs no node.
Every count is computed in the test, by a formula or by a list that is searched and shortened as
the kernel's text says; no code of the plugin is used for it.
"""

from __future__ import annotations

import random
from itertools import pairwise
from math import ceil

import pytest

from reclaim import rows
from reclaim.ids import NIL
from reclaim.vm.machine import Machine
from tests.laboratory import rmap, run, watch

# (line, word, bytes of a PTE address) -> slots of a node, as in the table of 2.5.32's mail.
SLOTS = {
    (32, 4, 4): 7,
    (64, 4, 4): 15,
    (128, 4, 4): 31,
    (32, 4, 8): 3,
    (64, 4, 8): 7,
    (128, 4, 8): 15,
    (32, 8, 8): 3,
    (64, 8, 8): 7,
    (128, 8, 8): 15,
}
CHAINED = ["pte_chain", "objrmap_list"]
"""Both keep such chains for anonymous pages, which are all that is mapped here."""

SEVEN = {"line": 32, "word": 4}
"""The layout of the published figures: 32-byte lines of a 32-bit machine."""


def star(nr_processes: int, nr_pages: int) -> str:
    """A process that writes its pages and forks until so many processes share them."""
    lines = [f"mmap p 0 {nr_pages} anon private rw-", f"write p 0..{nr_pages - 1}", "mark whole"]
    lines += [f"fork p c{i}" for i in range(1, nr_processes)]
    return "\n".join(lines)


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.parametrize(("layout", "slots"), SLOTS.items())
def test_slots_of_a_node(layout: tuple[int, int, int], slots: int, strategy: str) -> None:
    """A node is a line less one word, filled with PTE addresses (8 bytes with PAE and HIGHPTE)."""
    line, word, address = layout
    assert (line - word) // address == slots
    run_ = run(star(slots, 1), rmap(strategy, line=line, word=word, pte_address=address))
    assert run_["rmap_objects"]["pte_chain"]["live"] == 1
    run_ = run(star(slots + 1, 1), rmap(strategy, line=line, word=word, pte_address=address))
    assert run_["rmap_objects"]["pte_chain"]["live"] == 2


@pytest.mark.parametrize("strategy", CHAINED)
def test_t_a2_nodes_of_a_slab(strategy: str) -> None:
    """Peter Wong, 17 September 2002: 3,411,018 nodes in 30,186 slabs, on 32-byte lines.

    A slab of one 4096-byte page spends 24 bytes on its header and 4 beside each object:
    (4096 - 24) // (32 + 4) = 113, and 30,186 x 113 is his maximum to the last node; 22,817,885
    mappings then fill 95.6 % of seven slots each. What is checked of ours: that a node is 32 bytes
    and has seven slots.
    """
    record = run(star(8, 1), rmap(strategy, **SEVEN))
    node = record["rmap_bytes"]["live"] // record["rmap_objects"]["pte_chain"]["live"]
    assert (4096 - 24) // (node + 4) == 113
    assert 30_186 * 113 == 3_411_018
    assert record["rmap_objects"]["pte_chain"]["live"] == 2  # so seven slots, not eight
    assert round(22_817_885 / (3_411_018 * 7), 3) == 0.956


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.parametrize(
    ("line", "nodes"),
    [
        (32, {0: 0, 1: 0, 2: 1, 7: 1, 8: 2, 32: 5, 100: 15, 512: 74, 1000: 143}),
        (128, {0: 0, 1: 0, 2: 1, 7: 1, 8: 1, 32: 2, 100: 4, 512: 17, 1000: 33}),
    ],
)
def test_t_b1_nodes_for_m_mappings(line: int, nodes: dict[int, int], strategy: str) -> None:
    """None for no mapping or one, else ceil(m / NRPTE); NRPTE 7 and 31 on a 32-bit machine."""
    slots = (line - 4) // 4
    assert nodes == {m: 0 if m <= 1 else ceil(m / slots) for m in nodes}
    lines = star(1000, 1).splitlines()
    script = [lines[0], "mark m0", lines[1]]
    for nr, fork in enumerate(["", *lines[3:]], start=1):
        script.append(fork)
        if nr in nodes:
            script.append(f"mark m{nr}")
    record = run("\n".join(script), rmap(strategy, line=line, word=4))
    live = {m: record["marks"][f"m{m}"]["rmap_objects"]["pte_chain"]["live"] for m in nodes}
    assert live == nodes


# line, word, processes, pages of the published or derived figure, its bytes
FIGURES = [
    (32, 4, 100, 60_000, 28.80e6),
    (64, 4, 100, 60_000, 26.88e6),
    (128, 4, 100, 60_000, 30.72e6),
    (64, 8, 100, 60_000, 57.60e6),
]


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.parametrize(("line", "word", "processes", "pages", "figure"), FIGURES)
def test_t_b2_bytes_of_a_hundred_processes(
    line: int, word: int, processes: int, pages: int, figure: float, strategy: str
) -> None:
    """100 processes share 60,000 pages: pages x ceil(100 / NRPTE) lines. Here 6 of the pages."""
    slots = (line - word) // word
    assert pages * ceil(processes / slots) * line == figure
    some = 6
    record = run(star(processes, some), rmap(strategy, line=line, word=word))
    assert record["rmap_bytes"]["live"] * (pages // some) == figure


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.slow
@pytest.mark.jit_only
def test_t_b2_at_full_size(strategy: str) -> None:
    """100 processes x 60,000 pages: 6 million mappings, 28.80 MB of 32-byte nodes."""
    record = run(star(100, 60_000), rmap(strategy, **SEVEN), frames=60_000, check=False)
    assert record["rmap_bytes"]["live"] == 28.80e6
    assert record["counters"]["rmap_links_added"] == 6_000_000


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.slow
@pytest.mark.jit_only
@pytest.mark.parametrize(("line", "figure"), [(32, 12.00e9), (128, 10.87e9)])
def test_t_b3_bytes_of_five_thousand_tasks(line: int, figure: float, strategy: str) -> None:
    """Martin Bligh, April 2003: 5000 tasks map 2 GiB of shared memory, "about 10 GB" of chains.

    2 GiB are 524,288 pages; ceil(5000 / NRPTE) lines each: 715 x 32 B x 524,288 = 12.00e9, with
    128-byte lines 162 x 128 B x 524,288 = 10.87e9. Two of the pages are run.
    """
    slots = (line - 4) // 4
    whole = 524_288 * ceil(5000 / slots) * line
    assert round(whole / 1e9, 2) * 1e9 == pytest.approx(figure)
    record = run(star(5000, 2), rmap(strategy, line=line, word=4), check=False)
    assert record["rmap_bytes"]["live"] * 524_288 // 2 == whole


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.parametrize("nr_pages", [1, 13, 600])
def test_t_b4_fork_allocations(nr_pages: int, strategy: str) -> None:
    """Fork adds one entry a page; a node is taken at child 1, and at child 7 when NRPTE is 7.

    Child 1 turns direct pointers into nodes, children 2 to 6 fill them (parent + 6 = 7 slots), the
    eighth entry needs a second node.
    """
    script = [*star(1, nr_pages).splitlines()]
    for child in range(1, 15):
        script += [f"fork p c{child}", f"mark child{child}"]
    record = run("\n".join(script), rmap(strategy, **SEVEN))
    marks = [record["marks"][name]["counters"] for name in record["marks"]]
    adds, allocations = (
        [now[name] - before[name] for before, now in pairwise(marks)]
        for name in ("rmap_links_added", "rmap_objects_allocated")
    )
    assert adds == [nr_pages] * 14
    assert allocations == [nr_pages if child in (1, 7, 14) else 0 for child in range(1, 15)]


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.parametrize("nr_pages", [1, 20])
def test_t_b5_fork_and_exec_five_hundred_times(nr_pages: int, strategy: str) -> None:
    """Nodes outlive the child: P allocations for 500 forks, and P nodes of one entry remain.

    A removal never turns a node back into a direct pointer, or fork and exec in a loop would
    allocate and free for ever (Hugh Dickins, 23 March 2003); only asking whether a page was
    referenced does.
    """
    script = [*star(1, nr_pages).splitlines()]
    for child in range(500):
        script += [f"fork p c{child}", f"exec c{child}", f"exit c{child}"]
    script.append("mark done")
    script += [f"referenced p {page}" for page in range(nr_pages)]
    record = run("\n".join(script), rmap(strategy, **SEVEN))
    before, done = (record["marks"][name] for name in ("whole", "done"))
    change = {name: n - before["counters"][name] for name, n in done["counters"].items()}
    assert change["rmap_links_added"] == 500 * nr_pages
    assert change["rmap_links_removed"] == 500 * nr_pages
    assert change["rmap_objects_allocated"] == nr_pages
    assert change["rmap_objects_freed"] == 0
    assert done["rmap_bytes"]["live"] == 32 * nr_pages
    assert record["rmap_objects"]["pte_chain"]["live"] == 0  # after `referenced`
    assert record["counters"]["rmap_objects_freed"] == nr_pages


def searched(order: list[int]) -> int:
    """Slots that n removals look at: a list, newest first, whose first entry fills each hole."""
    chain = list(range(len(order)))[::-1]
    looked_at = 0
    for victim in order:
        at = chain.index(victim)
        looked_at += at + 1
        chain[at] = chain[0]
        del chain[0]
    return looked_at


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.parametrize("line", [32, 128])
@pytest.mark.parametrize("n", [2, 3, 8, 9, 31, 32, 100])
def test_t_b6_slots_searched_at_exit(n: int, line: int, strategy: str) -> None:
    """When n sharers exit: newest first costs n slots, oldest first floor((n^2 + 4n) / 4).

    The hole is filled with the head's entry, so after a removal at the far end the newest lies
    there, and the chain is searched half as far again. Independent of NRPTE. Derived by a list.
    """
    names = ["p", *(f"c{i}" for i in range(1, n))]
    counts = {}
    for order, leaving in (("oldest", names), ("newest", names[::-1])):
        script = star(n, 1) + "\n" + "\n".join(f"exit {name}" for name in leaving)
        record = run(script, rmap(strategy, line=line, word=4))
        counts[order] = record["counters"]["rmap_slots_searched"]
        assert record["rmap_objects"]["pte_chain"]["live"] == 0
    assert counts == {"oldest": searched(list(range(n))), "newest": searched(list(range(n))[::-1])}
    assert counts == {"oldest": (n * n + 4 * n) // 4, "newest": n}
    assert counts["oldest"] == {8: 24, 100: 2600}.get(n, counts["oldest"])


def chains(m: Machine) -> list[list[list[int]]]:
    """Read each frame's chain: the slots of each node, head first; NIL is unused."""
    pool = m.rmap.chains.nodes
    found = []
    for pfn in range(m.nr_frames):
        head = int(m.frame[pfn * rows.FRAME_WORDS + rows.FRAME_HEAD])
        if head == NIL or head & 1:
            continue
        nodes = []
        node = head >> 1
        while node != NIL:
            row = pool.rows[node * pool.width :][: pool.width]
            following, lowest = (int(row[0]) >> 8) - 1, int(row[0]) & 0xFF
            slots = [int(x) for x in row[1:]]
            nodes.append([NIL] * lowest + slots[lowest:])
            node = following
        found.append(nodes)
    return found


@pytest.mark.parametrize("strategy", CHAINED)
@pytest.mark.parametrize("seed", range(6))
def test_t_b7_no_hole_outside_the_head(seed: int, strategy: str) -> None:
    """After any adds and removals: every node but the head is full, no head is empty, no PTE twice.

    Checked after every event of random forks, exits, writes and unmaps, by reading the nodes.
    """
    rng = random.Random(seed)
    script = ["mmap s0 0 6 anon private rw-", "write s0 0..5"]
    alive, born = ["s0"], 1
    for _ in range(150):
        kind = rng.choice(["fork", "fork", "exit", "write", "munmap", "referenced"])
        who = rng.choice(alive)
        if kind == "fork":
            script.append(f"fork {who} s{born}")
            alive.append(f"s{born}")
            born += 1
        elif kind == "exit" and len(alive) > 1:
            script.append(f"exit {who}")
            alive.remove(who)
        elif kind == "munmap" and len(alive) > 1:
            page = rng.randrange(6)
            script.append(f"munmap {who} {page} 1")
            script.append(f"mmap {who} {page} 1 anon private rw-")
        elif kind == "referenced":
            script.append(f"referenced {who} {rng.randrange(6)}")
        else:
            script.append(f"write {who} {rng.randrange(6)}")
    seen = 0

    def whole(m: Machine, _verb: int) -> None:
        nonlocal seen
        for nodes in chains(m):
            seen += len(nodes) > 1
            head, *rest = nodes
            used = [slot for slot in head if slot != NIL]
            assert used
            assert head[len(head) - len(used) :] == used
            assert all(NIL not in node for node in rest)
            entries = [pte for node in nodes for pte in node if pte != NIL]
            assert len(entries) == len(set(entries))

    watch("\n".join(script), rmap(strategy, line=32, word=8), whole)
    assert seen > 20  # chains of several nodes did occur


@pytest.mark.parametrize("strategy", CHAINED)
def test_t_b8_vma_operations_are_free_but_mremap(strategy: str) -> None:
    """Split and merge: no reverse-map work at all. mremap of n pages: n removals and n adds."""
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
        strategy,
    )
    before, merged, moved = (record["marks"][k]["counters"] for k in ("before", "merged", "moved"))
    for name in merged:
        if name.startswith("rmap_") or name == "locks":
            assert merged[name] == before[name], name
    assert moved["rmap_links_removed"] - merged["rmap_links_removed"] == 9
    assert moved["rmap_links_added"] - merged["rmap_links_added"] == 9
    assert moved["ptes_moved"] == 9
