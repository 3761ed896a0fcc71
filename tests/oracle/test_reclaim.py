"""Reclaim under each pressure, and what policies choose, worked out by hand.

The scripts carry their own numbers (`expect`), so that each can be read from top to bottom.
"""

from __future__ import annotations

import pytest

from tests.oracle.diary import run, told
from tests.oracle.machine import OutOfMemoryError
from tests.oracle.policies import Clock, Fifo, Lru, Opt


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
