"""One run: a resolved choice of plugins and sizes becomes a machine, and the machine a record.

The only place where configuration meets the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.contract.policy import AGE_EVERY, SAMPLE_EVERY, SAMPLE_JITTER
from reclaim.engine import loop
from reclaim.engine.bind import bind
from reclaim.engine.drive import Driver, Log
from reclaim.engine.resolve import Resolved, file_kinds, resolve
from reclaim.engine.snapshot import (
    Snapshot,
    decisions,
    digest,
    distributions,
    named,
    quantiles,
    snapshot,
)
from reclaim.errors import ConfigError, MachineError
from reclaim.metrics.derived import derive
from reclaim.metrics.warnings import warnings_of
from reclaim.plugin.pairs import check_pairs
from reclaim.trace.model import Trace
from reclaim.vm.evict import Looker, Referencer, Unmapper
from reclaim.vm.invariants import broken
from reclaim.vm.machine import Machine, new_machine
from reclaim.vm.ticks import next_sample, set_tick

Progress = Callable[[int, int], None]

LOOKS = 8
"""Epochs of a measured run, unless it has more."""

_PRESSURES = {"exact": r.EXACT, "limit": r.LIMIT, "watermarks": r.WATERMARKS}


@dataclass(frozen=True)
class PluginChoice:
    """A plugin's class, values for its parameters, and the preset that gave them, if one did.

    Parameters that are not named have their defaults.
    """

    cls: type[Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    preset: str | None = None

    @property
    def label(self) -> str:
        """What a user calls it: the preset's name, or the plugin's."""
        return self.preset or str(self.cls.name)

    def all_params(self) -> dict[str, Any]:
        """Return every parameter's value."""
        return {name: p.default for name, p in self.cls.params.items()} | dict(self.params)


@dataclass(frozen=True)
class RunSpec:
    """Everything that names a run beside its trace.

    Attributes
    ----------
    policy, rmap : PluginChoice
        Who is evicted, and how the machine finds PTEs.
    frames : int or str
        Frames of memory, or "25%" of the trace's peak live set (at least one frame).
    pressure : str
        "exact", "limit" or "watermarks".
    min, low, high : int or None
        Watermarks in free frames; by default about 1, 2 and 4 % of the frames.
    kswapd_every, writeback_accesses : int
        In accesses; `watermarks` only.
    swap_pages : int or None
        Swap slots; None: without limit.
    fork_copies : str
        "anon" or "all": which page tables fork copies.
    seed : int
        Of everything random.
    layout : str
        "32-bit" or "64-bit": sizes that `rmap_bytes` counts.
    check : bool
        Check every invariant at the end.
    epochs : int
        Snapshots to take along the way.
    measure : int
        Not 0: distributions of walks, faults and events are gathered, and at the end of each epoch
        (of at least 8) this many mapped frames are walked, without changing them, to see what walks
        cost then.
    """

    policy: PluginChoice
    rmap: PluginChoice
    frames: int | str
    pressure: str = "exact"
    min: int | None = None
    low: int | None = None
    high: int | None = None
    kswapd_every: int = 32
    writeback_accesses: int = 0
    swap_pages: int | None = None
    fork_copies: str = "anon"
    seed: int = 0
    layout: str = "64-bit"
    check: bool = False
    epochs: int = 0
    measure: int = 0


def frames_of(frames: int | str, peak_live: int) -> int:
    """Return a number of frames, a percentage being of the peak live set, rounded down.

    Raises
    ------
    ConfigError
        Neither a positive number nor a percentage.
    """
    if isinstance(frames, str):
        return max(1, int(peak_live * float(frames.rstrip("%")) / 100))
    if frames < 1:
        raise ConfigError(f"frames: at least 1 is needed, not {frames}.")
    return frames


