"""Lackey logs on disk as a trace: one log, or the logs of all processes of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reclaim.errors import TraceError, located
from reclaim.trace.inputs import read_chunks, read_head
from reclaim.trace.model import Trace, TraceMeta
from reclaim.trace.valgrind.interleave import Interleave, rule
from reclaim.trace.valgrind.log import TOOL_LINE, Log, check_complete
from reclaim.trace.valgrind.replay import Replay

DEFAULT_QUANTUM = 1000


def looks_like_lackey(head: bytes) -> bool:
    """Return whether a log begins as lackey's do."""
    return TOOL_LINE.encode() in head


def read_lackey(
    path: str | Path,
    partial: bool = False,
    fold_window: int = 1,
    quantum: int = DEFAULT_QUANTUM,
) -> Trace:
    """Return the trace of lackey logs.

    Parameters
    ----------
    path : str or Path
        One log; or a folder, or a name with ``%p`` in place of the pid, for the logs of several
        processes. ``.gz`` and ``.zst`` are read too.
    partial : bool
        Accept logs that are cut off, up to the cut.
    fold_window : int
        Fold touches of the last so many distinct pages of a process into their rows.
    quantum : int
        Rows of a process before the next one runs.

    Raises
    ------
    TraceError
        No logs, no lackey log, processes mixed in one log, or a log that is cut off.
    """
    logs: list[Log] = []
    for file in _files(Path(path)):
        logs += read_log(file, fold_window)
    if not partial:
        for log in logs:
            check_complete(log)
    meta = TraceMeta(source="lackey", path=str(path))
    return assemble([log for log in logs if log.pid], quantum, meta)


def read_log(path: Path, fold_window: int) -> list[Log]:
    """Return the process images of one file, in order."""
    logs = [Log(str(path), fold_window)]
    for chunk in read_chunks(path):
        rest: bytes | None = chunk
        while rest is not None:
            rest = logs[-1].feed(rest)
            if rest is not None:
                logs.append(Log(str(path), fold_window))
    logs[-1].finish()
    return logs


def assemble(logs: list[Log], quantum: int, meta: TraceMeta, cwd: str = "") -> Trace:
    """Return the trace of the logs of one recording.

    Parameters
    ----------
    logs : list of Log
        Finished logs, in order of the processes' creation where that is known.
    quantum : int
        Rows of a process before the next one runs.
    meta : TraceMeta
        Source and path; the rest is filled in here.
    cwd : str
        Where the command ran.
    """
    if not logs:
        raise TraceError(located(meta.path, None, "holds no log of valgrind's lackey."))
    scheduler = Interleave(logs, quantum, cwd)
    replay = scheduler.run()
    events = replay.events()
    extra = dict(meta.extra)
    counts = {
        "cut_logs": sum(bool(log.cut) for log in logs),
        "children_without_log": scheduler.nr_missing,
        "denied_rows_dropped": replay.nr_denied,
        "unmappable_touches_dropped": sum(log.folder.nr_dropped for log in logs),
        "logs_without_syscalls": sum(not (log.has_syscalls or log.forked) for log in logs),
    }
    extra |= {name: count for name, count in counts.items() if count}
    values: dict[str, Any] = dict(vars(meta)) | {
        "command": meta.command or logs[0].command,
        "tool": meta.tool or f"{logs[0].version} lackey",
        "interleaving": rule(quantum) if len(logs) > 1 else "",
        "fold_window": logs[0].fold_window,
        "implicit_vmas": tuple(replay.implicit),
        "extra": extra,
    }
    return _trace(replay, events, TraceMeta(**values))


def _trace(replay: Replay, events: npt.NDArray[np.void], meta: TraceMeta) -> Trace:
    segments = replay.segments
    return Trace(
        asid=_join([np.full(len(s.vpn), s.space, np.int32) for s in segments], np.int32),
        vpn=_join([s.vpn for s in segments], np.int64),
        op=_join([s.op for s in segments], np.uint8),
        nr=_join([s.nr for s in segments], np.int32),
        events=events,
        spaces=tuple(replay.space_names),
        files=tuple(replay.names.files),
        file_is_shm=tuple(replay.names.is_shm),
        meta=meta,
    )


def _join(parts: list[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _files(path: Path) -> Iterator[Path]:
    """Yield the logs of a recording, by pid as far as names tell."""
    if "%p" in path.name:
        found = [f for f in path.parent.glob(path.name.replace("%p", "*")) if f.is_file()]
    elif path.is_dir():
        found = [f for f in path.iterdir() if f.is_file() and looks_like_lackey(read_head(f))]
    else:
        found = [path]
    if not found:
        raise TraceError(located(path, None, "no log of valgrind's lackey is here."))
    yield from sorted(found, key=_pid_of)


def _pid_of(path: Path) -> tuple[int, str]:
    digits = "".join(c if c.isdigit() else " " for c in path.name).split()
    return (int(digits[-1]) if digits else 0), path.name
