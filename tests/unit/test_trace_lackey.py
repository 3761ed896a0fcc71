"""Lackey's text becomes rows, events and one order; what it cannot tell is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reclaim.errors import TraceError
from reclaim.trace import Trace, open_trace
from reclaim.trace import events as ev
from reclaim.trace.header import event_lists
from reclaim.trace.valgrind.log import Log
from tests.unit.lackey_text import W, log_text


def trace_of(tmp_path: Path, *logs: str, **options: object) -> Trace:
    for text in logs:
        pid = text.split("==")[1]
        (tmp_path / f"log.{pid}").write_text(text)
    return open_trace(tmp_path, **options)


def shown(trace: Trace) -> list[str]:
    return [" ".join(str(word) for word in row[:-1]) for row in event_lists(trace.events)]


EXIT = "$ (231) exit_group( 0 ) --> [pre-success] Success(0x0)"


def test_unknown_pages_become_implicit_mappings(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, log_text(7, f"X1 R2 R9\nR500\n{EXIT}"))
    assert shown(trace) == ["0 mmap 0 1 9 -1 0 7", "0 mmap 0 500 1 -1 0 7", "4 exit 0"]
    assert trace.spaces == ("0:prog",)
    assert [tuple(v)[:3] for v in trace.meta.implicit_vmas] == [(0, 1, 9), (0, 500, 1)]
    assert (trace.meta.command, trace.meta.tool) == ("/bin/prog a", "valgrind-3.19.0 lackey")


MEMORY = """
    X1
    $ (12) sys_brk ( 0x0 ) --> [pre-success] Success(0x100000)
    $ (12) sys_brk ( 0x102800 ) --> [pre-success] Success(0x102800)
    W256
    $ (12) sys_brk ( 0x101000 ) --> [pre-success] Success(0x101000)
    $ (9) sys_mmap ( 0x0, 8193, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x200000)
    $ (10) sys_mprotect ( 0x201000, 4096, 1 )[sync] --> Success(0x0)
    $ (25) sys_mremap ( 0x200000, 12288, 20480, 0x1 ) --> [pre-success] Success(0x300000)
    $ (28) sys_madvise ( 0x300000, 4096, 4 ) --> [async] ...
    $ (28) ... [async] --> Success(0x0)
    $ (28) sys_madvise ( 0x300000, 4096, 3 )[sync] --> Success(0x0)
    $ (149) sys_mlock ( 0x300000, 1 )[sync] --> Success(0x0)
    $ (150) sys_munlock ( 0x300000, 1 )[sync] --> Success(0x0)
    $ (11) sys_munmap ( 0x300000, 4096 )[sync] --> Success(0x0)
    $ (11) sys_munmap ( 0x900000, 4096 )[sync] --> Failure(0x16)
    R769