def watermarks_of(spec: RunSpec, nr_frames: int) -> tuple[int, int, int]:
    """Return min, low and high in free frames.

    Raises
    ------
    ConfigError
        They are not in order, or leave no memory.
    """
    low_mark = spec.min if spec.min is not None else max(1, nr_frames // 100)
    low = spec.low if spec.low is not None else max(low_mark + 1, nr_frames // 50)
    high = spec.high if spec.high is not None else max(low + 1, nr_frames // 25)
    if not 0 <= low_mark < low < high < nr_frames:
        raise ConfigError(
            f"pressure: watermarks need 0 <= min < low < high < frames, not {low_mark}, {low}, "
            f"{high} with {nr_frames} frames. Give more frames, or smaller marks."
        )
    return low_mark, low, high


def build(trace: Trace, spec: RunSpec, resolved: Resolved) -> tuple[Machine, Any]:
    """Make the machine and the policy of a run, empty."""
    nr_frames = frames_of(spec.frames, resolved.peak_live)
    policy_class = spec.policy.cls
    m = new_machine(
        nr_frames=nr_frames,
        nr_lists=policy_class.nr_lists,
        nr_pages=resolved.nr_pages,
        nr_spaces=len(trace.spaces),
        file_kinds=file_kinds(trace),
        rmap=spec.rmap.cls.new(**spec.rmap.all_params()),
        referencer=Referencer(),
        unmapper=Unmapper(),
        looker=Looker(),
        seed=spec.seed,
    )
    live = m.live
    live[r.PRESSURE] = _PRESSURES[spec.pressure]
    live[r.MEASURE] = int(spec.measure > 0)
    live[r.FORK_ALL] = int(spec.fork_copies == "all")
    if spec.swap_pages is not None:
        live[r.SLOTS_LIMIT] = spec.swap_pages
    if spec.pressure == "watermarks":
        live[r.MIN], live[r.LOW], live[r.HIGH] = watermarks_of(spec, nr_frames)
        live[r.KSWAPD_EVERY] = spec.kswapd_every
        live[r.WRITEBACK_ACCESSES] = spec.writeback_accesses
    params = spec.policy.all_params()
    _set_ticks(m, policy_class, params)
    return m, policy_class.new(nr_frames, resolved.nr_pages, spec.seed, **params)


def _set_ticks(m: Machine, policy: type[Any], params: Mapping[str, Any]) -> None:
    """Note when the first tick of aging and the first sample are due, for policies with them."""
    live = m.live
    if policy.AGES:
        live[r.AGE_EVERY] = live[r.AGE_DUE] = params[AGE_EVERY] or m.nr_frames
    if policy.SAMPLES:
        live[r.SAMPLE_EVERY] = params[SAMPLE_EVERY]
        live[r.SAMPLE_JITTER] = int(params.get(SAMPLE_JITTER, False))
        live[r.SAMPLE_DUE] = next_sample(m, 0)
    set_tick(m)


def run_one(trace: Trace, spec: RunSpec, progress: Progress | None = None) -> dict[str, Any]:
    """Run a trace on a machine and return the record.

    Parameters
    ----------
    trace : Trace
        What happens.
    spec : RunSpec
        On which machine.
    progress : callable, optional
        Called with the rows done and the rows there are; with none done as soon as the machine is
        compiled.

    Returns
    -------
    dict
        JSON values, as docs/reference/commands.md describes a run.

    Raises
    ------
    MachineError
        The run cannot go on.
    ConfigError
        Sizes that do not fit, or a policy and a strategy that cannot run together.
    PluginError
        A kernel that does not compile.
    """
    check_pairs([spec.policy.cls], [spec.rmap.cls])
    resolved, following = resolve(
        trace, spec.fork_copies, spec.policy.cls.SEES_FUTURE, spec.rmap.cls.copies_on_move
    )
    m, policy = build(trace, spec, resolved)
    m.next_use = following
    span = loop.Span.of(
        np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int32)
    )
    bound = bind(m, policy, span, np.zeros(8, np.int64))
    if progress is not None:
        progress(0, trace.nr_rows)
    driver = Driver(trace, m, policy, bound, span)
    driver.walks = spec.measure
    log = driver.run(max(spec.epochs, LOOKS if spec.measure else 0), progress)
    if spec.check and (problems := broken(m, policy)):
        raise MachineError(f"the machine's state is inconsistent: {'; '.join(problems)}")
    return _record(spec, m, policy, resolved, log, bound.seconds)


def _rmap_bytes(spec: RunSpec, m: Machine, now: Snapshot) -> dict[str, Any]:
    """Return the bytes of the strategy's structures under the spec's layout."""
    rmap: Any = m.rmap
    sizes = rmap.object_bytes(spec.layout)
    objects = {
        when: sum(counts[when] * sizes[kind] for kind, counts in now.objects.items())
        for when in ("live", "peak")
    }
    fixed = rmap.fixed_bytes(spec.layout)
    owners = {"frame": m.nr_frames, "vma": now.vmas, "mm": now.processes}
    return {
        **objects,
        "layout": spec.layout,
        "fixed": sum(nr * fixed.get(owner, 0) for owner, nr in owners.items()),
        "fixed_per": fixed,
    }


def _counts(spec: RunSpec, m: Machine, now: Snapshot) -> dict[str, Any]:
    """Return what both a finished run and a mark say."""
    return {
        "counters": now.counters,
        "phases": now.phases,
        "rmap_objects": now.objects,
        "vmas": now.vmas,
        "page_table_leaves": now.page_table_leaves,
        "processes": now.processes,
        "mapped_ptes": now.mapped_ptes,
        "rmap_bytes": _rmap_bytes(spec, m, now),
    }


def _record(
    spec: RunSpec, m: Machine, policy: Any, resolved: Resolved, log: Log, bind_seconds: float
) -> dict[str, Any]:
    now = snapshot(m)
    rmap: Any = m.rmap
    rmap_bytes = _rmap_bytes(spec, m, now)
    accesses = now.counters["accesses"]
    return {
        "policy": spec.policy.cls.name,
        "policy_params": spec.policy.all_params(),
        "rmap": spec.rmap.cls.name,
        "rmap_preset": spec.rmap.preset,
        "rmap_params": spec.rmap.all_params(),
        "rmap_exact": spec.rmap.cls.exact,
        "frames": m.nr_frames,
        "frames_given": spec.frames,
        "pressure": spec.pressure,
        "seed": spec.seed,
        "trace": asdict(resolved),
        **_counts(spec, m, now),
        "derived": derive(now.counters, frames=m.nr_frames, rmap_bytes_peak=rmap_bytes["peak"]),
        "distributions": distributions(m),
        "operations": {
            verb: {
                "count": len(done.works),
                "rmap_work": quantiles(done.works),
                "counters": named(done.counters),
            }
            for verb, done in log.operations.items()
        },
        "look": {
            how: {**work, "cache_lines": rmap.walk_lines(work)} for how, work in log.look.items()
        },
        "busiest": _counts(spec, m, log.busiest) if log.busiest else None,
        "rmap_sizes": {
            layout: {
                "object": rmap.object_bytes(layout),
                "slab": rmap.slab_bytes(layout),
                "fixed": rmap.fixed_bytes(layout),
            }
            for layout in ("32-bit", "64-bit")
        },
        "marks": {name: _counts(spec, m, shot) for name, shot in log.marks.items()},
        "probes": log.probes,
        "epochs": [
            {"accesses": shot.accesses, "free_frames": shot.free_frames, **shot.counters}
            for shot in log.epochs
        ],
        "seconds": log.seconds,
        "accesses_per_second": accesses / log.seconds if log.seconds else None,
        "bind_seconds": bind_seconds,
        "machine_bytes": m.nbytes() + policy.nbytes(),
        "rmap_array_bytes": rmap.nbytes(),
        "warnings": warnings_of(
            now.counters,
            frames=m.nr_frames,
            policy=spec.policy.cls.name,
            needs=spec.policy.cls.needs,
        ),
        "decisions": decisions(m),
        "digest": digest(m),
    }
