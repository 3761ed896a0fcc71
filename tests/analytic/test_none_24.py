"""Does Linux 2.4's virtual scan take the visits that its sources say?

Checks T-C1, T-C2 and T-C3. The numbers follow from mm/vmscan.c of 2.4.16; the tests take them from
formulas, or by reading page tables, never from the policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reclaim import rows as r
from reclaim.counters import COUNTER_NAMES, NR_COUNTERS, NR_PHASES, PHASE_NAMES, PHASE_WORDS
from reclaim.ids import FILE, LEAF_PTES
from reclaim.jit.kernel import INTERPRET
from reclaim.vm.evict import unmap_one
from reclaim.vm.invariants import broken
from reclaim.vm.machine import Machine
from reclaim.vm.pte import PRESENT, VALUE_SHIFT, pte_space
from reclaim.vm.tables import find_pte
from reclaim.vm.tour import begin_pass, new_tour, next_mapping
from tests.laboratory import policy, run, spec_of, watch
from tests.oracle.steps import ScriptReader
from tests.property.side_by_side import Side


def counted(m: Machine, name: str, phase: str | None = None) -> int:
    table = m.counters.reshape(NR_PHASES, PHASE_WORDS)[:, :NR_COUNTERS]
    rows = table if phase is None else table[[PHASE_NAMES.index(phase)]]
    return int(rows[:, COUNTER_NAMES.index(name)].sum())


def rss(m: Machine) -> int:
    """Count present PTEs in the page tables of the whole machine."""
    return int(np.count_nonzero(m.pte[: int(m.live[r.LEAF_TOP]) * LEAF_PTES] & PRESENT))


def shared_by(n: int, nr_pages: int = 1) -> str:
    """A page (or more) mapped by n processes: p, c1 .. c(n-1), which are spaces 0 .. n-1."""
    return f"mmap p 0 {nr_pages} anon private rw-\nwrite p 0..{nr_pages - 1}\n" + "".join(
        f"fork p c{i}\n" for i in range(1, n)
    )


def machine(script: str, by: str = "linux_24", **spec: Any) -> Machine:
    return watch(script, "none_24", by=by, **{"check": False, **spec})


def state_of(m: Machine) -> Any:
    """A fresh linux_24 that has all frames in memory on its inactive list, page 0's at its end."""
    fresh = policy("linux_24").cls.new(m.nr_frames, 0, 0)
    rows = m.frame.reshape(-1, r.FRAME_WORDS)
    for sentinel in (m.nr_frames, m.nr_frames + 1):
        rows[sentinel, [r.FRAME_NEXT, r.FRAME_PREV]] = sentinel
    for page in range(int(m.live[r.NR_PAGES])):
        pfn = int(m.page[page * r.PAGE_WORDS + r.PAGE_FRAME])
        if pfn >= 0:
            fresh.fault_in(m, pfn, page, 0)
    return fresh


# ---- T-C1: the budget of mapped pages ------------------------------------------------------------


@pytest.mark.parametrize("priority", [6, 5, 4, 3, 2, 1])
@pytest.mark.parametrize("extra", [0, 1])
def test_t_c1_max_mapped(priority: int, extra: int) -> None:
    """For 32 pages: 256, 512, ..., 8192 mapped pages from priority 6 to 1, then swap_out.

    `if (--max_mapped >= 0) continue`: a scan may meet as many as the budget, the next one ends it.
    So with exactly the budget in reach nothing is unmapped, with one more something is.
    """
    budget = {6: 256, 5: 512, 4: 1024, 3: 2048, 2: 4096, 1: 8192}[priority]
    nr_pages = (budget + extra) * priority
    script = shared_by(1, nr_pages) + f"madvise p 0 {nr_pages} cold\n"
    m = machine(script, frames=nr_pages)
    state = state_of(m)
    victims = np.zeros(32, np.int64)
    before = counted(m, "frames_scanned")
    assert state.shrink_cache(m, 0, 32, victims, priority, 32 << (9 - priority), -1) == 0
    assert counted(m, "frames_scanned") - before == budget + extra
    # swap_out stops once it has made 32 frames freeable.
    assert rss(m) == nr_pages - 32 * extra


