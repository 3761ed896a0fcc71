"""The oracle machine: docs/reference/machine.md said again with dicts, sets and small classes.

Slow on purpose: every question is answered by looking. It shares no code with the simulator; if the
two differ on a script, one of them or the page is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.frames import OutOfMemoryError, Pressure
from tests.oracle.model import Kind, Page
from tests.oracle.policies import Policy
from tests.oracle.steps import Step
from tests.oracle.ticks import Ticks

__all__ = [
    "ExpectationError",
    "Machine",
    "OutOfMemoryError",
    "Pressure",
    "Result",
    "resolve",
    "simulate",
]


class ExpectationError(AssertionError):
    """An `expect` of a script does not hold."""


@dataclass
class Result:
    """What a run gave.

    Parameters
    ----------
    counters : dict
        The strategy-independent counters by name.
    vmas, page_table_leaves : int
        As of the end.
    victims : list of int
        Page ids in order of eviction, by whatever cause.
    access_pages : list of int
        For each access row the page that it ended at (after a copy: the copy).
    touches : list of list of int
        For each time step (access row, page of fdread or fdwrite, page that mlock reaches) the
        pages touched in it: the page, or the source and then its copy. Residency plays no part.
        A page copied before a move is a step too.
    peak_frames : int
        Most frames in use at one time.
    nr_pages : int
        Page ids given.
    probes : list of dict
        event, mapcount, young, ptes_hit of each evict or referenced, in order.
    marks : dict
        name -> counters, vmas and page_table_leaves as of that mark.
    """

    counters: dict[str, int]
    vmas: int
    page_table_leaves: int
    victims: list[int]
    access_pages: list[int]
    touches: list[list[int]]
    peak_frames: int
    nr_pages: int
    probes: list[dict[str, Any]] = field(default_factory=list)
    marks: dict[str, dict[str, int]] = field(default_factory=dict)


class Machine(Ticks):
    """The machine: takes steps one after the other."""

    def __init__(
        self,
        policy: Policy,
        pressure: Pressure | None = None,
        *,
        swap_pages: float = math.inf,
        fork_copies: str = "anon",
        copies_on_move: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(policy, pressure or Pressure(), swap_pages)
        self.set_clocks(policy, seed)
        assert fork_copies in {"anon", "all"}
        self.fork_copies = fork_copies
        self.copies_on_move = copies_on_move
        self.file_pages: dict[tuple[int, int], Page] = {}
        self.access_pages: list[int] = []
        self.probes: list[dict[str, Any]] = []
        self.marks: dict[str, dict[str, int]] = {}
        self.shm_files: set[int] = set()

    def take(self, step: Step) -> None:
        """Let one step happen."""
        if step.verb == "access":
            self.access(*step.args)
        elif step.verb == "mark":
            self.marks[step.args[0]] = self.snapshot()
        elif step.verb == "expect":
            self.expect(step)
        else:
            if step.verb == "mremap" and self.copies_on_move:
                self.copy_early(*step.args[:3])
            getattr(self, "do_" + step.verb)(*step.args)
            self.run_kswapd()

    def access(self, space: int, vpn: int, op: int, nr: int) -> None:
        self.begin_touch()
        self.counters["accesses"] += nr
        pte = self.spaces[space].table.get(vpn)
        if pte is not None and pte.present and pte.prot.permits(op):
            self.touches[-1].append(pte.page.id)
            self.use(pte, op)
            self.policy.accessed(pte.page.id, "PTE", nr)
        elif self.fault(space, vpn, op, nr):
            self.counters["misses"] += 1
        self.access_pages.append(self.touches[-1][-1])
        self.time += nr
        self.run_ticks(self.spaces[space], vpn, nr)
        self.run_kswapd()

    def copy_early(self, space_id: int, start: int, npages: int) -> None:
        """Give the mover its own copy of each anonymous page that others hold too."""
        space = self.spaces[space_id]
        for vpn, pte in space.entries(start, start + npages):
            if pte.page.kind is Kind.ANON and pte.page.sharers > 1:
                self.begin_touch()
                self.touches[-1].append(pte.page.id)
                had_frame, _ = self.ready(pte.page, 1, is_new=False)
                self.counters["fills"] += not had_frame
                self.counters["early_copies"] += 1
                vma = space.vma_at(vpn)
                assert vma is not None
                self.copy(space, vma, vpn, pte.page)

    def snapshot(self) -> dict[str, int]:
        spaces = self.spaces.values()
        return {
            **self.counters,
            "vmas": sum(len(space.vmas) for space in spaces),
            "page_table_leaves": sum(len(space.leaves) for space in spaces),
        }

    def expect(self, step: Step) -> None:
        """Check what this machine knows of; rmap work and objects are the strategies' own."""
        name, value = step.args
        known = self.snapshot()
        if self.probes:
            known |= {f"probe.{key}": it for key, it in self.probes[-1].items()}
        if name in known and known[name] != int(value):
            raise ExpectationError(f"line {step.line}: {name} is {known[name]}, not {value}")

    def result(self) -> Result:
        now = self.snapshot()
        return Result(
            dict(self.counters),
            now["vmas"],
            now["page_table_leaves"],
            self.victims,
            self.access_pages,
            self.touches,
            self.peak_frames,
            len(self.pages),
            self.probes,
            self.marks,
        )

    def check(self) -> None:
        """Recount everything from the page tables."""
        ptes = [
            (space.id, vpn, pte)
            for space in self.spaces.values()
            for vpn, pte in space.table.items()
        ]
        assert 0 <= self.nr_used() <= self.pressure.frames
        assert self.nr_slots() <= self.swap_pages
        assert not self.pinned
        for page in self.pages:
            mine = [one for one in ptes if one[2].page is page]
            mapped = {(space, vpn) for space, vpn, pte in mine if pte.present}
            assert page.rmap == mapped
            assert page.nr_swapped == len(mine) - len(mapped)
            assert page.sharers == (len(mine) if page.kind is Kind.ANON else 0)
            assert page.has_frame or not mapped
            assert not (page.kind is Kind.ANON and not mine) or page.dead
            assert page.locked_by == {
                (space, vpn) for space, vpn in mapped if self.is_locked(space, vpn)
            }
            assert not page.nr_swapped or page.has_slot
            assert not page.dead or not (mine or page.has_slot)
            assert not page.dead or page.has_frame == page.under_writeback
            assert not page.abandoned or (page.under_writeback and not mapped)
            assert not (page.kind is Kind.FILE and page.has_slot)
        for space, vpn, pte in ptes:
            vma = self.spaces[space].vma_at(vpn)
            assert vma is not None
            assert not pte.present or pte.prot.write <= self.allows_write(vma, pte.page)
        for space in self.spaces.values():
            for left, right in zip(space.vmas, space.vmas[1:], strict=False):
                assert left.start < left.end <= right.start < right.end
        mine = {p.id for p in self.pages if p.has_frame and not p.abandoned and not p.locked_by}
        assert self.policy.resident() in (None, mine)

    def is_locked(self, space: int, vpn: int) -> bool:
        vma = self.spaces[space].vma_at(vpn)
        return vma is not None and vma.locked


