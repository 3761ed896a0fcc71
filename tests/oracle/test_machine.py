"""Does the oracle machine do what the reference page says? Small scripts, worked out by hand.

The scripts carry their own numbers (`expect`), so that each can be read from top to bottom.
"""

from __future__ import annotations

import pytest

from tests.oracle.events import SegmentationFaultError
from tests.oracle.machine import ExpectationError, OutOfMemoryError, resolve, simulate
from tests.oracle.policies import Clock, Fifo, Lru, Opt, Policy
from tests.oracle.steps import ScriptError, steps_of_script


def run(text, policy=Fifo, frames=100, **settings):
    return simulate(steps_of_script(text), policy, frames, checked=True, **settings)


class Diary(Fifo):
    """FIFO that writes down what it is told."""

    last: Diary

    def __init__(self):
        super().__init__()
        self.told = []
        Diary.last = self

    def fault_in(self, page):
        super().fault_in(page)
        self.told.append(f"fault_in {page}")

    def accessed(self, page, how, nr):
        self.told.append(f"accessed {page} {how}")

    def evicted(self, page):
        self.told.append(f"evicted {page}")

    def removed(self, page, why):
        super().removed(page, why)
        self.told.append(f"removed {page} {why}")

    def putback(self, page, why):
        super().putback(page, why)
        self.told.append(f"putback {page} {why}")

    def deactivated(self, page):
        self.told.append(f"deactivated {page}")


def told(text, frames=100, **settings):
    run(text, Diary, frames, **settings)
    return Diary.last.told


def test_anonymous_memory_swaps_and_comes_back_clean():
    run(
        """
        mmap a 0 3 anon private rw-
        read a 0 x10
        write a 1
        expect accesses 11
        expect misses 2
        expect minor_faults 2
        expect swap_outs 0
        read a 2            # born dirty: page 0 is written though nobody wrote to it
        expect swap_outs 1
        expect evictions 1
        expect direct_reclaims 1
        read a 0            # evicts 1; comes from swap, clean, slot kept
        expect major_faults 1
        expect swap_ins 1
        expect refaults 1
        expect refault_distance 1
        read a 1            # evicts 2
        expect swap_outs 3
        read a 2            # evicts 0: clean, nothing to write
        expect swap_outs 3
        expect evictions 4
        expect writebacks 3
        expect misses 6
        """,
        frames=2,
    )


def test_first_write_after_swap_in_frees_the_slot():
    text = """
        mmap a 0 4 anon private rw-
        read a 0
        evict a 0
        {op} a 0
        write a 1
        evict a 1
        expect evictions {evictions}
        """
    # One slot in all. Clean, page 0 keeps it; written, it gives it up.
    run(text.format(op="read", evictions=1), swap_pages=1)
    run(text.format(op="write", evictions=2), swap_pages=1)


def test_fork_copies_on_write_and_the_last_one_reuses():
    result = run(
        """
        mmap a 0 8 anon private rw-
        mmap a 20 4 file:f@0 private rw-
        write a 0..2
        read a 20
        fork a b
        expect ptes_copied 3        # the file mapping has no page of its own
        write a 0
        expect cow_copies 1
        expect wp_reuses 0
        write b 0                   # alone with the old page
        expect cow_copies 1
        expect wp_reuses 1
        read b 20
        expect misses 4             # three first touches, one file read
        expect minor_faults 6
        expect major_faults 1
        exit a
        write b 1..2
        expect wp_reuses 3
        expect cow_copies 1
        expect vmas 2
        expect page_table_leaves 1
        """
    )
    assert result.nr_pages == 5
    assert result.access_pages == [0, 1, 2, 3, 4, 0, 3, 1, 2]
    assert result.touches[4] == [0, 4]
    assert result.peak_frames == 5


def test_fork_all_copies_file_mappings_too():
    run(
        """
        mmap a 0 2 file:f@0 shared rw-
        write a 0..1
        fork a b
        expect ptes_copied 2
        referenced b 0
        expect probe.mapcount 2
        expect probe.young 1        # the child's is old
        """,
        fork_copies="all",
    )


def test_shared_anonymous_page_is_evicted_from_all():
    run(
        """
        mmap a 0 1 anon private rw-
        write a 0
        fork a b
        fork a c
        evict b 0
        expect probe.mapcount 3
        expect probe.ptes_hit 3
        expect swap_outs 1
        read a 0                    # from swap
        expect swap_ins 1
        expect misses 2
        read b 0                    # from the swap cache
        expect minor_faults 2
        expect misses 2
        write b 0                   # three sharers still
        expect cow_copies 1
        write c 0                   # swapped entry, page in the swap cache: copy
        expect cow_copies 2
        expect minor_faults 4
        write a 0                   # alone now
        expect wp_reuses 1
        """
    )


