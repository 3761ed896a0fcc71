"""Writing a trace from a program: what generated workloads are made with.

Access rows go straight into columns that double when they are full, a range or an array at a time,
so that a trace of ten million rows is made in a second or two. Address spaces and files are named
once, and are numbers from then on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reclaim import ids
from reclaim.errors import TraceError, nearest
from reclaim.trace import events as ev
from reclaim.trace.model import COLUMN_DTYPES, MAX_NR, Trace, TraceMeta
from reclaim.trace.pages import check_column

_FIRST_ROWS = 1 << 12


class TraceBuilder:
    """A trace in the making. Events and accesses happen in the order of the calls.

    Protections are written as scripts write them (``"rw-"``), and so is advice (``"cold"``). Every
    mistake raises a `TraceError` at once.
    """

    def __init__(self) -> None:
        self._columns = [np.empty(_FIRST_ROWS, dtype) for dtype in COLUMN_DTYPES]
        self._rows = 0
        self._events: list[tuple[int, ...]] = []
        self._spaces: list[str] = []
        self._alive: list[bool] = []
        self._live: set[str] = set()
        self._files: dict[str, int] = {}
        self._shm: list[bool] = []
        self._marks: dict[str, int] = {}

    @property
    def nr_rows(self) -> int:
        """Access rows so far."""
        return self._rows

    # ---- names --------------------------------------------------------------------------------

    def space(self, name: str) -> int:
        """Return a new, empty address space; it comes to life with its first `mmap`.

        The name of a space that has exited may be used again.
        """
        if name in self._live:
            raise TraceError(f"address space '{name}' exists already.")
        self._spaces.append(name)
        self._alive.append(True)
        self._live.add(name)
        return len(self._spaces) - 1

    def file(self, name: str) -> int:
        """Return a file, made if the name is new."""
        return self._object(name, shm=False)

    def shm(self, name: str) -> int:
        """Return a shared-memory object, made if the name is new."""
        return self._object(name, shm=True)

    def _object(self, name: str, *, shm: bool) -> int:
        number = self._files.setdefault(name, len(self._files))
        if number == len(self._shm):
            self._shm.append(shm)
        if self._shm[number] != shm:
            kinds = ("file", "shm object")
            raise TraceError(f"'{name}' is a {kinds[not shm]} already, not a {kinds[shm]}.")
        return number

    # ---- accesses -----------------------------------------------------------------------------

    def read(self, space: int, start: int, npages: int = 1, repeat: int = 1) -> None:
        """Read each of `npages` pages from `start` on, `repeat` times in a row."""
        self._range(ids.READ, space, start, npages, repeat)

    def write(self, space: int, start: int, npages: int = 1, repeat: int = 1) -> None:
        """Write each page of a range."""
        self._range(ids.WRITE, space, start, npages, repeat)

    def execute(self, space: int, start: int, npages: int = 1, repeat: int = 1) -> None:
        """Fetch instructions from each page of a range."""
        self._range(ids.EXECUTE, space, start, npages, repeat)

    def _range(self, op: int, space: int, start: int, npages: int, repeat: int) -> None:
        self._check_space(space)
        self._check_extent(start, npages)
        if not 1 <= repeat <= MAX_NR:
            raise TraceError(f"repeat count {repeat} is not in 1 .. {MAX_NR}.")
        self._append(npages, space, np.arange(start, start + npages), op, repeat)

    def touch(
        self,
        space: npt.ArrayLike,
        page: npt.ArrayLike,
        op: npt.ArrayLike = ids.READ,
        repeat: npt.ArrayLike = 1,
    ) -> None:
        """Touch any pages in any order.

        Parameters
        ----------
        space, page, op, repeat : int or (n,) integers
            The columns of `n` access rows; a number stands for a column of it.
        """
        columns = [np.atleast_1d(np.asarray(one)) for one in (space, page, op, repeat)]
        rows = max(len(column) for column in columns)
        highs = (len(self._spaces) - 1, ids.MAX_VPN - 1, len(ids.OP_NAMES) - 1, MAX_NR)
        for name, column, high in zip(
            ("space", "page", "op", "repeat"), columns, highs, strict=True
        ):
            if column.dtype.kind not in "iu":
                raise TraceError(f"column {name} is of {column.dtype}, not of integers.")
            if column.ndim != 1 or len(column) not in (1, rows):
                raise TraceError(f"column {name} has {column.size} values, another has {rows}.")
            check_column(name, column, 1 if name == "repeat" else 0, high)
        for one in np.unique(columns[0]).tolist():
            self._check_space(one)
        self._append(rows, *columns)

    def _append(self, rows: int, *values: npt.ArrayLike) -> None:
        end = self._rows + rows
        capacity = len(self._columns[0])
        if end > capacity:
            wanted = max(2 * capacity, end)
            for i, column in enumerate(self._columns):
                grown = np.empty(wanted, column.dtype)
                grown[: self._rows] = column[: self._rows]
                self._columns[i] = grown
        for column, value in zip(self._columns, values, strict=True):
            column[self._rows : end] = value
        self._rows = end

    # ---- events -------------------------------------------------------------------------------

    def mmap(
        self,
        space: int,
        start: int,
        npages: int,
        prot: str = "rw-",
        *,
        file: int | None = None,
        offset: int = 0,
        shared: bool = False,
    ) -> None:
        """Map anonymous private memory, or pages of a file or shm object from `offset` on.

        Parameters
        ----------
        prot : str
            As in ``"r-x"``.
        file : int, optional
            From `file` or `shm`. A shared mapping needs one.
        shared : bool
            Whether writes reach the file or shm object; private ones are copied.
        """
        if shared and file is None:
            raise TraceError("a shared mapping needs a file or a shm object: shm(name).")
        if file is not None:
            self._check_file(file)
        bits = _prot(prot) | (ids.MAP_SHARED if shared else 0)
        self._extent(ev.MMAP, space, start, npages, -1 if file is None else file, offset, bits)

    def munmap(self, space: int, start: int, npages: int) -> None:
        """Unmap a range."""
        self._extent(ev.MUNMAP, space, start, npages)

    def mremap(self, space: int, old: int, npages: int, new: int) -> None:
        """Move a range; what was at the target goes."""
        self._check_extent(new, npages)
        if old < new + npages and new < old + npages:
            raise TraceError("mremap: the new range overlaps the old one.")
        self._extent(ev.MREMAP, space, old, npages, new)

    def mprotect(self, space: int, start: int, npages: int, prot: str) -> None:
        """Change the protection of a range."""
        self._extent(ev.MPROTECT, space, start, npages, _prot(prot))

    def madvise(self, space: int, start: int, npages: int, advice: str) -> None:
        """Give advice: dontneed, cold or pageout."""
        if advice not in ev.ADVICE_NAMES:
            raise TraceError(f"unknown advice '{advice}'.{nearest(advice, ev.ADVICE_NAMES)}")
        self._extent(ev.MADVISE, space, start, npages, ev.ADVICE_NAMES.index(advice))

    def mlock(self, space: int, start: int, npages: int) -> None:
        """Fault a range in and keep it."""
        self._extent(ev.MLOCK, space, start, npages)

    def munlock(self, space: int, start: int, npages: int) -> None:
        """Let a range go again."""
        self._extent(ev.MUNLOCK, space, start, npages)

    def fork(self, parent: int, name: str = "") -> int:
        """Return a copy of an address space; by default it is named after its number."""
        self._check_space(parent)
        child = self.space(name or f"p{len(self._spaces)}")
        self._emit(ev.FORK, parent, child)
        return child

    def exec(self, space: int) -> None:
        """Empty an address space; it stays the same process."""
        self._check_space(space)
        self._emit(ev.EXEC, space)

    def exit(self, space: int) -> None:
        """End an address space."""
        self._check_space(space)
        self._emit(ev.EXIT, space)
        self._alive[space] = False
        self._live.remove(self._spaces[space])

    def fdread(self, file: int, offset: int, npages: int) -> None:
        """Read pages of a file through a descriptor."""
        self._check_file(file)
        self._check_extent(offset, npages)
        self._emit(ev.FDREAD, file, offset, npages)

    def fdwrite(self, file: int, offset: int, npages: int) -> None:
        """Write pages of a file through a descriptor."""
        self._check_file(file)
        self._check_extent(offset, npages)
        self._emit(ev.FDWRITE, file, offset, npages)

    def truncate(self, file: int, npages: int) -> None:
        """Cut a file off behind its first `npages` pages."""
        self._check_file(file)
        self._emit(ev.TRUNCATE, file, npages)

    def evict(self, space: int, page: int) -> None:
        """Probe: reclaim the frame behind a page, and record what its walk took."""
        self._extent(ev.EVICT, space, page)

    def referenced(self, space: int, page: int) -> None:
        """Probe: ask the reverse map whether a page was used, and record what that took."""
        self._extent(ev.REFERENCED, space, page)

    def mark(self, name: str) -> None:
        """Name this moment; the run record tells the counters of each mark."""
        if name in self._marks:
            raise TraceError(f"mark '{name}' is set already.")
        self._emit(ev.MARK, len(self._marks))
        self._marks[name] = self._rows

    # ---- the end ------------------------------------------------------------------------------

    def trace(self, meta: TraceMeta | None = None) -> Trace:
        """Return what was built so far.

        Parameters
        ----------
        meta : TraceMeta, optional
            Default: source "generated".
        """
        asid, vpn, op, nr = (column[: self._rows] for column in self._columns)
        return Trace(
            asid=asid,
            vpn=vpn,
            op=op,
            nr=nr,
            events=ev.event_array(self._events),
            spaces=tuple(self._spaces),
            files=tuple(self._files),
            file_is_shm=tuple(self._shm),
            marks=tuple(self._marks),
            meta=meta or TraceMeta(source="generated"),
        )

    def _emit(self, verb: int, *args: int) -> None:
        self._events.append(ev.event_row(self._rows, verb, *args))

    def _extent(self, verb: int, space: int, start: int, *args: int) -> None:
        self._check_space(space)
        self._check_extent(start, args[0] if args else 1)
        self._emit(verb, space, start, *args)

    def _check_space(self, space: int) -> None:
        if not 0 <= space < len(self._alive):
            raise TraceError(f"there is no address space {space}; space(name) or fork makes one.")
        if not self._alive[space]:
            raise TraceError(f"address space '{self._spaces[space]}' has exited.")

    def _check_file(self, file: int) -> None:
        if not 0 <= file < len(self._shm):
            raise TraceError(f"there is no file {file}; file(name) or shm(name) makes one.")

    @staticmethod
    def _check_extent(start: int, npages: int) -> None:
        if npages < 1:
            raise TraceError(f"a range has at least 1 page, not {npages}.")
        if start < 0 or start + npages > ids.MAX_VPN:
            raise TraceError(
                f"the range {start:#x} + {npages} pages is not in 0 .. {ids.MAX_VPN - 1:#x}."
            )


def _prot(flags: str) -> int:
    letters = "rwx"
    if len(flags) != 3 or any(c not in (f, "-") for c, f in zip(flags, letters, strict=True)):
        raise TraceError(f"'{flags}' is no protection such as rw-, r-x or r--.")
    bits = (ids.PROT_READ, ids.PROT_WRITE, ids.PROT_EXEC)
    return sum(bit for c, bit in zip(flags, bits, strict=True) if c != "-")
