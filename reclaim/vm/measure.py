"""Distributions: how long each walk was, and what each fault did to the reverse map.

Means come from counters; a distribution needs a look before and after each. A run asks for them
(`live[MEASURE]`), so that others pay one branch that is always foretold.

The length of a walk is what the strategy looked at to find the PTEs: links of chains and VMAs, or,
for one that has neither, PTEs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import (
    P_COW,
    P_FAULT,
    PHASE_WORDS,
    PTES_PROBED,
    RMAP_LINKS_VISITED,
    RMAP_VMAS_VISITED,
    RMAP_WORK,
)
from reclaim.jit.kernel import U, kernel

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

S_REFERENCED, S_UNMAP, S_LOOK, S_FAULT, NR_SAMPLES = range(5)
SAMPLE_NAMES = ("referenced_walk", "unmap_walk", "look_walk", "fault_rmap_work")

STEPS = 16  # buckets per octave of a histogram
BUCKETS = 64 * STEPS


@kernel
def bucket_of(value: int) -> int:
    """Return the histogram bucket of a number of steps: exact below 32, then 16 an octave."""
    if value < 2 * STEPS:
        return value
    octave = 0
    while value >= 2 * STEPS:
        value >>= 1
        octave += 1
    return octave * STEPS + value


@kernel(cold=True)
def _walk_steps(m: Machine) -> int:
    """Return what walks of the live phase have looked at so far."""
    row = m.live[U(r.COUNTERS)]
    looked = m.counters[U(row + RMAP_LINKS_VISITED)] + m.counters[U(row + RMAP_VMAS_VISITED)]
    probed = m.counters[U(row + PTES_PROBED)]
    # A strategy with links or VMAs reads no more PTEs than it has of those; another has none.
    return looked if looked > 0 else probed


@kernel(cold=True)
def _fault_work(m: Machine) -> int:
    """Return the work on the reverse map that faults have done so far."""
    total = 0
    for phase in (P_FAULT, P_COW):
        for counter in RMAP_WORK:
            total += m.counters[U(phase * PHASE_WORDS + counter)]
    return total


@kernel(cold=True)
def _note(m: Machine, sample: int, value: int) -> None:
    m.samples[U(sample * BUCKETS + bucket_of(value))] += 1
    largest = NR_SAMPLES * BUCKETS + sample
    if value > m.samples[U(largest)]:
        m.samples[U(largest)] = value


@kernel
def walk_begins(m: Machine) -> int:
    """Return what `walk_ended` must be given; nothing unless the run measures."""
    return _walk_steps(m) if m.live[U(r.MEASURE)] != 0 else 0


@kernel
def walk_ended(m: Machine, sample: int, begun: int) -> None:
    """Note the length of a walk."""
    if m.live[U(r.MEASURE)] != 0:
        _note(m, sample, _walk_steps(m) - begun)


@kernel
def fault_begins(m: Machine) -> int:
    """Return what `fault_ended` must be given; nothing unless the run measures."""
    return _fault_work(m) if m.live[U(r.MEASURE)] != 0 else 0


@kernel
def fault_ended(m: Machine, begun: int) -> None:
    """Note what a fault did to the reverse map."""
    if m.live[U(r.MEASURE)] != 0:
        _note(m, S_FAULT, _fault_work(m) - begun)