def test_write_to_a_swapped_shared_page_leaves_it_in_the_swap_cache():
    result = run(
        """
        mmap a 0 1 anon private rw-
        write a 0
        fork a b
        evict a 0
        write b 0                   # reads page 0 and copies it at once: one fault, major
        expect major_faults 1
        expect minor_faults 1
        expect cow_copies 1
        expect misses 2
        expect swap_ins 1
        read a 0                    # alone with the page: mapped writable
        expect minor_faults 2
        write a 0
        expect wp_reuses 0
        expect minor_faults 2
        """
    )
    assert result.peak_frames == 2


def test_private_file_page_is_read_then_copied():
    result = run(
        """
        mmap a 0 4 file:f@10 private rw-
        write a 0
        expect major_faults 1
        expect minor_faults 0
        expect cow_copies 1
        expect file_reads 1
        expect misses 1
        fdread f 10 1               # the file's page stayed in the page cache
        expect fills 0
        expect fd_accesses 1
        read a 1
        write a 1
        expect major_faults 2
        expect minor_faults 1
        expect cow_copies 2
        evict a 1
        write a 1
        expect swap_ins 1
        expect cow_copies 2
        """
    )
    assert result.touches[:2] == [[0, 1], [0]]


def test_file_pages_are_written_back_when_dirty():
    told_it = told(
        """
        mmap a 0 2 file:f@0 shared rw-
        mmap b 5 2 file:f@0 shared r--
        write a 0
        read b 5
        read b 6
        munmap a 0 2                # the dirty bit stays with the frame; the young one is told
        evict b 5
        expect probe.mapcount 1
        expect file_writes 1
        expect writebacks 1
        expect ptes_zapped 1
        evict b 6
        expect file_writes 1
        read b 5
        expect file_reads 3
        expect refault_distance 1
        """
    )
    assert told_it == [
        "fault_in 0",
        "accessed 0 PTE",
        "fault_in 1",
        "accessed 0 ZAP",
        "removed 0 PROBE",
        "evicted 0",
        "removed 1 PROBE",
        "evicted 1",
        "fault_in 0",
    ]


def test_shared_memory_is_zero_filled_then_swapped():
    run(
        """
        mmap a 0 2 anon shared rw-
        write a 0
        fork a b
        expect ptes_copied 0
        read b 0
        expect minor_faults 2
        expect misses 1
        evict a 0
        expect probe.mapcount 2
        expect swap_outs 1
        read a 0
        read b 0
        expect swap_ins 1
        expect major_faults 1
        expect minor_faults 3
        """
    )


def test_descriptors_fill_the_page_cache():
    run(
        """
        fdread f 0 2
        expect file_reads 2
        expect fills 2
        expect fd_accesses 2
        expect misses 0
        fdwrite f 1 2               # page 2: replaced whole, so not read
        expect file_reads 2
        expect fills 3
        expect fd_accesses 4
        mmap a 0 4 file:f@0 shared r--
        read a 0..2
        expect minor_faults 3
        expect accesses 3
        expect misses 0
        evict a 0
        evict a 1
        expect file_writes 1
        """
    )


def test_truncated_pages_come_back_as_new_ones():
    result = run(
        """
        mmap a 0 4 file:f@0 shared rw-
        read a 0..3
        truncate f 2
        expect ptes_zapped 2
        read a 3
        expect major_faults 5
        expect refaults 0
        """
    )
    assert result.access_pages == [0, 1, 2, 3, 4]


def test_dead_pages_give_their_frames_back():
    assert told(
        """
        mmap a 0 4 anon private rw-
        write a 0..1
        fork a b
        madvise a 0 1 dontneed
        write a 0
        mmap b 0 1 anon private rw-     # over it: page 0 has no sharer left
        exit a
        exec b                          # page 1
        expect vmas 0
        expect page_table_leaves 0
        """
    ) == [
        "fault_in 0",
        "fault_in 1",
        "fault_in 2",
        "removed 0 FREED",
        "removed 2 FREED",
        "removed 1 FREED",
    ]