def test_t_c1_as_select_goes_on() -> None:
    """The first reclaim of 32 pages, nothing young, 1542 frames: a sixth is 257, one more than 256.

    The 257th mapped page ends the scan at priority 6 and 32 frames are made freeable, those that
    the tour meets first: pages 0 .. 31. They are the oldest, but were rotated to the front by the
    scan that met them. At priority 5 the scan reaches 308 of the others, all mapped, within 512; at
    4, 385; at 3, 514, with which 257 + 308 + 385 = 950 lie before it, so that all 1542 have been
    seen but for 78; at 2 the scan of 771 begins there, and finds the 32 after those 78.
    """
    nr = 1542
    script = f"mmap p 0 {nr + 1} anon private rw-\nwrite p 0..{nr - 1}\nmadvise p 0 {nr} cold\n"
    m = machine(script + f"write p {nr}\n", frames=nr, pressure="limit")
    assert counted(m, "evictions") == 32
    assert counted(m, "ptes_hit", "reclaim_aging") == 32
    assert counted(m, "frames_scanned") == 257 + 308 + 385 + 514 + 78 + 32
    assert {page for page in range(nr) if m.page[page * r.PAGE_WORDS + r.PAGE_FRAME] < 0} == set(
        range(32)
    )


# ---- T-C2: a page of N processes -----------------------------------------------------------------


class Stepped:
    """A machine that takes a script line by line, so that a test can visit PTEs in between."""

    def __init__(self, script: str, strategy: str = "none_24", **spec: Any) -> None:
        self.side = Side(spec_of(strategy, "linux_24", **spec))
        self.m = self.side.m
        self.reader = ScriptReader()
        self.say(script)

    def say(self, text: str) -> None:
        for step in self.reader.read(text):
            self.side.step(step)

    def visit(self, space: int) -> None:
        """Visit page 0 of a process as the scan does: when it is old, it is unmapped."""
        assert unmap_one(self.m, find_pte(self.m, space, 0))

    def page(self, column: int, page: int = 0) -> int:
        return int(self.m.page[page * r.PAGE_WORDS + column])

    def sound(self) -> None:
        assert broken(self.m, self.side.policy) == []


NAMES = ["p", *(f"c{i}" for i in range(1, 16))]


@pytest.mark.parametrize("strategy", ["none_24", "prototype_pte", "pte_chain", "anon_vma_chain"])
@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_t_c2_a_page_of_n_processes(n: int, strategy: str) -> None:
    """After j < N visits: N - j PTEs present, swap count j + 1 with the swap cache, not freeable.

    Only after the N-th does nothing map the frame, which is still there; the swap cache is the slot
    that the page owns. Who holds the page does not change.
    """
    machine = Stepped(shared_by(n), strategy)
    pfn = machine.page(r.PAGE_FRAME)
    for j in range(1, n + 1):
        machine.visit(j - 1)
        assert machine.page(r.PAGE_SWAPPED) + machine.page(r.PAGE_SLOT) == j + 1
        assert rss(machine.m) == n - j
        assert int(machine.m.frame[pfn * r.FRAME_WORDS + r.FRAME_MAPCOUNT]) == n - j
        assert machine.page(r.PAGE_FRAME) == pfn
        assert machine.page(r.PAGE_SHARERS) == n
        machine.sound()
    assert counted(machine.m, "tlb_flushes", "reclaim_unmap") == n
    assert counted(machine.m, "rmap_walks") == 0


@pytest.mark.parametrize("n", [2, 5, 16])
def test_t_c2_a_touch_undoes_a_visit(n: int) -> None:
    """A visited process that touches the page maps it again, by a soft fault: j decreases by one.

    So N + k visits are needed if k of them are undone, and nothing is read for it.
    """
    machine = Stepped(shared_by(n))
    soft = counted(machine.m, "minor_faults")
    for j in range(1, n):
        machine.visit(j - 1)
        machine.say(f"read {NAMES[j - 1]} 0")
        assert machine.page(r.PAGE_SWAPPED) + machine.page(r.PAGE_SLOT) == j
        assert rss(machine.m) == n - j + 1
        machine.visit(j - 1)
        machine.sound()
    assert counted(machine.m, "minor_faults") - soft == n - 1
    assert counted(machine.m, "major_faults") == counted(machine.m, "swap_ins") == 0
    machine.visit(n - 1)
    assert rss(machine.m) == 0
    assert counted(machine.m, "tlb_flushes", "reclaim_unmap") == n + (n - 1)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_t_c2_freed_only_after_the_last_visit(n: int) -> None:
    """One frame more than the page: a stranger's second page has to wait until all N have let go.

    The page is old, so one round of the scan takes its N PTEs, and the eviction walks nothing.
    """
    script = shared_by(n) + "".join(f"madvise {name} 0 1 cold\n" for name in NAMES[:n])
    script += "mmap z 0 2 anon private rw-\nwrite z 0\n"
    machine = Stepped(script, frames=2)
    for j in range(1, n):
        machine.visit(j - 1)
        assert machine.page(r.PAGE_FRAME) >= 0
    machine.say("write z 1")
    assert machine.page(r.PAGE_FRAME) < 0
    assert machine.page(r.PAGE_SWAPPED) == n
    assert counted(machine.m, "evictions") == 1
    assert counted(machine.m, "rmap_walks") == 0
    machine.sound()


