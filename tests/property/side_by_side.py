"""Several machines that live through the same events, one strategy each, beside the oracle's.

After each event every machine keeps its invariants, all machines are in the same state but for what
their strategies remember, and that state is the oracle's: entries with their bits, residency,
mappings, counters. Strategies that veto merges may have more VMAs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.counters import COUNTER_NAMES, NR_COUNTERS, NR_PHASES, PHASE_WORDS
from reclaim.engine import loop
from reclaim.engine.bind import Bound, bind
from reclaim.engine.drive import Driver
from reclaim.engine.resolve import Resolved
from reclaim.errors import MachineError
from reclaim.ids import FILE, LEAF_PTES, MAP_SHARED, NIL, SHM
from reclaim.run import PluginChoice, RunSpec, build
from reclaim.trace import events as ev
from reclaim.trace.model import Trace, TraceMeta
from reclaim.vm.invariants import broken
from reclaim.vm.machine import Machine
from reclaim.vm.pte import DIRTY, PERMISSIONS, PRESENT, VALUE_SHIFT, YOUNG
from tests import laboratory
from tests.oracle.frames import COUNTERS, OutOfMemoryError
from tests.oracle.machine import Machine as Oracle
from tests.oracle.machine import Pressure
from tests.oracle.steps import ADVICE, ScriptReader, Step
from tests.oracle.twins import TWINS
from tests.property.compiled_walks import walks

MAX_SPACES = 48
MAX_FILES = 24
SHARED_COUNTERS = [COUNTER_NAMES.index(name) for name in COUNTERS]
# A strategy's own: its word of a frame, all it keeps in VMAs, and, when it vetoes merges, the index
# of a page whose VMA has moved: a merged VMA keeps its old indices, one that is alone does not.
FRAME_COLUMNS = [k for k in range(r.FRAME_WORDS) if k != r.FRAME_HEAD]
PAGE_COLUMNS = [k for k in range(r.PAGE_WORDS) if k != r.PAGE_INDEX]


class TooManyError(Exception):
    """The script makes more address spaces or files than these machines have rows for."""


def _empty_trace() -> Trace:
    nothing = [np.zeros(0, dtype) for dtype in (np.int32, np.int64, np.uint8, np.int32)]
    asid, vpn, op, nr = nothing
    return Trace(
        asid=asid,
        vpn=vpn,
        op=op,
        nr=nr,
        events=ev.event_array([]),
        spaces=tuple(f"space{k}" for k in range(MAX_SPACES)),
        files=tuple(f"file{k}" for k in range(MAX_FILES)),
        file_is_shm=(False,) * MAX_FILES,
        marks=(),
        expects=(),
        meta=TraceMeta(source="generated"),
    )


class Side(Driver):
    """One machine, driven a step at a time."""

    def __init__(self, spec: RunSpec) -> None:
        trace = _empty_trace()
        m, policy = build(trace, spec, Resolved(16, 1, 1, 0))
        span = loop.Span.of(trace.asid, trace.vpn, trace.op, trace.nr)
        super().__init__(trace, m, policy, _entries(m, policy, span), span)
        self.strategy = spec.rmap.cls.name

    def step(self, step: Step) -> None:
        if step.verb == "access":
            space, vpn, op, nr = step.args
            self.span.asid = np.array([space], np.int32)
            self.span.vpn = np.array([vpn], np.int64)
            self.span.op = np.array([op], np.uint8)
            self.span.nr = np.array([nr], np.int32)
            self._rows(0, 0, 1)
        elif step.verb not in {"mark", "expect"}:
            args = _event_args(step)
            row = ev.event_row(0, ev.VERB_NAMES.index(step.verb), *args)
            self._event(ev.event_array([row])[0], 0)

    def attempt(self, step: Step) -> str:
        """Take a step; return why it failed, "" if it did not."""
        try:
            self.step(step)
        except MachineError as error:
            return str(error)
        return ""


_known: dict[tuple[type, type], Bound] = {}


def _entries(m: Machine, policy: Any, span: loop.Span) -> Bound:
    """Bind once for all machines of the same classes: the entries take the machine as argument."""
    key = (type(m.rmap), type(policy))
    if key not in _known:
        _known[key] = bind(m, policy, span, np.zeros(8, np.int64))
    return _known[key]


def _event_args(step: Step) -> tuple[int, ...]:
    if step.verb == "mmap":
        space, start, npages, file, offset, _, prot, shared = step.args
        bits = prot.read | prot.write << 1 | prot.execute << 2 | (MAP_SHARED if shared else 0)
        return space, start, npages, NIL if file is None else file, offset, bits
    if step.verb == "mprotect":
        prot = step.args[3]
        return *step.args[:3], prot.read | prot.write << 1 | prot.execute << 2
    if step.verb == "madvise":
        return *step.args[:3], ADVICE.index(step.args[3])
    return step.args


def announce(reader: ScriptReader, sides: Sequence[Side], step: Step) -> None:
    """Tell machines of a file before its first use; they have rows for so many."""
    if reader.nr_spaces > MAX_SPACES or len(reader.files) > MAX_FILES:
        raise TooManyError
    if step.verb == "mmap" and step.args[3] is not None:
        for side in sides:
            row = step.args[3] * r.FILE_WORDS
            side.m.file[row + r.FILE_KIND] = SHM if step.args[5] else FILE


class SideBySide:
    """The machines and the oracle.

    Parameters
    ----------
    policy : str or PluginChoice
        Any but `opt`, unless `touches` are given: the future is not known while it is made.
    frames, swap_pages, fork_copies, pressure
        As in `RunSpec`; `pressure` with its numbers as a dict.
    strategies : sequence of str or PluginChoice
        One machine each; the oracle sees the first. All copy before moves, or none does.
    touches : list of list of int, optional
        What `tests.oracle.machine.resolve` says of the steps that will come.
    """

    def __init__(
        self,
        policy: str | PluginChoice,
        *,
        frames: int = 14,
        swap_pages: int | None = None,
        fork_copies: str = "anon",
        pressure: dict[str, Any] | None = None,
        strategies: Sequence[str | PluginChoice] = laboratory.RMAPS,
        touches: list[list[int]] | None = None,
    ) -> None:
        pressure = pressure or {"pressure": "exact"}
        who = laboratory.policy(policy) if isinstance(policy, str) else policy
        specs = [
            laboratory.spec_of(
                strategy,
                who,
                frames,
                swap_pages=swap_pages,
                fork_copies=fork_copies,
                **pressure,
            )
            for strategy in strategies
        ]
        copies_on_move = specs[0].rmap.cls.copies_on_move
        if any(spec.rmap.cls.copies_on_move != copies_on_move for spec in specs):
            raise ValueError("those who copy on move have other page ids: compare them apart")
        self.sides = [Side(spec) for spec in specs]
        numbers = {key: value for key, value in pressure.items() if key != "pressure"}
        oracle_policy = TWINS[who.cls.name](**who.params)
        if touches is not None:
            oracle_policy.learn_future(touches)
            following = _next_uses(touches)
            for side in self.sides:
                side.m.next_use = following
        self.oracle = Oracle(
            oracle_policy,
            Pressure(frames, mode=pressure["pressure"], **numbers),
            swap_pages=math.inf if swap_pages is None else swap_pages,
            fork_copies=fork_copies,
            copies_on_move=copies_on_move,
        )
        self.reader = ScriptReader()
        self.over = False

    def say(self, text: str) -> int:
        """Let the lines of a piece of script happen, checking after each; return how many did."""
        nr = 0
        for step in self.reader.read(text):
            if not self.over:
                self.take(step)
                nr += 1
        return nr

    def take(self, step: Step) -> None:
        """Let one step happen to all, and compare."""
        announce(self.reader, self.sides, step)
        try:
            self.oracle.take(step)
        except OutOfMemoryError:
            self.over = True
        for side in self.sides:
            end = side.attempt(step)
            assert bool(end) == self.over, f"{side.strategy}: {end or 'found a frame'}"
            assert not end or "out of memory" in end, f"{side.strategy}: {end}"
        if not self.over:
            self.check()

    def check(self) -> None:
        """Check each machine, then all against the first and the first against the oracle."""
        for side in self.sides:
            problems = broken(side.m, side.policy, walks) + wrong_owners(side.m)
            assert not problems, f"{side.strategy}: {problems}"
        for side in self.sides[1:]:
            assert not (differing := differences(self.sides[0].m, side.m)), (
                f"{side.strategy} differs from {self.sides[0].strategy} in {differing}"
            )
        assert not (problems := self.differences_from_oracle()), problems

    def differences_from_oracle(self) -> list[str]:
        """Return what the machines and the oracle do not agree about."""
        first, oracle = self.sides[0].m, self.oracle
        problems = [
            f"{name}: {got}, oracle {oracle.counters[name]}"
            for name, got in zip(COUNTERS, shared_counters(first), strict=True)
            if got != oracle.counters[name]
        ]
        resident = {page.id for page in oracle.pages if page.has_frame}
        frames = first.frame.reshape(-1, r.FRAME_WORDS)[: first.nr_frames, r.FRAME_PAGE]
        if resident != set(frames[frames != NIL].tolist()):
            problems.append(f"resident {set(frames.tolist())}, oracle {resident}")
        if entries_of(first) != (entries := oracle_entries(oracle)):
            differing = sorted(entries_of(first).items() ^ entries.items())
            problems.append(f"entries {differing}")
        for side in self.sides:
            alike = not laboratory.vetoes_merges(side.strategy)
            if alike and vmas_of(side.m) != oracle_vmas(oracle):
                problems.append(f"{side.strategy}: VMAs {vmas_of(side.m)}, {oracle_vmas(oracle)}")
        return problems


def shared_counters(m: Machine) -> list[int]:
    """Return the counters that no strategy changes, in the oracle's order."""
    table = m.counters.reshape(NR_PHASES, PHASE_WORDS)[:, :NR_COUNTERS].sum(axis=0)
    return [int(table[k]) for k in SHARED_COUNTERS]