def test_mappings_split_and_merge():
    run(
        """
        mmap a 0 4 anon private rw-
        mmap a 4 4 anon private rw-
        expect vmas 1
        mprotect a 2 2 r--
        expect vmas 3
        mprotect a 2 2 rw-
        expect vmas 1
        munmap a 3 2
        expect vmas 2
        munmap a 100 5                  # nothing there: allowed
        mlock a 0 2
        expect vmas 3
        munlock a 1 1
        expect vmas 3                   # [0,1) locked, [1,3), [5,8)
        mmap a 20 2 file:f@0 private rw-
        mmap a 22 2 file:f@2 private rw-
        expect vmas 4
        mmap a 24 2 file:f@3 private rw-
        expect vmas 5
        """
    )


def test_mremap_moves_entries_and_keeps_the_index_once_faulted():
    run(
        """
        mmap a 0 4 anon private rw-
        mmap a 600 4 anon private rw-
        write a 600..601
        expect page_table_leaves 1
        mremap a 600 4 4                # faulted: index 600 stays, no merge with [0,4)
        mprotect a 4 4 rw-
        expect vmas 2
        expect ptes_moved 2
        expect page_table_leaves 2
        write a 4
        expect minor_faults 2
        mremap a 0 4 1000               # never faulted: index 1000
        mmap a 1004 1 anon private rw-
        expect vmas 2
        """
    )


def test_mprotect_takes_and_gives_permission_to_write():
    run(
        """
        mmap a 0 2 anon private rw-
        write a 0
        mprotect a 0 2 r--
        read a 0
        mprotect a 0 2 rw-
        write a 0
        expect minor_faults 1           # alone with its page: writable again at once
        fork a b
        mprotect a 0 2 r--
        mprotect a 0 2 rw-
        write a 0
        expect cow_copies 1
        """
    )


def test_locked_pages_leave_the_policy():
    assert told(
        """
        mmap a 0 3 anon private rw-
        write a 0
        mlock a 0 2                     # page 0 is there, page 1 is filled
        expect fills 1
        expect minor_faults 2
        expect misses 1
        evict a 0                       # refused
        expect evictions 0
        expect probe.mapcount 1
        madvise a 0 3 pageout
        madvise a 0 3 cold
        madvise a 0 3 dontneed          # left alone
        expect evictions 0
        expect ptes_zapped 0
        munlock a 0 1
        """
    ) == ["fault_in 0", "removed 0 MLOCK", "fault_in 1", "removed 1 MLOCK", "putback 0 UNLOCKED"]


def test_mlock_breaks_sharing():
    run(
        """
        mmap a 0 1 anon private rw-
        write a 0
        fork a b
        mlock b 0 1
        expect cow_copies 1
        expect fills 0
        write b 0
        write a 0
        expect wp_reuses 1
        expect accesses 3
        """
    )


def test_advice():
    assert told(
        """
        mmap a 0 4 anon private rw-
        write a 0..2
        fork a b
        write b 2
        madvise a 0 1 cold
        referenced a 0
        expect probe.young 0
        madvise a 0 4 pageout           # pages 0 and 1 are mapped twice
        expect evictions 1
        expect swap_outs 1
        """
    )[-3:] == ["deactivated 0", "removed 2 PAGEOUT", "evicted 2"]


def test_reclaim_in_batches():
    run(
        """
        mmap a 0 100 anon private rw-
        read a 0..39
        expect evictions 0
        read a 40
        expect evictions 32
        expect direct_reclaims 1
        read a 41..71
        expect evictions 32
        read a 72
        expect evictions 64
        """,
        frames=40,
        mode="limit",
    )


def test_kswapd_wakes_below_low_and_sleeps_at_high():
    run(
        """
        mmap a 0 200 anon private rw-
        read a 0..89                    # free 10: not below low
        expect kswapd_batches 0
        read a 90                       # free 9: awake, due in 4
        read a 91..93
        expect kswapd_batches 0
        read a 94                       # free 5, then 37
        expect kswapd_batches 1
        expect evictions 32
        expect direct_reclaims 0
        read a 94 x100
        expect kswapd_batches 1         # asleep
        """,
        frames=100,
        mode="watermarks",
        min=2,
        low=10,
        high=20,
        kswapd_every=4,
    )


def test_direct_reclaim_at_min():
    run(
        """
        mmap a 0 200 anon private rw-
        read a 0..95                    # free 4
        expect direct_reclaims 0
        read a 96
        expect direct_reclaims 1
        expect evictions 32
        """,
        frames=100,
        mode="watermarks",
        min=4,
        low=4,
        high=4,
    )