def test_t_c2_a_write_undoes_a_visit_by_a_copy() -> None:
    """A visited sharer that writes leaves the page: it takes a copy, and the page has one holder
    fewer.
    """
    machine = Stepped(shared_by(3))
    machine.visit(0)
    machine.say("write p 0")
    assert (machine.page(r.PAGE_SHARERS), machine.page(r.PAGE_SWAPPED)) == (2, 0)
    assert counted(machine.m, "cow_copies") == 1
    machine.sound()


def test_unmap_one_leaves_alone_what_may_not_go() -> None:
    """A PTE of a LOCKED VMA, and an anonymous one when there is no slot; nothing changes."""
    machine = Stepped("mmap p 0 2 anon private rw-\nwrite p 0..1\nmlock p 1 1\n", swap_pages=0)
    before = machine.m.pte.copy()
    assert not unmap_one(machine.m, find_pte(machine.m, 0, 0))
    assert not unmap_one(machine.m, find_pte(machine.m, 0, 1))
    assert (machine.m.pte == before).all()
    assert counted(machine.m, "tlb_flushes", "reclaim_unmap") == 0
    machine.sound()


def test_unmap_one_keeps_what_was_written() -> None:
    """A file's entry becomes empty, takes no slot, and its dirty bit goes to the frame."""
    machine = Stepped("mmap p 0 1 anon private rw-\n")
    machine.m.file[r.FILE_KIND] = FILE
    machine.say("mmap p 8 1 file:f@0 shared rw-\nwrite p 8\n")
    pte = find_pte(machine.m, 0, 8)
    pfn = int(machine.m.pte[pte]) >> VALUE_SHIFT
    assert unmap_one(machine.m, pte)
    assert machine.m.pte[pte] == 0
    assert machine.m.frame[pfn * r.FRAME_WORDS + r.FRAME_FLAGS] & r.FRAME_DIRTY
    assert machine.m.live[r.SLOTS_USED] == 0
    machine.sound()


def test_a_slot_taken_under_a_mapping_is_freed_by_its_next_first_write() -> None:
    """The parent is unmapped and gone, so the child has the page alone; made writable by mprotect,
    its first write makes the slot stale, and no swapped PTE needs it.
    """
    machine = Stepped("mmap p 0 1 anon private rw-\nread p 0\nfork p c1\n")
    machine.visit(0)
    assert machine.page(r.PAGE_SLOT) == 1
    machine.say("exit p\nmprotect c1 0 1 r--\nmprotect c1 0 1 rw-\nwrite c1 0\n")
    assert machine.page(r.PAGE_SLOT) == 0
    assert machine.m.live[r.SLOTS_USED] == 0
    machine.sound()


# ---- T-C3: who pays ------------------------------------------------------------------------------

OPERATIONS = (
    shared_by(6, 40)
    + "write c1 0..19\nmunmap c2 10 5\nmprotect c3 10 10 r--\nmremap c4 0 20 1000\n"
    + "mprotect c3 10 10 rw-\nexec c5\nexit c1\nwrite p 0..39\n"
)


@pytest.mark.parametrize(("strategy", "fixed"), [("none_24", {"mm": 8}), ("full_scan", {})])
def test_t_c3_events_do_no_rmap_work(strategy: str, fixed: dict[str, int]) -> None:
    """Fork, exec, exit, munmap, mremap, splits, merges, faults and copies: no link, no lock, no
    object, nothing searched; pte_chain works at the same events. full_scan, which keeps nothing
    either, has not even the address where a scan goes on.
    """
    names = [name for name in COUNTER_NAMES if name.startswith("rmap_")] + ["locks", "trylocks"]
    record = run(OPERATIONS, strategy, by="linux_24")
    assert {record["counters"][name] for name in names} == {0}
    assert record["counters"]["vma_splits"] > 0 < record["counters"]["vma_merges"]
    assert record["counters"]["cow_copies"] > 0 < record["counters"]["ptes_moved"]
    assert record["rmap_objects"] == {}
    assert record["rmap_bytes"]["fixed_per"] == fixed
    assert run(OPERATIONS, "pte_chain", by="linux_24")["counters"]["rmap_links_added"] > 0