"""


def test_memory_calls_become_events(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, log_text(7, MEMORY + EXIT))
    assert shown(trace) == [
        "0 mmap 0 1 1 -1 0 7",
        "1 mmap 0 256 3 -1 0 3",
        "2 munmap 0 257 2",
        "2 mmap 0 512 3 -1 0 3",
        "2 mprotect 0 513 1 1",
        "2 mremap 0 512 3 768",
        "2 mmap 0 771 2 -1 0 3",
        "2 madvise 0 768 1 0",
        "2 mlock 0 768 1",
        "2 munlock 0 768 1",
        "2 munmap 0 768 1",
        "3 exit 0",
    ]


FILES = """
    X1
    $ (80) sys_chdir ( 0x1(/data) )[sync] --> Success(0x0)
    $ (257) sys_openat ( 4294967196, 0x1(a, (b).txt), 0 ) --> [async] ...
    $ (257) ... [async] --> Success(0x4)
    $ (257) sys_openat ( 4294967196, 0x1(/none), 0 ) --> [async] ...
    $ (257) ... [async] --> Failure(0x2)
    $ (9) sys_mmap ( 0x0, 4096, 1, 2, 4, 8192 ) --> [pre-success] Success(0x200000)
    $ (0) sys_read ( 4, 0x1, 9000 ) --> [async] ...
    $ (0) ... [async] --> Success(0x1388)
    $ (32) sys_dup ( 4 )[sync] --> Success(0x5)
    $ (3) sys_close ( 4 )[sync] --> Success(0x0)
    $ (0) sys_read ( 5, 0x1, 5000 )[sync] --> Success(0x1388)
    $ (0) sys_read ( 4, 0x1, 5000 )[sync] --> Success(0x1388)
    $ (8) sys_lseek ( 5, 100, 0 )[sync] --> Success(0x64)
    $ (0) sys_read ( 5, 0x1, 1 )[sync] --> Success(0x1)
    $ (17) sys_pread64 ( 5, 0x1, 50, 12280 )[sync] --> Success(0x32)
    $ (257) sys_openat ( 4294967196, 0x1(/out), 578, 384 )[sync] --> Success(0x4)
    $ (1) sys_write ( 4, 0x1, 5 )[sync] --> Success(0x5)
    $ (72) sys_fcntl[ARG3=='arg'] ( 4, 1030, 10 )[sync] --> Success(0xa)
    $ (77) sys_ftruncate ( 10, 4097 )[sync] --> Success(0x0)
    $ (82) sys_rename ( 0x1(/out), 0x2(/new) )[sync] --> Success(0x0)
    $ (257) sys_openat ( 4294967196, 0x1(/new), 0 )[sync] --> Success(0x6)
    $ (0) sys_read ( 6, 0x1, 5 )[sync] --> Success(0x5)
    $ (257) sys_openat ( 4294967196, 0x1(/dev/null), 0 )[sync] --> Success(0x7)
    $ (0) sys_read ( 7, 0x1, 5 )[sync] --> Success(0x5)
    $ (257) sys_openat ( 4294967196, 0x1(/dev/shm/s), 0 )[sync] --> Success(0x8)
    $ (9) sys_mmap ( 0x0, 4096, 3, 1, 8, 0 ) --> [pre-success] Success(0x300000)
    $ (9) sys_mmap ( 0x0, 4096, 3, 33, 4294967295, 0 ) --> [pre-success] Success(0x400000)
    W768