def test_a_frame_under_writeback_is_not_free_and_can_be_taken_back():
    settings = {"mode": "watermarks", "writeback_accesses": 5}
    assert told(
        """
        mmap a 0 10 anon private rw-
        read a 0
        read a 1
        read a 2                # nothing free: both go under writeback; the oldest is waited for
        expect writeback_waits 1
        expect evictions 2
        expect writebacks 2
        read a 1                # still in its frame
        expect minor_faults 4
        expect misses 3
        expect refaults 1
        """,
        frames=2,
        **settings,
    ) == ["fault_in 0", "fault_in 1", "evicted 0", "evicted 1", "fault_in 2", "fault_in 1"]
    run(
        """
        mmap a 0 10 anon private rw-
        read a 0
        read a 1
        evict a 0               # at time 2: ends at 7
        read a 1 x4
        read a 0                # taken back at 6
        expect misses 2
        evict a 1               # 7: ends at 12
        read a 0 x5
        read a 1
        expect misses 3
        """,
        frames=2,
        **settings,
    )


def test_the_source_of_a_copy_is_pinned():
    assert told(
        """
        mmap a 0 2 anon private rw-
        write a 0..1
        fork a b
        write b 0
        expect putbacks 1
        expect evictions 1
        """,
        frames=2,
    ) == [
        "fault_in 0",
        "fault_in 1",
        "accessed 0 PTE",
        "putback 0 LOCKED",
        "evicted 1",
        "fault_in 2",
    ]
    with pytest.raises(OutOfMemoryError):
        run("mmap a 0 1 anon private rw-\nwrite a 0\nfork a b\nwrite b 0", frames=1)


def test_nothing_to_evict():
    text = "mmap a 0 3 anon private rw-\nmlock a 0 2\nread a 2"
    with pytest.raises(OutOfMemoryError):
        run(text, frames=2)
    text = "mmap a 0 3 anon private rw-\nread a 0..2"
    with pytest.raises(OutOfMemoryError):
        run(text, frames=2, swap_pages=0)


def test_clock_counts_every_entry_and_descriptors():
    text = """
        mmap a 0 1 file:f@0 shared r--
        mmap b 0 9 file:f@0 shared r--
        read a 0                # page 0
        read b 1                # page 1
        read b 2                # page 2
        read b 3                # page 3: all young, all cleared, 0 goes
        {use}
        read b 4
        """
    # Before the use page 1 is under the hand; its bit and that of page 2 are clear.
    assert run(text.format(use=""), Clock, 3).victims == [0, 1]
    assert run(text.format(use="read b 1"), Clock, 3).victims == [0, 2]
    assert run(text.format(use="fdread f 1 1"), Clock, 3).victims == [0, 2]
    assert run(text.format(use="munmap b 1 1"), Clock, 3).victims == [0, 1]
    assert run(text.format(use="read b 1\nmunmap b 1 1"), Clock, 3).victims == [0, 2]
    two = "mmap c 1 1 file:f@1 shared r--\nread c 1\nreferenced b 1\nread c 1"
    assert run(text.format(use=two), Clock, 3).victims == [0, 2]


def test_lru_and_opt_choose():
    text = """
        mmap a 0 9 anon private rw-
        read a 0
        read a 1
        read a 2
        read a 0
        read a 3
        read a 0
        read a 3
        read a 2
        """
    assert run(text, Fifo, 3).victims == [0, 1]
    assert run(text, Lru, 3).victims == [1]
    assert run(text, Opt, 3).victims == [1]
    cold = text + "madvise a 2 1 cold\nread a 4"
    assert run(cold, Lru, 3).victims == [1, 2]


def test_wrong_accesses_stop_the_run():
    for text in (
        "mmap a 0 2 anon private r--\nwrite a 0",
        "mmap a 0 2 anon private rw-\nread a 2",
        "mmap a 0 2 anon private rw-\nexec_page a 0",
        "mmap a 0 2 anon private rw-\nwrite a 0\nmprotect a 0 1 ---\nread a 0",
    ):
        with pytest.raises(SegmentationFaultError):
            run(text)
    with pytest.raises(ScriptError):
        run("read a 0")
    with pytest.raises(ExpectationError):
        run("expect misses 1")


def test_marks_and_infinite_memory():
    steps = steps_of_script(
        """
        mmap a 0 4 anon private rw-
        read a 0
        mark one
        read a 1..3
        munmap a 0 4
        mmap a 0 1 anon private rw-
        read a 0
        expect misses 100
        """
    )
    result = resolve(steps)
    assert result.peak_frames == 4
    assert result.marks["one"]["misses"] == 1
    assert result.marks["one"]["vmas"] == 1
    assert simulate(steps[:-1], Policy).counters["misses"] == 5
