"""Faults, copies, swap and files, worked out by hand.

The scripts carry their own numbers (`expect`), so that each can be read from top to bottom.
"""

from __future__ import annotations

import pytest

from tests.oracle.diary import run, told
from tests.oracle.events import SegmentationFaultError
from tests.oracle.machine import ExpectationError, resolve, simulate
from tests.oracle.policies import Policy
from tests.oracle.steps import ScriptError, steps_of_script


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