def differences(one: Machine, other: Machine) -> list[str]:
    """Return in what two machines differ that no strategy may change."""
    nr_pages, nr_ptes = int(one.live[r.NR_PAGES]), int(one.live[r.LEAF_TOP]) * LEAF_PTES
    views = {
        "counters": shared_counters,
        "pages": lambda m: m.page.reshape(-1, r.PAGE_WORDS)[:nr_pages, PAGE_COLUMNS],
        "entries": lambda m: m.pte[:nr_ptes],
        "frames": lambda m: m.frame.reshape(-1, r.FRAME_WORDS)[:, FRAME_COLUMNS],
        "free frames": lambda m: m.free[: int(m.live[r.NR_FREE])],
        "time": lambda m: m.live[[r.NOW, r.NR_EVICTED, r.NR_FREE, r.NR_PAGES, r.LEAF_TOP, r.TICK]],
    }
    return [name for name, view in views.items() if not np.array_equal(view(one), view(other))]


def wrong_owners(m: Machine) -> list[str]:
    """Return frames that the policy has and should not have, or the other way round."""
    rows = m.frame.reshape(-1, r.FRAME_WORDS)[: m.nr_frames]
    flags = rows[:, r.FRAME_FLAGS]
    is_its = (rows[:, r.FRAME_PAGE] != NIL) & (flags < r.FRAME_LOCK)
    is_its &= (flags & r.FRAME_EVICTED) == 0
    wrong = np.flatnonzero(is_its != ((flags & r.FRAME_OWNED) != 0))
    held = np.flatnonzero(flags & (r.FRAME_PINNED | r.FRAME_DYING))
    problems = [f"frame {pfn}: in the wrong hands" for pfn in wrong]
    problems += [f"frame {pfn}: still pinned or dying" for pfn in held]
    return problems + (["notes are left"] if m.live[r.NR_REMOVALS] else [])