"""


def test_files_keep_their_names_and_offsets(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, log_text(7, FILES + EXIT))
    assert trace.files == ("/data/a, (b).txt", "/out", "/dev/shm/s", "anon-shared")
    assert trace.file_is_shm == (False, False, True, True)
    assert shown(trace) == [
        "0 mmap 0 1 1 -1 0 7",
        "1 mmap 0 512 1 0 2 1",
        "1 fdread 0 0 2",
        "1 fdread 0 1 2",
        "1 fdread 0 0 1",
        "1 fdread 0 2 2",
        "1 truncate 1 0",
        "1 fdwrite 1 0 1",
        "1 truncate 1 2",
        "1 fdread 1 0 1",
        "1 mmap 0 768 1 2 0 11",
        "1 mmap 0 1024 1 3 0 11",
        "2 exit 0",
    ]


def test_events_close_rows(tmp_path: Path) -> None:
    body = """
        W1 W2
        $ (56) sys_clone ( 3d0f00, 0x1 ) --> [pre-success] Success(0x9) I  00001000,3
        W1 W2
        $ (11) sys_munmap ( 0x900000, 4096 )[sync] --> Success(0x0)
        W1
    """
    trace = trace_of(tmp_path, log_text(7, body + EXIT), fold_window=4)
    # A new thread is no event; its first access stands behind the clone.
    rows = list(zip(trace.vpn.tolist(), trace.nr.tolist(), strict=True))
    assert rows == [(1, 2), (2, 1), (1, 1), (2, 1), (1, 1)]


FORK = "$ (57) sys_fork ( )   fork: process 7 created child 8\n--> [pre-success] Success(0x8)"
VFORK = "$ (58) sys_fork ( )   fork: process 7 created child 8\n--> [pre-success] Success(0x8)"
WAIT = (
    "$ (61) sys_wait4 ( 4294967295, 0x1, 0, 0x0 ) --> [async] ...\n"
    "$ (61) ... [async] --> Success(0x8)"
)
BORN = "--> [pre-success] Success(0x0)"


def test_fork_shares_what_the_parent_had(tmp_path: Path) -> None:
    parent = log_text(7, f"W1 W2\n{FORK}\nR1 R2\n{WAIT}\nR1\n{EXIT}")
    child = log_text(8, f"{BORN}\nW1 W3\n{EXIT}", parent=7)
    trace = trace_of(tmp_path, parent, child)
    # Page 3, which only the child touches, is part of the image that both run.
    assert shown(trace) == ["0 mmap 0 1 3 -1 0 7", "2 fork 0 1", "6 exit 1", "7 exit 0"]
    assert trace.asid.tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert trace.vpn.tolist() == [1, 2, 1, 2, 1, 3, 1]
    assert "round-robin, 1000 rows" in trace.meta.interleaving


def test_turns(tmp_path: Path) -> None:
    parent = log_text(7, f"W1\n{FORK}\nR1 R2 R1 R2 R1\n{EXIT}")
    child = log_text(8, f"{BORN}\nW3 W4 W3 W4\n{EXIT}", parent=7)
    trace = trace_of(tmp_path, parent, child, quantum=2)
    assert trace.asid.tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0, 0]


def test_a_vfork_child_shares_until_exec(tmp_path: Path) -> None:
    parent = log_text(7, f"W1\n{VFORK}\nR1\n{WAIT}\nW1\n{EXIT}")
    before = log_text(8, f"{BORN}\nW2", parent=7).removesuffix("==8== \n")
    before += "SYSCALL[8,1](59) sys_execve ( 0x1(/bin/next), 0x2, 0x3 )"
    after = log_text(8, f"X1\n{EXIT}", parent=7, command="/bin/next")
    logs = [Log("a"), Log("b"), Log("c")]
    for log, text in zip(logs, (parent, before, after), strict=True):
        log.feed(text.encode())
        log.finish()
    assert [log.cut for log in logs] == ["", "", ""]
    assert [log.execs for log in logs] == [False, True, False]
    from reclaim.trace.model import TraceMeta
    from reclaim.trace.valgrind.reader import assemble

    trace = assemble(logs, 1000, TraceMeta())
    # The child's touch before exec is one of the parent's space; the parent goes on after exec.
    assert trace.asid.tolist() == [0, 0, 1, 0, 0]
    assert trace.vpn.tolist() == [1, 2, 1, 1, 1]
    assert trace.spaces == ("0:prog", "1:next")
    assert shown(trace) == ["0 mmap 0 1 2 -1 0 7", "2 mmap 1 1 1 -1 0 7", "3 exit 1", "5 exit 0"]


def test_a_log_that_exec_began_anew_is_a_fork_and_an_exec(tmp_path: Path) -> None:
    parent = log_text(7, f"W1\n{FORK}\n{WAIT}\n{EXIT}")
    child = log_text(8, f"X1\n{EXIT}", parent=7, command="/bin/next")
    trace = trace_of(tmp_path, parent, child)
    assert shown(trace) == [
        "0 mmap 0 1 1 -1 0 7",
        "1 fork 0 1",
        "1 exec 1",
        "1 mmap 1 1 1 -1 0 7",
        "2 exit 1",
        "2 exit 0",
    ]


def test_a_wait_that_a_signal_hid(tmp_path: Path) -> None:
    hidden = (
        "$ (61) sys_wait4 ( 4294967295, 0x1, 0, 0x0 ) --> [async] ...\n"
        "$ (15) sys_rt_sigreturn ( ) --> [pre-success] NoWriteResult\n"
        "$ (61) sys_wait4 ( 4294967295, 0x1, 1, 0x0 )[sync] --> Failure(0xa)"
    )
    parent = log_text(7, f"W1\n{FORK}\n{hidden}\nR1\n{EXIT}")
    child = log_text(8, f"{BORN}\nW1 W3\n{EXIT}", parent=7)
    assert trace_of(tmp_path, parent, child).asid.tolist() == [0, 1, 1, 0]


def test_a_page_that_came_back_unseen_is_mapped_at_its_touch(tmp_path: Path) -> None:
    body = "W1\n$ (11) sys_munmap ( 0x1000, 4096 )[sync] --> Success(0x0)\nR1"
    trace = trace_of(tmp_path, log_text(7, f"{body}\n{EXIT}"))
    assert shown(trace) == [
        "0 mmap 0 1 1 -1 0 7",
        "1 munmap 0 1 1",
        "1 mmap 0 1 1 -1 0 7",
        "2 exit 0",
    ]
    assert trace.meta.implicit_vmas[0].reason == "mapped unseen"


def test_touches_that_a_mapping_forbids_are_left_out(tmp_path: Path) -> None:
    body = (
        "$ (9) sys_mmap ( 0x0, 1, 1, 34, 4294967295, 0 ) --> [pre-success] Success(0x5000)\nW5 R5"
    )
    trace = trace_of(tmp_path, log_text(7, f"X1\n{body}\n{EXIT}"))
    assert trace.vpn.tolist() == [1]
    assert trace.meta.extra["denied_rows_dropped"] == 1


def test_cut_logs(tmp_path: Path) -> None:
    whole = log_text(7, f"W1 W2\n{MEMORY}{EXIT}")
    path = tmp_path / "log.7"
    for cut in (len(whole) - 9, len(whole) // 2, len(whole) - 100):
        path.write_text(whole[:cut])
        with pytest.raises(TraceError, match=r"the log is cut: .*--partial") as caught:
            open_trace(path)
        assert "\n" not in str(caught.value)
        assert open_trace(path, partial=True).nr_rows >= 2
        assert "exit" not in str(shown(open_trace(path, partial=True)))
    assert open_trace(path, partial=True).meta.extra["cut_logs"] == 1


def test_mixed_processes_are_refused(tmp_path: Path) -> None:
    mixed = log_text(7, f"W1\n{FORK}") + "SYSCALL[8,1](231) exit_group( 0 )\n"
    (tmp_path / "log").write_text(mixed)
    with pytest.raises(TraceError, match=r":\d+: lines of processes 7 and 8 are mixed.*log-file"):
        open_trace(tmp_path / "log")


def test_one_stream_follows_exec(tmp_path: Path) -> None:
    first = log_text(7, "W1").removesuffix("==7== \n")
    (tmp_path / "log").write_text(first + log_text(7, f"X9\n{EXIT}", command="/bin/next"))
    trace = open_trace(tmp_path / "log")
    assert shown(trace) == ["0 mmap 0 1 1 -1 0 7", "1 exec 0", "1 mmap 0 9 1 -1 0 7", "2 exit 0"]


def test_other_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Hello\n")
    with pytest.raises(TraceError, match=":1: not a log of valgrind's lackey"):
        open_trace(tmp_path / "log", reader="lackey")
    with pytest.raises(TraceError, match="no log of valgrind's lackey is here"):
        open_trace(tmp_path)


def test_chunks_change_nothing(tmp_path: Path) -> None:
    data = log_text(7, f"W1 W2\n{MEMORY}{FILES}{EXIT}").encode()
    whole, pieces = Log("a"), Log("b")
    whole.feed(data)
    for start in range(0, len(data), 7):
        pieces.feed(data[start : start + 7])
    for log in (whole, pieces):
        log.finish()
    assert whole.calls == pieces.calls
    for left, right in zip(whole.rows(), pieces.rows(), strict=True):
        assert left.tolist() == right.tolist()


def test_verbs_have_numbers() -> None:
    assert len(ev.VERB_NAMES) == len(ev.VERB_ARGS) == ev.EXPECT + 1


def test_a_real_log() -> None:
    folder = Path(__file__).parents[1] / "fixtures" / "lackey"
    trace = open_trace(folder)
    assert trace.spaces == ("0:forker", "1:forker")
    assert trace.files == ("forker.c",)
    assert trace.meta.command == "./forker"
    verbs = [row.split(" ", 1)[1] for row in shown(trace)]
    # The stack and the image are the implicit ones.
    assert verbs == [
        "mmap 0 1025 1 -1 0 7",
        "mmap 0 33550336 1 -1 0 7",
        "mmap 0 18432 32 -1 0 3",
        "mmap 0 18464 1 0 0 9",
        "fdread 0 0 1",
        "fork 0 1",
        "munmap 1 18448 4",
        "exit 1",
        "mprotect 0 18432 1 1",
        "exit 0",
    ]
    child_writes = np.unique(trace.vpn[(trace.asid == 1) & (trace.op == W)])
    assert [page for page in child_writes.tolist() if page < 20000] == list(range(18432, 18440))