def simulate(
    steps: list[Step],
    new_policy: Callable[[], Policy],
    frames: float = math.inf,
    *,
    swap_pages: float = math.inf,
    fork_copies: str = "anon",
    copies_on_move: bool = False,
    checked: bool = False,
    **pressure: Any,
) -> Result:
    """Run steps on a machine.

    Parameters
    ----------
    steps : list of Step
        From `steps_of_script` or `steps_of_trace`.
    new_policy : callable
        Makes the policy: a class of `policies`.
    frames : int or inf
        Frames of memory.
    swap_pages : int or inf
        Swap slots.
    fork_copies : str
        "anon" or "all".
    copies_on_move : bool
        Whether mremap copies pages that others hold before it moves them.
    checked : bool
        Recount everything after every step.
    **pressure
        Fields of `Pressure`: mode, min, low, high, kswapd_every, writeback_accesses.
    """
    policy = new_policy()
    if policy.needs_future:
        policy.learn_future(resolve(steps, fork_copies, copies_on_move).touches)
    machine = Machine(
        policy,
        Pressure(frames, **pressure),
        swap_pages=swap_pages,
        fork_copies=fork_copies,
        copies_on_move=copies_on_move,
    )
    for step in steps:
        try:
            machine.take(step)
        except Exception as err:
            err.add_note(f"at {step}")
            raise
        if checked:
            machine.check()
    return machine.result()


def resolve(steps: list[Step], fork_copies: str = "anon", copies_on_move: bool = False) -> Result:
    """Run steps on infinite memory: identities, touches and the peak live set (`peak_frames`)."""
    return simulate(
        [step for step in steps if step.verb != "expect"],
        Policy,
        fork_copies=fork_copies,
        copies_on_move=copies_on_move,
    )
