"""What is counted, and for which phase of the machine's work.

Counters are bumped in accessors, before state changes, and charged to the innermost phase: a phase
is a row of `m.counters`, and ``live[COUNTERS]`` is where the row of the live phase begins, so that
changing the phase is one store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim.jit.kernel import U, kernel
from reclaim.rows import COUNTERS

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

COUNTER_NAMES = (
    "accesses",
    "misses",
    "minor_faults",
    "major_faults",
    "cow_copies",
    "early_copies",
    "wp_reuses",
    "fills",
    "fd_accesses",
    "evictions",
    "refaults",
    "refault_distance",
    "writebacks",
    "writeback_waits",
    "swap_ins",
    "swap_outs",
    "file_reads",
    "file_writes",
    "frames_scanned",
    "putbacks",
    "direct_reclaims",
    "kswapd_batches",
    "age_ticks",
    "samples",
    "rmap_walks",
    "rmap_links_visited",
    "rmap_vmas_visited",
    "rmap_tree_steps",
    "ptes_probed",
    "ptes_hit",
    "rmap_links_added",
    "rmap_links_removed",
    "rmap_slots_searched",
    "vma_lookups",
    "rmap_objects_allocated",
    "rmap_objects_freed",
    "locks",
    "trylocks",
    "tlb_flushes",
    "ptes_copied",
    "ptes_moved",
    "ptes_zapped",
    "vma_splits",
    "vma_merges",
    "leaves_allocated",
)
NR_COUNTERS = len(COUNTER_NAMES)
(
    ACCESSES,
    MISSES,
    MINOR_FAULTS,
    MAJOR_FAULTS,
    COW_COPIES,
    EARLY_COPIES,
    WP_REUSES,
    FILLS,
    FD_ACCESSES,
    EVICTIONS,
    REFAULTS,
    REFAULT_DISTANCE,
    WRITEBACKS,
    WRITEBACK_WAITS,
    SWAP_INS,
    SWAP_OUTS,
    FILE_READS,
    FILE_WRITES,
    FRAMES_SCANNED,
    PUTBACKS,
    DIRECT_RECLAIMS,
    KSWAPD_BATCHES,
    AGE_TICKS,
    SAMPLES,
    RMAP_WALKS,
    RMAP_LINKS_VISITED,
    RMAP_VMAS_VISITED,
    RMAP_TREE_STEPS,
    PTES_PROBED,
    PTES_HIT,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_SLOTS_SEARCHED,
    VMA_LOOKUPS,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    LOCKS,
    TRYLOCKS,
    TLB_FLUSHES,
    PTES_COPIED,
    PTES_MOVED,
    PTES_ZAPPED,
    VMA_SPLITS,
    VMA_MERGES,
    LEAVES_ALLOCATED,
) = range(NR_COUNTERS)

PHASE_NAMES = (
    "fault",
    "fork",
    "exec",
    "exit",
    "mmap",
    "fd",
    "reclaim_aging",
    "reclaim_referenced",
    "reclaim_unmap",
    "probe",
    "cow",
)
NR_PHASES = len(PHASE_NAMES)
(
    P_FAULT,
    P_FORK,
    P_EXEC,
    P_EXIT,
    P_MMAP,
    P_FD,
    P_AGING,
    P_REFERENCED,
    P_UNMAP,
    P_PROBE,
    P_COW,
) = range(NR_PHASES)

RMAP_WORK = (
    RMAP_LINKS_VISITED,
    RMAP_VMAS_VISITED,
    RMAP_TREE_STEPS,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_SLOTS_SEARCHED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
)
"""Counters of what is done to the reverse map itself: their sum is the *work* of an operation."""

PHASE_WORDS = 48  # a phase's row, padded to cache lines


@kernel
def count(m: Machine, counter: int, n: int) -> None:
    """Add `n` to a counter of the live phase."""
    m.counters[U(m.live[U(COUNTERS)] + counter)] += n


@kernel
def enter(m: Machine, phase: int) -> int:
    """Make `phase` the live one; returns what `leave` needs to go back."""
    before: int = m.live[U(COUNTERS)]
    m.live[U(COUNTERS)] = phase * PHASE_WORDS
    return before


@kernel
def leave(m: Machine, before: int) -> None:
    """Go back to the phase that was live before `enter`."""
    m.live[U(COUNTERS)] = before
