"""One lackey log: the rows and the syscalls of one process image, in their order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reclaim.errors import TraceError, located
from reclaim.trace.valgrind.fold import Folder

TOOL_LINE = "Lackey, an example Valgrind tool"

# Calls that become events, block, or say what a descriptor stands for; the rest is passed over.
_KNOWN = frozenset(
    (
        *("brk", "mmap", "munmap", "mremap", "mprotect", "pkey_mprotect", "madvise"),
        *("mlock", "mlock2", "munlock", "fork", "vfork", "clone", "wait4", "waitid"),
        *("read", "pread64", "readv", "write", "pwrite64", "writev", "sendfile"),
        *("ftruncate", "truncate", "rename", "renameat", "renameat2", "unlink", "unlinkat"),
        *("open", "openat", "creat", "close", "close_range", "memfd_create", "lseek"),
        *("dup", "dup2", "dup3", "fcntl", "chdir", "fchdir"),
    )
)

_WAITS = ("wait4", "waitid")
NO_CHILDREN, NOT_TOLD = -10, -1
"""Results of a wait: every child is gone; a signal came when it returned, and hid which one is."""

_ECHILD = 10
_VFORK_NUMBER = 58  # amd64: valgrind names vfork "fork", with its own number
_CLONE_THREAD = 0x10000

_SYSCALL = re.compile(r"SYSCALL\[(\d+),\s*(\d+)\]\(\s*(\d+)\)\s*(.*)", re.DOTALL)
_CALL = re.compile(r"(?:sys_)?(\w+)(?:\[[^]]*\])?\s*\(\s*(.*)", re.DOTALL)
# A new thread's first access stands behind the clone that made it.
_TAIL = re.compile(r"\) ((?:I | [LSM]) [0-9a-f]+,\d+)$")
_ARG = re.compile(r"\s*(0x[0-9a-fA-F]+|[0-9a-fA-F]+|-\d+)(?:\((.*?)\))?\s*(?:,|\)|$)")
_RESULT = re.compile(r"(Success|Failure)\((0x[0-9a-fA-F]+)\)")
_MESSAGE = re.compile(r"(?:==|--)(\d+)(?:==|--) ?(.*)")


@dataclass(slots=True)
class Call:
    """A syscall that succeeded.

    Parameters
    ----------
    position : int
        Rows of the log before it returned.
    line : int
        Line of the log on which it stands.
    name : str
        Without "sys_".
    args : tuple of int
        As printed; -1 where it was printed as 4294967295.
    paths : tuple of str
        The strings among the arguments.
    result : int
        What it returned; for a wait also NO_CHILDREN and NOT_TOLD.
    """

    position: int
    line: int
    name: str
    args: tuple[int, ...]
    paths: tuple[str, ...]
    result: int


@dataclass
class _Begun:
    name: str
    number: int
    args: str
    line: int


@dataclass
class Log:
    """The log of one process image: from its start, or its fork, to its exec or exit.

    Parameters
    ----------
    path : str
        Where it was read from, for messages.
    fold_window : int
        Distinct pages whose rows stay open.
    """

    path: str
    fold_window: int = 1
    pid: int = 0
    parent: int = 0
    command: str = ""
    version: str = ""
    calls: list[Call] = field(default_factory=list)
    forked: bool = False
    exited: bool = False
    execs: bool = False
    has_syscalls: bool = False
    cut: str = ""

    def __post_init__(self) -> None:
        self.folder = Folder(self.fold_window)
        self.closed = False
        self._rest = b""
        self._begun: dict[int, _Begun] = {}
        self._last_tid = 0
        self._last_message = 0

    def feed(self, chunk: bytes) -> bytes | None:
        """Read more text.

        Returns
        -------
        bytes or None
            Text from the preamble of the next process image on, if this log ends in the middle of
            the chunk (a log on one stream, followed over exec); else None.

        Raises
        ------
        TraceError
            If lines of several processes are mixed, or this is no lackey log.
        """
        data = self._rest + chunk if self._rest else chunk
        array = np.frombuffer(data, np.uint8)
        pos = 0
        while True:
            pos, special = self.folder.fold(array, pos)
            if not special:
                break
            end = data.find(b"\n", pos)
            if end < 0:
                break
            following = self._special(data[pos:end].decode("utf-8", "replace"))
            if following:
                self.finish()
                return data[pos:]
            pos = end + 1
        self._rest = data[pos:]
        return None

    def finish(self) -> None:
        """Take note that no more text follows, and of whether that is a proper end."""
        rest = self._rest.decode("utf-8", "replace")
        self.folder.close()
        rows = self.folder.nr_rows
        if rest.startswith("SYSCALL[") and "sys_execve" in rest:
            self.execs = True
        elif rest:
            self.cut = f"line {self.folder.nr_lines + 1} is cut off"
        elif not (self.execs or (rows and self._last_message == self.folder.nr_lines)):
            self.cut = f"it ends after line {self.folder.nr_lines} without valgrind's last line"
        if not self.pid and not self.cut:
            self.cut = "it has no valgrind preamble"
        self._rest = b""
        self.closed = True

    def rows(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """Return the columns (vpn, op, nr)."""
        return self.folder.rows()

    def _special(self, line: str) -> bool:
        """Read a line that is no access; return whether it begins another process image."""
        if line.startswith(("==", "--")):
            match = _MESSAGE.match(line)
            if match:
                if TOOL_LINE in line and self.pid:
                    self._same_process(int(match[1]))
                    self.execs = True
                    return True
                self._message(int(match[1]), match[2].strip())
        elif line.startswith("SYSCALL["):
            self._syscall(line)
        elif line.startswith(" --> "):
            self._outcome(self._last_tid, line)
        elif line and not self.pid:
            raise TraceError(
                located(self.path, self.folder.nr_lines + 1, "not a log of valgrind's lackey.")
            )
        self.folder.skip_line()
        return False

    def _same_process(self, pid: int) -> None:
        if self.pid and pid != self.pid:
            line = self.folder.nr_lines + 1
            text = (
                f"lines of processes {self.pid} and {pid} are mixed, and accesses do not say whose "
                "they are; record with --trace-children=yes --log-file=DIR/log.%p"
            )
            raise TraceError(located(self.path, line, text + "."))

    def _message(self, pid: int, text: str) -> None:
        self._same_process(pid)
        self.pid = pid
        self._last_message = self.folder.nr_lines + 1
        if text.startswith("Command: ") and not self.command:
            self.command = text.removeprefix("Command: ")
        elif text.startswith("Parent PID: ") and not self.parent:
            self.parent = int(text.removeprefix("Parent PID: "))
        elif text.startswith("Using Valgrind-") and not self.version:
            self.version = text.removeprefix("Using ").split(" and ")[0].lower()

    def _syscall(self, line: str) -> None:
        match = _SYSCALL.match(line)
        if not match:
            return
        self.has_syscalls = True
        self._same_process(int(match[1]))
        tid, number, rest = int(match[2]), int(match[3]), match[4]
        self._last_tid = tid
        if rest.startswith("... "):
            self._outcome(tid, rest)
            return
        called = _CALL.match(rest)
        if not called:
            return
        if (hidden := self._begun.pop(tid, None)) and hidden.name in _WAITS:
            self._keep(hidden, NOT_TOLD)
        name = "vfork" if number == _VFORK_NUMBER and called[1] == "fork" else called[1]
        self._begun[tid] = _Begun(name, number, called[2], self.folder.nr_lines + 1)
        if name in ("exit_group", "exit"):
            self.exited = self.exited or name == "exit_group" or tid == 1
        if "[async] ..." not in rest:
            self._outcome(tid, rest)

    def _outcome(self, tid: int, text: str) -> None:
        """Keep the call that `tid` began, if `text` says that it succeeded."""
        result = None
        for result in _RESULT.finditer(text):  # noqa: B007 - the last one: names may look like it
            pass
        if result is None:
            return
        begun = self._begun.pop(tid, None)
        if begun is None:
            # The first thing in a forked child's log is what fork returned to it.
            if not self.calls and self.folder.nr_rows == 0 and int(result[2], 16) == 0:
                self.forked = True
            return
        value = int(result[2], 16)
        if result[1] == "Success":
            if begun.name in _KNOWN:
                self._keep(begun, value)
            if tail := _TAIL.search(text):
                self.folder.fold(np.frombuffer(f"{tail[1]}\n".encode(), np.uint8), 0)
        elif begun.name in _WAITS and value == _ECHILD:
            self._keep(begun, NO_CHILDREN)

    def _keep(self, begun: _Begun, result: int) -> None:
        args, paths = _arguments(begun.name, begun.args)
        if begun.name == "clone" and args and args[0] & _CLONE_THREAD:
            return
        # Rows do not reach over a call: it may unmap, share or write what they touched.
        self.folder.close()
        position = self.folder.nr_rows
        self.calls.append(Call(position, begun.line, begun.name, args, paths, result))


def _arguments(name: str, text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the numbers and the paths among printed arguments."""
    numbers: list[int] = []
    paths: list[str] = []
    pos = 0
    while match := _ARG.match(text, pos):
        # clone prints its flags in hex without 0x.
        base = 16 if match[1].startswith("0x") or (name == "clone" and not numbers) else 10
        try:
            value = int(match[1], base)
        except ValueError:
            break
        numbers.append(-1 if value == 0xFFFFFFFF else value)
        if match[2] is not None:
            paths.append(match[2])
        pos = match.end()
        if text[pos - 1 : pos] != ",":
            break
    return tuple(numbers), tuple(paths)


def check_complete(log: Log) -> None:
    """Raise a TraceError if the log was cut off."""
    if log.cut:
        text = f"the log is cut: {log.cut}; --partial accepts it up to there."
        raise TraceError(located(Path(log.path), None, text))