@pytest.mark.parametrize("n", [1, 4, 9])
def test_t_c3_a_pass_visits_the_sum_of_rss(n: int) -> None:
    """A pass meets each present PTE of each process once, shared pages as often as mapped."""
    script = shared_by(n, 700) + "mmap q 0x100000 30 anon private rw-\nwrite q 0x100003..0x100007\n"
    machine = Stepped(script)
    tour = new_tour()
    begin_pass(machine.m, tour)
    seen = []
    while (pte := next_mapping(machine.m, tour)) >= 0:
        seen.append(pte)
    assert len(seen) == len(set(seen)) == rss(machine.m) == 700 * n + 5
    assert counted(machine.m, "ptes_hit") == 700 * n + 5
    # Empty entries of q's VMA are read too, as far as it has page tables.
    assert counted(machine.m, "ptes_probed") == 700 * n + 30


@pytest.mark.parametrize("start", [0, 1, 3, 10, 11, 29])
def test_a_pass_ends_where_it_began(start: int) -> None:
    """From the middle of a space round to the same place: everything once, the next pass too."""
    machine = Stepped(shared_by(3, 10))
    tour = new_tour()
    begin_pass(machine.m, tour)
    skipped = [next_mapping(machine.m, tour) for _ in range(start)]
    for _ in range(2):
        begin_pass(machine.m, tour)
        seen = []
        while (pte := next_mapping(machine.m, tour)) >= 0:
            seen.append(pte)
        assert len(seen) == len(set(seen)) == 30
        assert seen[30 - start :] == skipped


def test_a_tour_goes_on_where_it_stopped() -> None:
    """Cut short anywhere, the next pass begins behind the PTE seen last, and misses none."""
    machine = Stepped(shared_by(3, 10))
    whole: list[int] = []
    tour = new_tour()
    for _ in range(6):
        begin_pass(machine.m, tour)
        whole += [next_mapping(machine.m, tour) for _ in range(5)]
    assert sorted(whole) == sorted(set(whole))
    assert len(whole) == rss(machine.m)


def test_a_tour_outlives_its_spaces() -> None:
    """A process that exits under the tour is passed over; one that execs is seen from its start."""
    machine = Stepped(shared_by(3, 4))
    tour = new_tour()
    begin_pass(machine.m, tour)
    first = [next_mapping(machine.m, tour) for _ in range(6)]
    assert {pte_space(machine.m, pte) for pte in first} == {0, 1}
    machine.say("exit c1\n")
    begin_pass(machine.m, tour)
    rest = []
    while (pte := next_mapping(machine.m, tour)) >= 0:
        rest.append(pte_space(machine.m, pte))
    assert rest == [2] * 4 + [0] * 4


@pytest.mark.parametrize("nr_sharers", [1, 6])
def test_truncation_finds_a_files_pages_by_its_vmas(nr_sharers: int) -> None:
    """Vmtruncate walks the VMAs of the file, one visit for each that maps the page; reclaim never
    does, and only files' VMAs take a lock for it.
    """
    maps = "".join(
        f"mmap s{i} 0 4 file:f@0 shared rw-\nread s{i} 0..3\n" for i in range(nr_sharers)
    )
    record = run(maps + "mark mapped\ntruncate f 1\n", "none_24", by="linux_24")
    assert record["marks"]["mapped"]["counters"]["rmap_vmas_visited"] == 0
    assert record["counters"]["rmap_vmas_visited"] == 3 * nr_sharers
    assert record["counters"]["ptes_zapped"] == 3 * nr_sharers


# ---- the law -------------------------------------------------------------------------------------

# Each pair is compiled, so compiled lanes see one exact strategy here.
TOURED = ["none_24", "prototype_pte", "pte_chain"]
TOURED += ["anon_vma_chain", "full_scan"] if INTERPRET else []


@pytest.mark.parametrize("by", ["linux_24", "working_set"])
@pytest.mark.parametrize("pressure", ["exact", "limit"])
def test_all_strategies_do_alike_under_a_policy_that_tours(by: str, pressure: str) -> None:
    """The policy does not ask the reverse map, so exact ones give the very same run as none."""
    script = shared_by(4, 30) + "".join(
        f"write c{i} {5 * i}..{5 * i + 9}\nread c{i} 0..29\n" for i in (1, 2, 3)
    )
    records = [run(script, strategy, by=by, frames=40, pressure=pressure) for strategy in TOURED]
    names = ["misses", "minor_faults", "major_faults", "evictions", "tlb_flushes", "swap_outs"]
    assert records[0]["counters"]["evictions"] > 20
    assert records[0]["counters"]["rmap_walks"] == 0
    for record in records[1:]:
        for name in names:
            assert record["counters"][name] == records[0]["counters"][name], name
        assert record["decisions"] == records[0]["decisions"]
