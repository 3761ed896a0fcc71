"""Do all strategies have the walks, bytes and orders that are published of some?

Checks T-D1 to T-D4, T-E with every strategy that is not checked beside its kin, T-E1 and T-E at
1000 children, T-E2 and T-F1 for all, and what the definitions say of fixed costs and of VMAs that
are inserted again. Figures that nobody has published are derived here, as each test says.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import pytest

from tests.analytic.test_walks import FULL, SMALL, aim7_walks
from tests.analytic.workloads import copied_by, probe_of, star, windows_probe
from tests.laboratory import exact_rmaps, plugins, rmap, run

PRESETS = ["linux-2.6.34", "linux-3.7", "linux-3.19", "linux-6.12"]
LEAF = 512
"""PTEs of a page-table leaf."""
LINKS = ["pte_chain_25", "pte_chain", "pv_chunks", "hment"]
TREES = ["anonmm", "anon_vma", *PRESETS]
ALL = [name for moves in (False, True) for name in exact_rmaps(copies_on_move=moves)]


# ---- rmap-test ----------------------------------------------------------------------------------

SLOW = [pytest.mark.slow, pytest.mark.jit_only]
GEOMETRIES = [
    pytest.param((10, 10, 600), id="t_d1_small"),
    pytest.param((1, 200, 7), id="t_d2_small"),
    pytest.param((12, 12, 4), id="t_d3_small"),
    pytest.param((100, 100, 600), id="t_d1", marks=SLOW),
    pytest.param((1, 10_000, 7), id="t_d2", marks=SLOW),
]


@pytest.mark.parametrize("strategy", [*LINKS, *TREES])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_t_d1_to_t_d3_without_a_list(geometry: tuple[int, int, int], strategy: str) -> None:
    """Tasks x windows of a file: a walk visits one link, or one VMA of a tree, for each task.

    100 x 100: 100; 1 x 10,000: 1; 1000 x 1000 would be 1000. The list's are 10,000, 10,000 and
    1,000,000, see test_objrmap. Derived: a window is mapped once by each task, windows are
    disjoint, all tasks have read the page.
    """
    tasks = geometry[0]
    probe = windows_probe(*geometry, strategy)
    links, vmas = (tasks, 0) if strategy in LINKS else (0, tasks)
    assert (probe["links_visited"], probe["vmas_visited"]) == (links, vmas)
    assert probe["ptes_probed"] == probe["ptes_hit"] == probe["mapcount"] == tasks


@pytest.mark.parametrize("geometry", GEOMETRIES[:3])
def test_t_d1_to_t_d3_by_reading_page_tables(geometry: tuple[int, int, int]) -> None:
    """full_scan reads the leaf of each task, the last one up to the page: no VMA, no link.

    Derived: the page is all that a task has touched, so each has one leaf.
    """
    tasks, nr_windows, pages = geometry
    page = nr_windows // 2 * 2 * pages + pages // 3
    probe = windows_probe(*geometry, "full_scan")
    assert (probe["links_visited"], probe["vmas_visited"], probe["ptes_hit"]) == (0, 0, tasks)
    assert probe["ptes_probed"] == (tasks - 1) * LEAF + page % LEAF + 1


def shared_segment(tasks: int, pages: int) -> str:
    return "".join(
        f"mmap t{i} 0 {pages} file:big@0 shared rw-\nread t{i} 0..{pages - 1}\n"
        for i in range(tasks)
    )


def test_t_d4_more_than_the_machine() -> None:
    """rmap-test 4: 512 tasks map 65,000 pages: 33.28 million PTEs, 153.9 MB of 32-byte nodes.

    Derived again: ceil(512 / 7) = 74 nodes a page, 65,000 x 74 x 32 bytes. Tables of 1024 PTEs of 4
    bytes: ceil(65,000 / 1024) = 64 of 4 KB a task, 128 MiB. Those alone exceed its 256 MB, and the
    file takes 254 MiB more. Run are 13 of the pages.
    """
    tasks, pages, some = 512, 65_000, 13
    nodes, tables = pages * ceil(tasks / 7) * 32, tasks * ceil(pages / 1024) * 4096
    assert (nodes, tables) == (153_920_000, 128 << 20)
    assert nodes + tables > 256 << 20
    assert round(pages * 4096 / 2**20) == 254
    text = shared_segment(tasks, some)
    record = run(text, rmap("pte_chain", line=32, word=4))
    assert record["mapped_ptes"] * (pages // some) == 33_280_000
    assert record["rmap_bytes"]["live"] * (pages // some) == nodes
    assert record["counters"]["rmap_links_added"] == tasks * some


@pytest.mark.parametrize("strategy", ["objrmap_list", *TREES])
def test_t_d4_pages_of_files_need_no_objects(strategy: str) -> None:
    """The same 512 tasks by the VMAs of a file: not a byte for what the pages' mappings are.

    anonmm has an object for each mm, 40 bytes, whatever is mapped.
    """
    record = run(shared_segment(512, 2), strategy)
    assert record["mapped_ptes"] == 1024
    assert record["rmap_bytes"]["live"] == (512 * 40 if strategy == "anonmm" else 0)


@pytest.mark.parametrize("strategy", ["pte_chain", "full_scan"])
def test_t_d4_page_tables(strategy: str) -> None:
    """65,000 pages take 127 leaves of 512 PTEs a task, whatever the strategy."""
    text = "mmap t 0 65000 file:big@0 shared rw-\n"
    text += "".join(f"read t {page}\n" for page in range(0, 65_000, LEAF))
    assert run(text, strategy)["page_table_leaves"] == ceil(65_000 / LEAF) == 127


def test_t_b3_bytes_of_the_first_chains() -> None:
    """5000 tasks x 524,288 pages with 8 bytes for each mapping: 20.97e9 [derived], not 12.00e9.

    Run are 100 tasks: nodes of pte_chain_25 are as many as mappings, so bytes are linear in both.
    """
    record = run(star(99, 2), "pte_chain_25", layout="32-bit")
    assert record["rmap_bytes"]["live"] * 50 * (524_288 // 2) == 5000 * 524_288 * 8
    assert round(5000 * 524_288 * 8 / 1e9, 2) == 20.97


# ---- the tree of AIM7 ---------------------------------------------------------------------------


# Strategy, object, bytes of it; objects of C children and P pages after the forks, after the copies
CHAINS = {
    "pte_chain_25": ("pte_chain", 16, lambda c, p: (c + 1) * p, lambda c, p: (c + 1) * p),
    "objrmap_list": ("pte_chain", 64, lambda c, p: ceil((c + 1) / 7) * p, lambda _, p: p),
    "hment": ("hment", 64, lambda c, p: (c + 1) * p, lambda _, p: p),
    "pv_chunks": (
        "pv_chunk",
        4096,
        lambda c, p: (c + 1) * ceil(p / 168),
        lambda c, p: (c + 1) * ceil(p / 168),
    ),
}


@pytest.mark.parametrize(("nr_children", "nr_pages"), [*SMALL, FULL])
@pytest.mark.parametrize("strategy", CHAINS)
def test_t_e_by_links(strategy: str, nr_children: int, nr_pages: int) -> None:
    """Each walk visits one link, as with pte_chain; what the links cost is each scheme's own.

    Derived from the structures: a node for each mapping at all times; lines of 7 that the parent's
    pages keep; an hment for each mapping of a page that was shared; entries that fill the chunks of
    their process, the stranger's not yet among them.
    """
    kind, size, shared, copied = CHAINS[strategy]
    record, children, parent = aim7_walks(nr_children, nr_pages, strategy, "rmap_links_visited")
    for mark, expected in (("forked", shared), ("copied", copied)):
        now = record["marks"][mark]
        nr = expected(nr_children, nr_pages)
        assert now["rmap_objects"][kind]["live"] == nr
        assert now["rmap_bytes"]["live"] == nr * size
    assert (children, parent) == (nr_children * nr_pages, nr_pages)


@pytest.mark.parametrize(("nr_children", "nr_pages"), SMALL)
def test_t_e_by_reading_page_tables(nr_children: int, nr_pages: int) -> None:
    """full_scan: nothing in memory; page i of child j after j whole leaves and i + 1 PTEs.

    Derived: each process has one leaf, the parent's is the first.
    """
    record, children, parent = aim7_walks(nr_children, nr_pages, "full_scan", "ptes_probed")
    within = nr_pages * (nr_pages + 1) // 2
    whole = LEAF * nr_pages * nr_children * (nr_children + 1) // 2
    assert (children, parent) == (whole + nr_children * within, within)
    assert record["rmap_bytes"]["peak"] == record["rmap_bytes"]["fixed"] == 0


def visits(script: str, strategy: str, early_exit: bool) -> tuple[int, int, int]:
    """Return evictions, visits and hits of a script that evicts."""
    record = run(script, rmap(strategy, early_exit=early_exit))
    counters = record["counters"]
    return counters["evictions"], counters["rmap_vmas_visited"], counters["ptes_hit"]


@pytest.mark.parametrize("early_exit", [True, False])
@pytest.mark.parametrize("strategy", ["linux-2.6.34", "linux-6.12", "anon_vma"])
def test_t_e1_a_thousand_children(strategy: str, early_exit: bool) -> None:
    """C = 1000, f = 1: 1.999 without exit, 1.000 with; f = 0: 1001, all of them hits.

    One page each: the mean does not depend on P. With one list for the family: 1001 without exit
    whatever is copied; with exit 501.5 for children's pages, so 501,500 and the parent's 1.
    """
    names = [f"c{j}" for j in range(1, 1001)]
    assert visits(star(1000) + "evict p 0", strategy, early_exit) == (1, 1001, 1001)
    evicted = "".join(f"evict {name} 0\n" for name in ["p", *names])
    pages, walked, hits = visits(star(1000) + copied_by(names) + evicted, strategy, early_exit)
    assert pages == hits == 1001
    if strategy == "anon_vma":
        assert walked == (501_500 + 1 if early_exit else 1001 * 1001)
    else:
        assert walked == (1001 if early_exit else 1000 + 1001)
        assert round(walked / pages, 3) == (1.0 if early_exit else 1.999)


@pytest.mark.parametrize("strategy", [*ALL, *PRESETS])
@pytest.mark.parametrize("n", [0, 5])
def test_t_e2_two_walks_a_page_for_all(strategy: str, n: int) -> None:
    """One referenced and one unmap walk a reclaimed page, whoever finds its n + 1 mappings.

    10 evictions take 20 and 10 walks: see test_t_e2_two_walks_a_page in test_walks.
    """
    script = "mmap p 0 20 anon private rw-\nwrite p 0..9\n"
    script += "".join(f"fork p c{i}\n" for i in range(n)) + "mark full\nwrite p 10..19"
    record = run(script, strategy, by="clock", frames=10)
    assert record["counters"]["evictions"] == 10
    for phase, walks in (("reclaim_referenced", 20), ("reclaim_unmap", 10)):
        work = record["phases"][phase]
        assert (work["rmap_walks"], work["ptes_hit"]) == (walks, walks * (n + 1))
        looked = work.get("rmap_links_visited", 0) + work.get("rmap_vmas_visited", 0)
        around = {"anonmm": 2 * n + 1, "full_scan": 0}  # a step between two mms, and each mm
        assert looked == walks * around.get(strategy, n + 1)


# ---- chains of anon_vmas ------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 10, 100])
@pytest.mark.parametrize("name", PRESETS)
def test_t_f1_the_roots_tree(name: str, depth: int) -> None:
    """The root's tree, or list, holds d + 1 VMAs: that many visits if only the last is left.

    All but the last generation have copied the page that the first one made.
    """
    names = ["p", *(f"g{n}" for n in range(1, depth + 1))]
    script = star(0) + "".join(f"fork {above} {below}\n" for above, below in pairwise(names))
    script += copied_by(names[:-1])
    for early_exit in (True, False):
        probe = probe_of(f"{script}evict {names[-1]} 0", name, early_exit=early_exit)
        assert (probe["vmas_visited"], probe["mapcount"]) == (depth + 1, 1)


@pytest.mark.parametrize("nr_vmas", [1, 3])
def test_at_most_3k_anon_vmas(nr_vmas: int) -> None:
    """With k VMAs, ancestors gone before the next fork: 2k after a generation, then 3k for good.

    Alive together for 8 generations: 9k of each remain when all ancestors have left.
    """

    def left(exits_at_once: bool, nr: int) -> tuple[int, int]:
        script = "".join(
            f"mmap g0 {9 * k} 2 anon private rw-\nwrite g0 {9 * k}\n" for k in range(nr_vmas)
        )
        for n in range(nr):
            script += f"fork g{n} g{n + 1}\n" + (f"exit g{n}\n" if exits_at_once else "")
        script += "" if exits_at_once else "".join(f"exit g{n}\n" for n in range(nr))
        kinds = run(script, "linux-6.12")["rmap_objects"]
        return kinds["anon_vma"]["live"], kinds["anon_vma_chain"]["live"]

    assert left(True, 1) == (2 * nr_vmas, 2 * nr_vmas)
    assert left(True, 2) == left(True, 30) == (3 * nr_vmas, 3 * nr_vmas)
    assert left(False, 8) == (9 * nr_vmas, 9 * nr_vmas)


@pytest.mark.parametrize(("name", "visits"), [("linux-2.6.34", 1), ("linux-3.7", 4)])
def test_a_split_alone_inserts_again(name: str, visits: int) -> None:
    """The lower part of a split goes behind its equals in a tree; a list leaves it in its place.

    The parent's page, which 3 children have copied: its VMA was first, and is now the last.
    """
    script = star(3, 2) + copied_by(["c1", "c2", "c3"])
    assert probe_of(script + "referenced p 0", name)["vmas_visited"] == 1
    split = script + "mprotect p 1 1 r--\nexpect vmas 5\nreferenced p 0"
    assert probe_of(split, name)["vmas_visited"] == visits


# ---- fixed costs --------------------------------------------------------------------------------


@pytest.mark.parametrize(("layout", "w"), [("32-bit", 4), ("64-bit", 8)])
def test_fixed_costs_count_too(layout: str, w: int) -> None:
    """What a scheme adds to each frame, VMA and mm, used or not, in words of w bytes.

    A list or chain's head in a frame; list node and pointer in a VMA; what a file's tree (4 words)
    or prio_tree (2 more than a list's) adds. full_scan alone is free.
    """
    of_line = {"line": 64, "word": w}
    fixed = {
        "full_scan": {},
        "none_24": {"mm": w},
        "pte_chain_25": {"frame": w},
        "pte_chain": {"frame": w},
        "objrmap_list": {"frame": w},
        "anonmm": {"mm": w, "vma": 4 * w},
        "anon_vma": {"vma": (3 + 2) * w},
        "anon_vma_chain": {"vma": (3 + 4) * w},
        "pv_chunks": {"frame": 2 * w + (4 if w == 8 else 0), "mm": 2 * w},
        "pv_chunks_five": {"frame": 2 * w + (4 if w == 8 else 0), "mm": 2 * w},
        "hment": {"frame": 8 + 8 + 4 + 1 if w == 8 else 4 + 4 + 4 + 1},
        "prototype_pte": {"frame": 48 if w == 8 else 24},
    }
    assert set(fixed) == {cls.name for cls in plugins().rmaps.classes()}
    for name, expected in fixed.items():
        params = plugins().rmaps.get(name).params
        chosen = rmap(name, **{key: n for key, n in of_line.items() if key in params})
        strategy = chosen.cls.new(**chosen.all_params())
        assert strategy.fixed_bytes(layout) == expected, name