Entry = tuple[int, bool, int, bool, bool]


def entries_of(m: Machine) -> dict[tuple[int, int], Entry]:
    """Return (space, vpn) -> page, present, permissions, young, dirty of all entries."""
    found: dict[tuple[int, int], Entry] = {}
    for index in np.flatnonzero(m.pte[: int(m.live[r.LEAF_TOP]) * LEAF_PTES]):
        leaf = int(index) // LEAF_PTES * r.LEAF_WORDS
        vpn = int(m.leaf[leaf + r.LEAF_BASE]) + int(index) % LEAF_PTES
        entry = int(m.pte[index])
        value = entry >> VALUE_SHIFT
        where = (int(m.leaf[leaf + r.LEAF_SPACE]), vpn)
        if entry & PRESENT:
            page = int(m.frame[value * r.FRAME_WORDS + r.FRAME_PAGE])
            bits = (entry & PERMISSIONS) >> 3
            found[where] = (page, True, bits, bool(entry & YOUNG), bool(entry & DIRTY))
        else:
            found[where] = (value, False, 0, False, False)
    return found


def oracle_entries(oracle: Oracle) -> dict[tuple[int, int], Entry]:
    """Return the same of the oracle."""
    found: dict[tuple[int, int], Entry] = {}
    for space in oracle.spaces.values():
        for vpn, pte in space.table.items():
            prot = pte.prot
            bits = prot.read | prot.write << 1 | prot.execute << 2
            found[space.id, vpn] = (
                (pte.page.id, True, bits, pte.young, pte.dirty)
                if pte.present
                else (pte.page.id, False, 0, False, False)
            )
    return found


