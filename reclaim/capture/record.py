"""Recording: run a command under valgrind's lackey and fold its logs while it runs."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reclaim.capture.spool import Spool
from reclaim.errors import TraceError, located
from reclaim.trace.model import Trace, TraceMeta
from reclaim.trace.valgrind.fold import Folder
from reclaim.trace.valgrind.reader import DEFAULT_QUANTUM, assemble
from reclaim.trace.writing import write_trace

OPTIONS = (
    "--tool=lackey",
    "--trace-mem=yes",
    "--basic-counts=no",
    "--trace-syscalls=yes",
    "--trace-children=yes",
    "--vgdb=no",
)
IDLE_SECONDS = 0.003
PROGRESS_SECONDS = 0.25
PATIENCE_SECONDS = 2.0


@dataclass(frozen=True)
class CaptureProgress:
    """How far a recording is: seconds, log bytes read, rows so far, processes seen and running."""

    seconds: float
    log_bytes: int
    rows: int
    processes: int
    running: int


@dataclass(frozen=True)
class CaptureResult:
    """What a recording gave.

    Parameters
    ----------
    trace : Trace
        The trace, as it was written.
    exit_code : int or None
        Of the command; negative: the signal that ended it; None where it was stopped.
    stopped : str
        Why the recording ended before the command did: "interrupted", "disk full" or "".
    seconds : float
        How long it took.
    log_bytes : int
        Text that valgrind wrote.
    """

    trace: Trace
    exit_code: int | None
    stopped: str
    seconds: float
    log_bytes: int


def capture(
    command: Sequence[str],
    out: str | Path,
    *,
    fold_window: int = 1,
    quantum: int = DEFAULT_QUANTUM,
    compression: str = "none",
    extra: dict[str, Any] | None = None,
    progress: Callable[[CaptureProgress], None] | None = None,
) -> CaptureResult:
    """Record the page trace of a command and its children, and write it.

    Ctrl-C (KeyboardInterrupt) ends the recording: its processes are ended, and what was recorded is
    written.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    out : str or Path
        The trace file to write; see `write_trace`.
    fold_window : int
        Fold touches of the last so many distinct pages of a process into their rows.
    quantum : int
        Rows of a process before the next one runs, in the one order that is made of all.
    compression : {"none", "zstd"}
        Of the trace file.
    extra : dict, optional
        Kept in the metadata, such as the version of the program.
    progress : callable, optional
        Called a few times a second.

    Returns
    -------
    CaptureResult
        The trace, and how the command ended.

    Raises
    ------
    TraceError
        If valgrind or the command is missing, or nothing was recorded.
    """
    valgrind = _check(command, Path(out))
    # Compiled now: a forked child execs within milliseconds, and its log must be open by then.
    Folder(fold_window).fold(np.frombuffer(b"I  00001000,1\n", np.uint8), 0)
    start = time.monotonic()
    with Spool(fold_window) as spool:
        arguments = [valgrind, *OPTIONS, f"--log-file={spool.pattern}", *command]
        with _interruptible(), subprocess.Popen(arguments) as process:
            stopped = _follow(spool, process, start, progress)
        exit_code = None if stopped else process.returncode
        logs = [log for log in spool.logs if log.pid]
        if not logs:
            raise TraceError(
                f"valgrind recorded nothing of '{shlex.join(command)}' (exit code {exit_code})."
            )
        notes = dict(extra or {})
        notes |= {"stopped": stopped} if stopped else {"exit_code": exit_code}
        if spool.nr_cut_by_exec:
            notes["logs_cut_by_exec"] = spool.nr_cut_by_exec
        meta = TraceMeta(source="capture", command=shlex.join(command), path=str(out), extra=notes)
        trace = assemble(logs, quantum, meta, str(Path.cwd()))
        write_trace(trace, out, compression)
        return CaptureResult(trace, exit_code, stopped, time.monotonic() - start, spool.nr_bytes)


def _check(command: Sequence[str], out: Path) -> str:
    """Return valgrind's path, having checked what can be checked before anything runs."""
    if not command:
        raise TraceError("capture needs a command: reclaim capture -o FILE -- COMMAND ARGS...")
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise TraceError(
            "capture needs valgrind, which is not installed. On Debian and Ubuntu: "
            "apt install valgrind"
        )
    if shutil.which(command[0]) is None:
        raise TraceError(f"there is no command '{command[0]}' to record.")
    if not out.parent.is_dir():
        raise TraceError(located(out, None, f"there is no folder {out.parent} to write it to."))
    return valgrind


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end a recording as Ctrl-C does: its processes would otherwise run on."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _follow(
    spool: Spool,
    process: subprocess.Popen[bytes],
    start: float,
    progress: Callable[[CaptureProgress], None] | None,
) -> str:
    """Read logs until all processes have ended; return why it stopped before that, or ""."""
    stopped = ""
    try:
        due = 0.0
        while process.poll() is None or spool.pids():
            if not spool.read():
                time.sleep(IDLE_SECONDS)
            now = time.monotonic()
            if now >= due:
                due = now + PROGRESS_SECONDS
                if progress:
                    progress(_progress(spool, now - start))
                if spool.is_full():
                    stopped = "disk full"
                    break
    except KeyboardInterrupt:
        stopped = "interrupted"
    ended = spool.running() if stopped else []
    if stopped:
        _end_processes(spool, process)
    # The last log may have appeared after the last look.
    while spool.read() or spool.pids():
        pass
    for log in ended:
        # Its process did not exit: the recording left it.
        if not log.exited:
            log.cut = log.cut or stopped
    return stopped


def _progress(spool: Spool, seconds: float) -> CaptureProgress:
    rows = sum(log.folder.nr_rows for log in spool.logs)
    processes = len({log.pid for log in spool.logs})
    return CaptureProgress(seconds, spool.nr_bytes, rows, processes, len(spool.pids()))


def _end_processes(spool: Spool, process: subprocess.Popen[bytes]) -> None:
    """End every recorded process: kindly, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        # A process that forks meanwhile leaves a child, whose log then appears.
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and (spool.pids() or process.poll() is None):
            for pid in {*spool.pids(), process.pid}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            while spool.read():
                pass
            process.poll()
            time.sleep(0.05)
