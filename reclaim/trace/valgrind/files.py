"""File descriptors and names of the recorded processes, as far as the log tells.

Enough is followed that the names of mapped files and the offsets of reads and writes are right.
What is not a regular file (devices, /proc, pipes, sockets) has no pages in the page cache and is
left out.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

AT_FDCWD = 0xFFFFFF9C
_NOT_FILES = ("/dev/", "/proc/", "/sys/")
_SHM = "/dev/shm/"  # noqa: S108 - a name in the log, not a file of ours


@dataclass(eq=False)
class Description:
    """An open file description: what `dup` and `fork` share. `file` -1: not a regular file."""

    file: int
    path: str
    offset: int = 0


class Names:
    """Files and shm objects of the whole recording, by path."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.is_shm: list[bool] = []
        self._by_path: dict[str, int] = {}

    def open(self, path: str) -> int:
        """Return the file that a path names now; -1 if it cannot be a regular file."""
        if path.startswith(_NOT_FILES) and not path.startswith(_SHM):
            return -1
        if path not in self._by_path:
            self._by_path[path] = self.new(path, path.startswith(_SHM))
        return self._by_path[path]

    def new(self, name: str, shm: bool) -> int:
        """Return a new file that no path names; a name used before gets a number."""
        count = sum(known.split(" #")[0] == name for known in self.files)
        self.files.append(f"{name} #{count + 1}" if count else name)
        self.is_shm.append(shm)
        return len(self.files) - 1

    def find(self, path: str) -> int:
        """Return the file that a path names, -1 if none that was seen."""
        return self._by_path.get(path, -1)

    def rename(self, old: str, new: str) -> None:
        """Let `new` name what `old` named."""
        self._by_path.pop(new, None)
        if old in self._by_path:
            self._by_path[new] = self._by_path.pop(old)

    def unlink(self, path: str) -> None:
        """Let a path name nothing: who opens it next makes another file."""
        self._by_path.pop(path, None)


class Descriptors:
    """The descriptor table of one process, and its working directory."""

    def __init__(self) -> None:
        self.cwd = ""
        self._open: dict[int, Description] = {}
        self._on_exec: set[int] = set()

    def fork(self) -> Descriptors:
        """Return the child's table: the same descriptions."""
        child = Descriptors()
        child.cwd = self.cwd
        child._open, child._on_exec = dict(self._open), set(self._on_exec)
        return child

    def exec(self) -> None:
        """Close what is marked close-on-exec."""
        for fd in self._on_exec:
            self._open.pop(fd, None)
        self._on_exec.clear()

    def get(self, fd: int) -> Description | None:
        """Return the description, None if it was not seen being made."""
        return self._open.get(fd)

    def put(self, fd: int, description: Description | None, close_on_exec: bool) -> None:
        """Let `fd` stand for a description."""
        self.close(fd)
        if description is not None:
            self._open[fd] = description
            if close_on_exec:
                self._on_exec.add(fd)

    def mark(self, fd: int, close_on_exec: bool) -> None:
        """Set or clear close-on-exec."""
        if close_on_exec and fd in self._open:
            self._on_exec.add(fd)
        else:
            self._on_exec.discard(fd)

    def close(self, fd: int) -> None:
        """Forget a descriptor."""
        self._open.pop(fd, None)
        self._on_exec.discard(fd)

    def close_range(self, first: int, last: int) -> None:
        """Forget all in first .. last."""
        for fd in [fd for fd in self._open if first <= fd <= last]:
            self.close(fd)

    def resolve(self, path: str, directory: int = AT_FDCWD) -> str:
        """Return a path as seen from the working directory, or from an open directory."""
        base = self.cwd
        if directory != AT_FDCWD and not path.startswith("/"):
            held = self._open.get(directory)
            base = held.path if held else ""
        return posixpath.normpath(posixpath.join(base, path)) if path else path