def vmas_of(m: Machine) -> list[tuple[int, ...]]:
    """Return space, start, end, flags, file, pgoff of all VMAs."""
    found = []
    for space in range(MAX_SPACES):
        row = m.space[space * r.SPACE_WORDS : (space + 1) * r.SPACE_WORDS]
        vma = int(row[r.SPACE_VMAS]) if row[r.SPACE_ALIVE] else NIL
        while vma != NIL:
            v = m.vma[vma * r.VMA_WORDS : (vma + 1) * r.VMA_WORDS]
            columns = (r.VMA_START, r.VMA_LAST, r.VMA_FLAGS, r.VMA_FILE, r.VMA_PGOFF)
            found.append((space, *(int(v[k]) for k in columns)))
            vma = int(v[r.VMA_NEXT])
    return found


def oracle_vmas(oracle: Oracle) -> list[tuple[int, ...]]:
    """Return the same of the oracle."""
    found = []
    for space in sorted(oracle.spaces.values(), key=lambda space: space.id):
        for vma in space.vmas:
            flags = vma.prot.read | vma.prot.write << 1 | vma.prot.execute << 2
            flags |= MAP_SHARED * vma.shared | r.VMA_LOCKED * vma.locked
            flags |= r.VMA_HAS_ANON * vma.has_anon
            file = NIL if vma.file is None else vma.file
            found.append((space.id, vma.start, vma.end - 1, flags, file, vma.pgoff))
    return found


def _next_uses(touches: list[list[int]]) -> Any:
    """Return for each touch the index of the next touch of its page, found from behind."""
    flat = [page for step in touches for page in step]
    found = np.full(len(flat), r.NEVER, dtype=np.int64)
    seen: dict[int, int] = {}
    for at in range(len(flat) - 1, -1, -1):
        found[at] = seen.get(flat[at], r.NEVER)
        seen[flat[at]] = at
    return found
