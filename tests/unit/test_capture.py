"""Does a recording hold what the program did, and does it end well however it ends?"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reclaim.capture import CaptureProgress, capture
from reclaim.capture.spool import Spool
from reclaim.errors import TraceError
from reclaim.trace import events as ev
from reclaim.trace import open_trace

# A subshell is a fork without exec; the pipe's right side and `true` exec.
SHELL = "x=1; ( x=2; : $x ); /bin/true; : | cat; exec /bin/true"


def test_a_shell_with_children(tmp_path: Path, valgrind: str) -> None:
    seen: list[CaptureProgress] = []
    out = tmp_path / "t.arrow"
    result = capture(["sh", "-c", SHELL], out, fold_window=16, progress=seen.append)
    trace = open_trace(out)
    assert (result.exit_code, result.stopped) == (0, "")
    assert trace.content_hash() == result.trace.content_hash()
    verbs = trace.events["verb"].tolist()
    assert verbs.count(ev.FORK) >= 2
    assert verbs.count(ev.EXEC) >= 1
    assert verbs.count(ev.EXIT) == len(trace.spaces) >= 4
    assert "/lib/x86_64-linux-gnu/libc.so.6" in trace.files or trace.files
    assert trace.meta.command == f"sh -c '{SHELL}'"
    assert trace.meta.tool.startswith("valgrind-3")
    assert "round-robin" in trace.meta.interleaving
    assert (trace.meta.fold_window, trace.meta.extra) == (16, {"exit_code": 0})
    assert {vma.reason for vma in trace.meta.implicit_vmas} >= {"image", "ld.so", "stack"}
    assert seen
    assert seen[-1].log_bytes <= result.log_bytes


def test_the_exit_code_is_told(tmp_path: Path, valgrind: str) -> None:
    assert capture(["sh", "-c", "exit 3"], tmp_path / "t.arrow").exit_code == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_recorded(
    tmp_path: Path, valgrind: str, number: signal.Signals
) -> None:
    out = tmp_path / "t.arrow"
    code = (
        # A test run in the background may have been started with interrupts ignored.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from reclaim.capture import capture\n"
        "spin = 'while :; do :; done'\n"
        f"r = capture(['sh', '-c', f'( {{spin}} ) & {{spin}}'], {str(out)!r}, fold_window=4)\n"
        "print(r.stopped, r.trace.nr_rows)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    )
    time.sleep(6)
    os.kill(process.pid, number)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    stopped, rows = output.split()
    assert stopped == b"interrupted"
    trace = open_trace(out)
    assert trace.nr_rows == int(rows) > 1000
    assert trace.meta.extra["stopped"] == "interrupted"
    assert ev.EXIT not in trace.events["verb"].tolist()


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TraceError, match="apt install valgrind"):
        capture(["true"], tmp_path / "t.arrow")
    (tmp_path / "valgrind").write_text("#!/bin/sh\n")
    (tmp_path / "valgrind").chmod(0o755)
    with pytest.raises(TraceError, match="there is no command 'no-such-program'"):
        capture(["no-such-program"], tmp_path / "t.arrow")
    with pytest.raises(TraceError, match="there is no folder"):
        capture(["valgrind"], tmp_path / "gone" / "t.arrow")
    # What ran was not valgrind, or died before its first line.
    with pytest.raises(TraceError, match="recorded nothing"):
        capture(["valgrind"], tmp_path / "t.arrow")


def write_slowly(spool: Spool, pid: int, text: bytes) -> None:
    with Path(spool.pattern.replace("%p", str(pid))).open("ab") as log:
        log.write(text)


def test_read_text_takes_no_space(tmp_path: Path) -> None:
    with Spool(1) as spool:
        path = Path(spool.pattern.replace("%p", str(os.getpid())))
        log = path.open("wb", buffering=0)
        log.write(b"==%d== Lackey, an example Valgrind tool\n" % os.getpid())
        spool.read()
        assert not path.exists()
        for page in range(2000):
            log.write(b"I  %08x,4\n" % (page << 12) * 100)
            spool.read()
        kept = os.fstat(log.fileno()).st_blocks * 512
        assert spool.nr_bytes > 2_000_000
        assert kept < 200_000
        assert spool.logs[0].folder.nr_rows == 2000
        log.close()
    assert not spool.folder.exists()


def test_an_exec_replaces_the_log_but_not_what_was_read(tmp_path: Path) -> None:
    first = b"==%d== Lackey, an example Valgrind tool\nI  00001000,4\n" % os.getpid()
    with Spool(1) as spool:
        write_slowly(spool, os.getpid(), first + b"SYSCALL[%d,1](59) sys_execve ( " % os.getpid())
        spool.read()
        write_slowly(spool, os.getpid(), first)
        spool.read()
        spool.read()
        assert len(spool.logs) == 2
        assert spool.logs[0].execs
        assert spool.logs[0].closed
        assert [log.folder.nr_rows for log in spool.logs] == [1, 1]
        assert spool.pids() == [os.getpid()]
