"""Events on mappings, locks and advice, worked out by hand.

The scripts carry their own numbers (`expect`), so that each can be read from top to bottom.
"""

from __future__ import annotations

from tests.oracle.diary import run, told


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


def test_copies_before_a_move():
    # Page 0 is shared and present, 1 is a's alone since b has copied it, 2 is shared and swapped.
    script = """
        mmap a 0 3 anon private rw-
        write a 0..2
        fork a b
        write b 1                       # page 3
        evict a 2
        mmap a 8 1 anon private rw-
        write a 8                       # page 4, in the way
        mremap a 0 3 8
        expect ptes_moved 3
        expect minor_faults 5
        expect major_faults 0
        """
    before = [
        *("fault_in 0", "fault_in 1", "fault_in 2", "accessed 1 PTE", "fault_in 3"),
        *("removed 2 PROBE", "evicted 2", "fault_in 4"),
    ]
    assert told(script) == [*before, "removed 4 FREED"]
    copies = ["accessed 0 PTE", "fault_in 5", "fault_in 2", "fault_in 6"]
    assert told(script, copies_on_move=True) == [*before, *copies, "removed 4 FREED"]
    counters = run(script, copies_on_move=True).counters
    names = ("cow_copies", "early_copies", "fills", "swap_ins")
    assert [counters[name] for name in names] == [3, 2, 1, 1]
