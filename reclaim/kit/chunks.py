"""Small entries carved from page-sized chunks, each of which belongs to one owner: FreeBSD's way.

An entry does not name its owner: its chunk does, found from the entry's own address by masking. A
chunk has a bitmap of its free entries; an owner keeps its chunks on a list, those with room in
front. *Take*: the first chunk's lowest free entry; if that fills it, the chunk goes to the list's
end; if the first chunk is full, all are, and a new one comes in front. *Give back*: the chunk goes
to the front, or back to the machine when nothing of it is in use. An owner that ends gives back
whole chunks.

An owner's list is three words of any array, zero to begin with: first chunk, last chunk, number of
chunks. plugins/rmaps/pv_chunks.py tells the story. Source: sys/amd64/amd64/pmap.c (get_pv_entry,
free_pv_entry). All operations are O(words of a bitmap).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reclaim.counters import LOCKS, RMAP_OBJECTS_ALLOCATED, RMAP_OBJECTS_FREED, count
from reclaim.ids import NIL
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, cold, kernel
from reclaim.kit.pool import Pool, pool_alloc, pool_free, pool_short
from reclaim.kit.row_lists import (
    FIRST,
    LINK_WORDS,
    row_list_init,
    row_list_nodes,
    row_list_push_back,
    row_list_push_front,
    row_list_remove,
)

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

# A chunk: its links, then
_OWNER, _USED, _FREE_MAP = LINK_WORDS, LINK_WORDS + 1, LINK_WORDS + 2
MAP_BITS = 32  # of a word of the bitmap: a set bit is a free entry, and no integer is negative
NR_CHUNKS = 2  # third word of an owner's list
_LIVE, _PEAK, _MADE = range(3)


@kernel
def lowest_bit(bits: int) -> int:
    """Return the number of the lowest set bit of 32, of which one is set."""
    at = 0
    for width in (16, 8, 4, 2, 1):
        if bits & ((1 << width) - 1) == 0:
            bits >>= width
            at += width
    return at


class Chunks(Handle):
    """A pool of chunks of `nr_entries` entries of `entry_words` words.

    An entry is named by its offset in ``pool.rows``; what its words hold is the caller's.
    """

    pool: Pool
    counts: I64
    nr_entries: int
    entry_words: int
    header_words: int

    @classmethod
    def empty(cls, nr_entries: int, entry_words: int) -> Chunks:
        """Make it without any chunk."""
        header = _FREE_MAP + -(-nr_entries // MAP_BITS)
        return cls(
            pool=Pool.new(header + nr_entries * entry_words, 4),
            counts=np.zeros(3, np.int64),
            nr_entries=nr_entries,
            entry_words=entry_words,
            header_words=header,
        )

    def short(self, nr: int) -> bool:
        """Tell whether fewer than `nr` chunks are left."""
        return pool_short(self.pool, nr)

    def owner(self, entry: int) -> int:
        """Return who owns an entry, as its chunk says."""
        return self.pool.rows[U(self._chunk_of(entry) + _OWNER)]

    def _chunk_of(self, entry: int) -> int:
        return entry - entry % self.pool.width

    @cold
    def take(self, m: Machine, heads: I64, head: int, owner: int) -> int:
        """Return a free entry of an owner, whose list is the three words ``heads[head]`` ..."""
        rows = self.pool.rows
        chunk = heads[U(head + FIRST)]
        if heads[U(head + NR_CHUNKS)] == 0 or rows[U(chunk + _USED)] == self.nr_entries:
            chunk = self._new_chunk(m, heads, head, owner)
        at = chunk + _FREE_MAP
        while rows[U(at)] == 0:
            at += 1
        bit = lowest_bit(rows[U(at)])
        rows[U(at)] -= 1 << bit
        rows[U(chunk + _USED)] += 1
        if rows[U(chunk + _USED)] == self.nr_entries:
            row_list_remove(rows, heads, head, chunk)
            row_list_push_back(rows, heads, head, chunk)
        counts = self.counts
        counts[U(_MADE)] += 1
        counts[U(_LIVE)] += 1
        if counts[U(_LIVE)] > counts[U(_PEAK)]:
            counts[U(_PEAK)] = counts[U(_LIVE)]
        slot = (at - chunk - _FREE_MAP) * MAP_BITS + bit
        return chunk + self.header_words + slot * self.entry_words

    @cold
    def _new_chunk(self, m: Machine, heads: I64, head: int, owner: int) -> int:
        rows = self.pool.rows
        chunk = pool_alloc(self.pool) * self.pool.width
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        count(m, LOCKS, 1)  # of the list of all chunks, from which memory pressure takes them
        rows[U(chunk + _OWNER)] = owner
        rows[U(chunk + _USED)] = 0
        left = self.nr_entries
        at = chunk + _FREE_MAP
        while left > 0:
            rows[U(at)] = (1 << (left if left < MAP_BITS else MAP_BITS)) - 1
            left -= MAP_BITS
            at += 1
        if heads[U(head + NR_CHUNKS)] == 0:
            row_list_init(heads, head)
        heads[U(head + NR_CHUNKS)] += 1
        row_list_push_front(rows, heads, head, chunk)
        return chunk

    @cold
    def give_back(self, m: Machine, heads: I64, head: int, entry: int) -> None:
        """Free an entry of the owner whose list is given."""
        rows = self.pool.rows
        chunk = self._chunk_of(entry)
        if rows[U(chunk + _USED)] == 1:
            count(m, LOCKS, 1)
            self.free_chunk(m, heads, head, chunk)
            return
        slot = (entry - chunk - self.header_words) // self.entry_words
        rows[U(chunk + _FREE_MAP + slot // MAP_BITS)] |= 1 << slot % MAP_BITS
        rows[U(chunk + _USED)] -= 1
        self.counts[U(_LIVE)] -= 1
        if heads[U(head + FIRST)] != chunk:
            row_list_remove(rows, heads, head, chunk)
            row_list_push_front(rows, heads, head, chunk)

    @cold
    def free_chunk(self, m: Machine, heads: I64, head: int, chunk: int) -> None:
        """Give a chunk back to the machine with all its entries; locks are the caller's."""
        count(m, RMAP_OBJECTS_FREED, 1)
        self.counts[U(_LIVE)] -= self.pool.rows[U(chunk + _USED)]
        heads[U(head + NR_CHUNKS)] -= 1
        row_list_remove(self.pool.rows, heads, head, chunk)
        pool_free(self.pool, chunk // self.pool.width)

    def next_used(self, chunk: int, slot: int) -> int:
        """Return the first slot of a chunk in use, from `slot` on; NIL if there is none."""
        while slot < self.nr_entries:
            bits = self.pool.rows[U(chunk + _FREE_MAP + slot // MAP_BITS)]
            if (bits >> slot % MAP_BITS) & 1 == 0:
                return slot
            slot += 1
        return NIL

    def entry_at(self, chunk: int, slot: int) -> int:
        """Return the entry in a slot of a chunk."""
        return chunk + self.header_words + slot * self.entry_words

    def tallies(self) -> tuple[int, int, int]:
        """Return how many entries live, lived at most at once, were taken ever; plain Python."""
        return int(self.counts[_LIVE]), int(self.counts[_PEAK]), int(self.counts[_MADE])

    def chunks_of(self, heads: I64, head: int) -> list[tuple[int, list[int]]]:
        """Return an owner's chunks, in the order of its list, with the slots in use; plain Python.

        Raises
        ------
        AssertionError
            A chunk's number of used entries is not what its bitmap says, it is empty, or the
            owner's number of chunks is wrong.
        """
        nr = int(heads[head + NR_CHUNKS])
        found = row_list_nodes(self.pool.rows, heads, head) if nr else []
        assert len(found) == nr, f"{len(found)} chunks on the list, {nr} counted"
        return [(chunk, self._used(chunk)) for chunk in found]

    def _used(self, chunk: int) -> list[int]:
        words = self.pool.rows[chunk + _FREE_MAP : chunk + self.header_words].tolist()
        used = [
            slot
            for slot in range(self.nr_entries)
            if not words[slot // MAP_BITS] >> slot % MAP_BITS & 1
        ]
        counted = int(self.pool.rows[chunk + _USED])
        assert used, f"chunk {chunk} is empty"
        assert len(used) == counted, f"chunk {chunk}: {len(used)} entries used, {counted} counted"
        return used
