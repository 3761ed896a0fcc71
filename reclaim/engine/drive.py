"""Drives a bound machine through a trace: spans of accesses, the events between them, growth.

Python runs between kernels only: at events, at batch and epoch boundaries, and when a kernel stops
to ask for room. Nothing it does changes a count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.counters import COUNTER_NAMES, NR_COUNTERS, RMAP_WORK
from reclaim.engine import loop
from reclaim.engine.bind import Bound
from reclaim.engine.events import LOOK
from reclaim.engine.snapshot import Snapshot, counted, expected, named, outside_reclaim, snapshot
from reclaim.errors import MachineError
from reclaim.jit.handle import Handle
from reclaim.kit.pool import Pool
from reclaim.trace.events import (
    EVICT,
    EXPECT,
    FDREAD,
    FDWRITE,
    MARK,
    MLOCK,
    MREMAP,
    REFERENCED,
    VERB_NAMES,
)
from reclaim.trace.model import Trace
from reclaim.vm.machine import Machine, grow

OP_WORDS = ("read", "write", "execute")
PROBED = (
    "rmap_vmas_visited",
    "rmap_links_visited",
    "ptes_probed",
    "ptes_hit",
)


@dataclass
class Operation:
    """What all events of one kind did: how many, their counters, the rmap work of each."""

    counters: Any = field(default_factory=lambda: np.zeros(NR_COUNTERS, dtype=np.int64))
    works: list[int] = field(default_factory=list)


@dataclass
class Log:
    """What a run leaves beside its counters."""

    operations: dict[str, Operation] = field(default_factory=dict)

    marks: dict[str, Snapshot] = field(default_factory=dict)
    probes: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[Snapshot] = field(default_factory=list)
    look: dict[str, dict[str, int]] = field(default_factory=dict)
    busiest: Snapshot | None = None
    seconds: float = 0.0


def _pools_of(handle: Handle) -> Iterator[Pool]:
    """Yield the pools in a handle and in the handles within it."""
    for name, kind in handle.field_kinds().items():
        inner = getattr(handle, name)
        if isinstance(inner, Pool):
            yield inner
        elif kind == "handle":
            yield from _pools_of(inner)


class Driver:
    """One run of a machine through a trace.

    Parameters
    ----------
    trace : Trace
        What happens.
    m : Machine
        A fresh machine with its strategy.
    policy : Handle
        A fresh policy.
    bound : Bound
        The compiled entries.
    span : Span
        The handle whose columns are replaced batch by batch.
    """

    def __init__(
        self, trace: Trace, m: Machine, policy: Handle, bound: Bound, span: loop.Span
    ) -> None:
        self.trace = trace
        self.m = m
        self.policy = policy
        self.bound = bound
        self.span = span
        self.args = np.zeros(8, dtype=np.int64)
        self.log = Log()
        self.checks_expectations = True
        self.walks = 0  # mapped frames to look at, at the end of each epoch
        self.copies_on_move = bool(m.rmap.copies_on_move)
        self._pools = list(_pools_of(m.rmap))

    # ---- calls into the machine ---------------------------------------------------------------

    def _until_done(self, call: Callable[[], int]) -> int:
        """Call an entry until it needs no more room."""
        while True:
            start = time.perf_counter()
            status = call()
            self.log.seconds += time.perf_counter() - start
            if status != r.GROW:
                return status
            grow(self.m)
            for pool in self._pools:
                pool.grow(int(self.m.live[r.WANT_OBJECTS]) + 1)

    def _pair(self, *args: int) -> int:
        self.args[: len(args)] = args
        return self._until_done(lambda: self.bound.pair(self.m, self.policy, self.span, self.args))

    def _apply(self, *args: int) -> int:
        self.args[:] = 0
        self.args[: len(args)] = args
        return self._until_done(lambda: self.bound.events(self.m, self.args))

    # ---- the run ------------------------------------------------------------------------------

    def run(self, epochs: int = 0, progress: Callable[[int, int], None] | None = None) -> Log:
        """Run the trace to its end.

        Parameters
        ----------
        epochs : int
            Snapshots to take at equal distances in rows; 0 for none.
        progress : callable, optional
            Called with the rows done and the rows there are.

        Raises
        ------
        MachineError
            Out of memory, an access that no VMA allows, a failed `expect`, a policy that breaks its
            contract. What was run so far stays in the machine.
        """
        nr_rows = self.trace.nr_rows
        stops = self._stops(epochs)
        stop = next(stops)
        for batch in self.trace.batches():
            self._use(batch)
            row, last = batch.start, batch.start + len(batch.vpn)
            while row < last:
                row = self._rows(batch.start, row, min(last, stop[0]))
                while row == stop[0] and row < last:
                    self._at(stop)
                    stop = next(stops)
                if progress is not None:
                    progress(row, nr_rows)
        while stop[0] <= nr_rows:
            self._at(stop)
            stop = next(stops)
        return self.log

    def _stops(self, epochs: int) -> Iterator[tuple[int, int]]:
        """Yield (row, event number or -1 for an epoch) in order, then a row past the end."""
        nr_rows = self.trace.nr_rows
        marks = [(int(p), n) for n, p in enumerate(self.trace.events["position"])]
        ends = [(nr_rows * (k + 1) // epochs, -1) for k in range(epochs)]
        # An epoch ends before the events at its row; the last one after all of them.
        yield from sorted(marks + ends[:-1], key=lambda stop: (stop[0], stop[1]))
        yield from ends[-1:]
        yield nr_rows + 1, -2

    def _use(self, batch: Any) -> None:
        self.span.asid = np.ascontiguousarray(batch.asid)
        self.span.vpn = np.ascontiguousarray(batch.vpn)
        self.span.op = np.ascontiguousarray(batch.op)
        self.span.nr = np.ascontiguousarray(batch.nr)

    def _rows(self, start: int, row: int, end: int) -> int:
        """Run rows of the batch that begins at `start`; returns `end`."""
        if row < end and self._pair(loop.RUN, row - start, end - start) == r.STOPPED:
            at = int(self.args[1])
            op = OP_WORDS[int(self.span.op[at])]
            self._fail(f"access row {start + at} ({op})", 0)
        return end

    def _at(self, stop: tuple[int, int]) -> None:
        if stop[1] == -1:
            self._epoch_ends()
        else:
            self._event(self.trace.events[stop[1]], stop[1])

    def _epoch_ends(self) -> None:
        now = snapshot(self.m)
        self.log.epochs.append(now)
        if self.walks:
            self._look(self.walks)
            if self.log.busiest is None or now.mapped_ptes > self.log.busiest.mapped_ptes:
                self.log.busiest = now

    def _event(self, event: Any, number: int) -> None:
        verb, line = int(event["verb"]), int(event["line"])
        args = [int(event[f"a{k}"]) for k in range(6)]
        where = f"event {number} ({VERB_NAMES[verb]})"
        if verb == MARK:
            self.log.marks[self.trace.marks[args[0]]] = snapshot(self.m)
        elif verb == EXPECT:
            if self.checks_expectations:
                self._expect(*self.trace.expects[args[0]], line)
        elif verb in (FDREAD, FDWRITE):
            writes = int(verb == FDWRITE)
            if self._pair(loop.FD, args[0], args[1], args[1] + args[2], writes) == r.STOPPED:
                self._fail(where, line)
        elif verb in (EVICT, REFERENCED):
            self._probe(verb, args, where, line)
        else:
            self._change(verb, args, where, line)

    def _change(self, verb: int, args: list[int], where: str, line: int) -> None:
        start, end = args[1], args[1] + args[2]
        before = outside_reclaim(self.m) if self.m.live[r.MEASURE] else None
        copies = verb == MREMAP and self.copies_on_move
        if copies and self._pair(loop.UNSHARE, args[0], start, end) == r.STOPPED:
            self._fail(where, line)
        if self._apply(verb, *args) == r.STOPPED:
            self._fail(where, line)
        if before is not None:
            done = self.log.operations.setdefault(VERB_NAMES[verb], Operation())
            change = outside_reclaim(self.m) - before
            done.counters += change
            done.works.append(int(change[list(RMAP_WORK)].sum()))
        self._drain(always=copies)
        if verb == MLOCK and self._pair(loop.POPULATE, args[0], start, end) == r.STOPPED:
            self._fail(where, line)

    def _look(self, nr: int) -> None:
        """Walk about `nr` mapped frames, changing nothing, and keep the counters of these walks.

        They are kept as the strategy is set up (`as_is`) and, where it can stop early, for a walk
        that does not (`to_the_end`); then the same for frames of files and shm objects alone.
        Lengths are noted for the first only.
        """
        rmap: Any = self.m.rmap
        stops = rmap.field_kinds().get("early_exit") == "bool"
        usual = rmap.early_exit if stops else False
        for kind in ("", "files_"):
            self._looked(f"{kind}as_is", nr, bool(kind))
            self.m.live[r.MEASURE] = 0
            if stops:
                rmap.early_exit = False
                self._looked(f"{kind}to_the_end", nr, bool(kind))
                rmap.early_exit = usual
        self.m.live[r.MEASURE] = 1

    def _looked(self, how: str, nr: int, files: bool) -> None:
        before = counted(self.m)
        self._apply(LOOK, nr, int(files))
        work = self.log.look.setdefault(how, dict.fromkeys(COUNTER_NAMES, 0))
        for name, n in named(counted(self.m) - before).items():
            work[name] += n

    def _drain(self, always: bool = False) -> None:
        """Tell the policy what an event left, and wake kswapd if that, or copies, made it due."""
        if always or self.m.live[r.NR_REMOVALS]:
            self._pair(loop.DRAIN)

    def _probe(self, verb: int, args: list[int], where: str, line: int) -> None:
        # Not a snapshot: that looks at every frame, and a script may probe each of millions.
        before = counted(self.m)
        if self._apply(verb, *args) == r.STOPPED:
            self._fail(where, line)
        self._drain()
        change = dict(zip(COUNTER_NAMES, (counted(self.m) - before).tolist(), strict=True))
        live = self.m.live
        found = {
            "event": VERB_NAMES[verb],
            "mapcount": int(live[r.PROBE_MAPCOUNT]),
            **{name.removeprefix("rmap_"): change[name] for name in PROBED},
            "young": int(live[r.YOUNG]),
        }
        self.log.probes.append(found)

    def _expect(self, name: str, value: str, line: int) -> None:
        got = expected(name, snapshot(self.m), self.log.probes)
        if str(got) != value and got != _number(value):
            raise MachineError(f"{self._place(line)}expect {name} {value}: it is {got}")

    # ---- why it cannot go on ------------------------------------------------------------------

    def _place(self, line: int) -> str:
        path = self.trace.meta.path
        return f"{path}:{line}: " if path and line else (f"{path}: " if path else "")

    def _fail(self, where: str, line: int) -> None:
        live = self.m.live
        error, space, vpn = (int(live[k]) for k in (r.ERROR, r.ERROR_SPACE, r.ERROR_VPN))
        spaces = self.trace.spaces
        who = f"{spaces[space]}:{vpn:#x}" if 0 <= space < len(spaces) else f"page {vpn}"
        name = getattr(type(self.policy), "name", "the policy")
        rmap = type(self.m.rmap).name
        text = {
            r.E_NO_VMA: f"{who} lies in no VMA; map it first, or fix the address",
            r.E_PROTECTION: f"the protection of the VMA at {who} forbids it",
            r.E_SPACE: f"address space {who} does not exist (it has exited, or was never made)",
            r.E_OOM: "out of memory: no frame can be evicted (all are locked, pinned, or without "
            "swap). Give more frames or swap_pages",
            r.E_VICTIM: f"policy '{name}' named a victim that it does not have (frame {vpn}): "
            "not resident, locked, named twice, or more than wanted",
            r.E_MAPPED: f"policy '{name}' named frame {vpn}, which is still mapped, and "
            f"rmap '{rmap}' cannot find its PTEs: unmap them first, by `unmap_one`",
            r.E_WALK: f"rmap '{rmap}' cannot find all PTEs of the frame at {who}, so there is no "
            "walk to probe. Take an exact rmap, or leave the probe out",
        }.get(error, "the machine stopped")
        raise MachineError(f"{self._place(line)}{where}: {text}.")


def _number(text: str) -> int | float | None:
    try:
        return int(text, 0)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None
