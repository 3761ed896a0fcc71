"""Reading the logs of running processes, and giving back their space as they are read.

`--log-socket` would need no files, but a forked child goes on writing to its parent's connection,
and access lines do not say whose they are: only exec makes a connection of its own. With
`--log-file=DIR/log.%p` valgrind opens a file after every fork and every exec. The file is unlinked
as soon as it is open here, because an exec would cut it to nothing (it opens the same name), and
what has been read is punched out of it, so that a log never holds more than the backlog.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from reclaim.trace.valgrind.log import Log

PREFIX = "log."
READ_BYTES = 4 << 20
BLOCK_BYTES = 1 << 16
MIN_FREE_BYTES = 64 << 20

_SHM = Path("/dev/shm")  # noqa: S108 - memory, in a folder of our own
_SHM_WANTED_BYTES = 1 << 30
_KEEP_SIZE_AND_PUNCH = 0x01 | 0x02


class _Stream:
    """The log of one process image while it is written."""

    def __init__(self, descriptor: int, pid: int, log: Log) -> None:
        self.descriptor = descriptor
        self.pid = pid
        self.log = log
        self.offset = 0
        self.punched = 0
        self.replaced = False


class Spool:
    """A folder into which valgrind writes one log for each process.

    Parameters
    ----------
    fold_window : int
        As for `Log`.
    """

    def __init__(self, fold_window: int) -> None:
        self.fold_window = fold_window
        self.logs: list[Log] = []
        self.nr_bytes = 0
        self.nr_cut_by_exec = 0
        self._streams: list[_Stream] = []
        self.folder = Path(tempfile.mkdtemp(prefix="reclaim-capture-", dir=_best_folder()))

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stream in self._streams:
            os.close(stream.descriptor)
        self._streams = []
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pattern(self) -> str:
        """What valgrind's `--log-file` is to be."""
        return str(self.folder / f"{PREFIX}%p")

    def is_full(self) -> bool:
        """Return whether the file system that takes the logs is about to be full."""
        room = os.statvfs(self.folder)
        return room.f_bavail * room.f_frsize < MIN_FREE_BYTES

    def pids(self) -> list[int]:
        """Return the processes whose logs are still being written."""
        return [stream.pid for stream in self._streams if not stream.replaced]

    def running(self) -> list[Log]:
        """Return the logs of those processes."""
        return [stream.log for stream in self._streams if not stream.replaced]

    def read(self) -> int:
        """Take in what was written, log by log; return the number of bytes."""
        taken = 0
        self._find_new()
        for stream in list(self._streams):
            # Whoever is gone before the last read has written nothing after it.
            gone = stream.replaced or not _is_alive(stream.pid)
            size = self._read_stream(stream)
            taken += size
            if gone and not size:
                self._end(stream)
            # A log must be open before its process execs, so look often.
            self._find_new()
        self.nr_bytes += taken
        return taken

    def _find_new(self) -> None:
        for path in _new_logs(self.folder):
            pid = int(path.name.removeprefix(PREFIX))
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            path.unlink()
            for stream in self._streams:
                if stream.pid == pid:
                    stream.replaced = True
            self._begin(descriptor, pid)

    def _begin(self, descriptor: int, pid: int) -> _Stream:
        log = Log(f"process {pid}", self.fold_window)
        self.logs.append(log)
        self._streams.append(_Stream(descriptor, pid, log))
        return self._streams[-1]

    def _read_stream(self, stream: _Stream) -> int:
        if os.fstat(stream.descriptor).st_size < stream.offset:
            self._restart(stream)
        data = os.pread(stream.descriptor, READ_BYTES, stream.offset)
        if data:
            stream.log.feed(data)
            stream.offset += len(data)
            self._give_back(stream)
        return len(data)

    def _restart(self, stream: _Stream) -> None:
        """Go on with the image that an exec put into a log that was not unlinked in time."""
        self.nr_cut_by_exec += 1
        stream.log.finish()
        stream.log.execs = True
        stream.log = Log(f"process {stream.pid}", self.fold_window)
        self.logs.append(stream.log)
        stream.offset = stream.punched = 0

    def _give_back(self, stream: _Stream) -> None:
        # Whole blocks only: of a block that is punched in two halves nothing is given back.
        upto = stream.offset // BLOCK_BYTES * BLOCK_BYTES
        if upto > stream.punched:
            _punch(stream.descriptor, stream.punched, upto - stream.punched)
            stream.punched = upto

    def _end(self, stream: _Stream) -> None:
        stream.log.finish()
        os.close(stream.descriptor)
        self._streams.remove(stream)


def _best_folder() -> Path | None:
    """Return memory if there is enough of it, else None for the usual temporary folder."""
    try:
        room = os.statvfs(_SHM)
        roomy = room.f_bavail * room.f_frsize >= _SHM_WANTED_BYTES
        return _SHM if roomy and os.access(_SHM, os.W_OK) else None
    except OSError:
        return None


def _new_logs(folder: Path) -> Iterator[Path]:
    """Yield logs that are not open yet: those that still have a name."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.removeprefix(PREFIX).isdigit():
                yield Path(entry.path)


def _is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return status.rpartition(b") ")[2][:1] not in (b"Z", b"X")


@functools.cache
def _fallocate() -> Callable[..., int]:
    function = ctypes.CDLL(None, use_errno=True).fallocate
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function


def _punch(descriptor: int, offset: int, size: int) -> None:
    """Give back the space of what was read; a file system that cannot keeps it until the end."""
    _fallocate()(descriptor, _KEEP_SIZE_AND_PUNCH, offset, size)
