"""What the recorded calls mean: rows and events of all processes, in the order of replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from reclaim import ids
from reclaim.trace import events as ev
from reclaim.trace.model import ImplicitVma
from reclaim.trace.valgrind.files import AT_FDCWD, Description, Descriptors, Names
from reclaim.trace.valgrind.fold import PAGE_SHIFT
from reclaim.trace.valgrind.log import Call
from reclaim.trace.valgrind.spaces import Area, Image, Space, page_ranges

PAGE_BYTES = 1 << PAGE_SHIFT
ALL_PROT = ids.PROT_READ | ids.PROT_WRITE | ids.PROT_EXEC
READ_WRITE = ids.PROT_READ | ids.PROT_WRITE

# Numbers of the Linux ABI that are printed as numbers.
_MAP_SHARED, _MAP_TYPE, _MAP_ANONYMOUS = 0x01, 0x03, 0x20
_O_TRUNC, _O_APPEND, _O_DIRECTORY, _O_CLOEXEC = 0o1000, 0o2000, 0o200000, 0o2000000
_F_DUPFD, _F_SETFD, _F_DUPFD_CLOEXEC = 0, 2, 1030
_ADVICE = {4: ev.ADVICE_DONTNEED, 20: ev.ADVICE_COLD, 21: ev.ADVICE_PAGEOUT}

# Where valgrind puts things on amd64, for the names of implicit mappings.
_PLACES = (
    (0x1000000, "stack"),
    (0x58000, "valgrind"),
    (0x4000, "ld.so"),
    (0, "image"),
)

_NEEDED_PROT = np.array([ids.PROT_READ, ids.PROT_WRITE, ids.PROT_EXEC])


@dataclass(eq=False)
class Process:
    """The state of a process that calls change: its space and its descriptors."""

    space: Space
    descriptors: Descriptors
    name: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive rows of one space."""

    space: int
    vpn: npt.NDArray[np.int64]
    op: npt.NDArray[np.uint8]
    nr: npt.NDArray[np.int32]


@dataclass(eq=False)
class Replay:
    """Collects the trace while processes are replayed in some order."""

    segments: list[Segment] = field(default_factory=list)
    nr_rows: int = 0
    nr_denied: int = 0
    space_names: list[str] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    implicit: list[ImplicitVma] = field(default_factory=list)
    _events: list[tuple[int, ...] | Image] = field(default_factory=list)
    _sizes: dict[int, int] = field(default_factory=dict)

    # what the scheduler asks for

    def start_image(self, name: str, space: int | None = None) -> Space:
        """Return a space in which nothing is known: a new one, or `space` after its exec."""
        if space is None:
            space = len(self.space_names)
            self.space_names.append("")
        self.space_names[space] = f"{space}:{name}"
        image = Image(len(self._events), space, self.nr_rows)
        self._events.append(image)
        return Space(space, image)

    def fork(self, parent: Space, name: str) -> Space:
        """Return the space of a forked child."""
        child = parent.fork(len(self.space_names))
        self.space_names.append(f"{child.number}:{name}")
        self.emit(ev.FORK, parent.number, child.number)
        return child

    def exec(self, space: Space, name: str) -> Space:
        """Return the space after exec: the same number, nothing mapped."""
        self.emit(ev.EXEC, space.number)
        return self.start_image(name, space.number)

    def exit(self, space: Space) -> None:
        """End a space."""
        self.emit(ev.EXIT, space.number)

    def emit(self, verb: int, *args: int) -> None:
        """Add an event at the present row."""
        self._events.append(ev.event_row(self.nr_rows, verb, *args))

    def rows(
        self,
        space: Space,
        vpn: npt.NDArray[np.int64],
        op: npt.NDArray[np.uint8],
        nr: npt.NDArray[np.int32],
    ) -> None:
        """Add rows of one space, mapping what the log did not say."""
        known, prot = space.look_up(vpn)
        if not known.all():
            self._map_unknown(space, np.unique(vpn[~known]))
        # A touch that its mapping forbids was answered by a signal handler: no page was used.
        denied = known & (prot & _NEEDED_PROT[op] == 0)
        if denied.any():
            self.nr_denied += int(denied.sum())
            vpn, op, nr = vpn[~denied], op[~denied], nr[~denied]
        self.segments.append(Segment(space.number, vpn, op, nr))
        self.nr_rows += len(vpn)

    def events(self) -> ev.Events:
        """Return the events, implicit mappings in their places; call once, at the end."""
        rows: list[tuple[int, ...]] = []
        for item in self._events:
            if isinstance(item, Image):
                for start, npages in item.ranges():
                    rows.append(self._implicit_row(item, start, npages))
            else:
                rows.append(item)
        return ev.event_array(rows)

    def _implicit_row(self, image: Image, start: int, npages: int) -> tuple[int, ...]:
        reason = next(name for low, name in _PLACES if start + npages > low)
        self.implicit.append(ImplicitVma(image.space, start, npages, reason))
        args = (image.space, start, npages, -1, 0, ALL_PROT)
        return ev.event_row(image.position, ev.MMAP, *args)

    def _map_unknown(self, space: Space, pages: npt.NDArray[np.int64]) -> None:
        gone = space.were_unmapped(pages)
        space.image.add(pages[~gone])
        for start, npages in page_ranges(pages[gone]):
            # A mapping made at the start would not be there any more.
            self.implicit.append(ImplicitVma(space.number, start, npages, "mapped unseen"))
            self._map(space, Area(start, start + npages, ALL_PROT, -1, 0))

    # calls

    def call(self, process: Process, call: Call) -> None:
        """Let a call change the process and make its events; unknown calls do nothing."""
        method = self._CALLS.get(call.name)
        if method is not None:
            try:
                method(self, process, call)
            except IndexError:
                return  # printed with fewer arguments than expected: nothing is known of it

    def _map(self, space: Space, area: Area) -> None:
        space.map(area)
        npages = area.end - area.start
        if npages:
            self.emit(ev.MMAP, space.number, area.start, npages, area.file, area.offset, area.prot)

    def _unmap(self, space: Space, start: int, end: int) -> None:
        if end > start:
            space.unmap(start, end)
            self.emit(ev.MUNMAP, space.number, start, end - start)

    def _mmap(self, process: Process, call: Call) -> None:
        _, length, prot, flags, fd, offset = call.args[:6]
        start = call.result >> PAGE_SHIFT
        shared = flags & _MAP_TYPE & _MAP_SHARED
        file, page_offset = -1, 0
        if not flags & _MAP_ANONYMOUS:
            held = process.descriptors.get(fd)
            file = held.file if held else self.names.new(f"{process.name} fd {fd}", False)
            page_offset = offset >> PAGE_SHIFT
        if file < 0:
            page_offset = 0
            if shared:
                file = self.names.new("anon-shared", True)
        area = Area(start, start + _pages(length), _prot(prot, shared), file, page_offset)
        self._map(process.space, area)

    def _munmap(self, process: Process, call: Call) -> None:
        self._unmap(process.space, *_extent(call))

    def _mremap(self, process: Process, call: Call) -> None:
        old, old_length, new_length = call.args[:3]
        space, start, new = process.space, old >> PAGE_SHIFT, call.result >> PAGE_SHIFT
        old_pages, new_pages = _pages(old_length), _pages(new_length)
        kept = min(old_pages, new_pages)
        self._unmap(space, start + kept, start + old_pages)
        parts = space.parts(start, start + kept)
        if new != start:
            space.move(start, start + kept, new)
            self.emit(ev.MREMAP, space.number, start, kept, new)
        if new_pages > kept:
            last = parts[-1] if parts else Area(0, 0, READ_WRITE, -1, 0)
            offset = last.offset + (last.end - last.start) if last.file >= 0 else 0
            self._map(space, Area(new + kept, new + new_pages, last.prot, last.file, offset))

    def _mprotect(self, process: Process, call: Call) -> None:
        start, end = _extent(call)
        prot = _prot(call.args[2], 0)
        process.space.protect(start, end, prot)
        self.emit(ev.MPROTECT, process.space.number, start, end - start, prot)

    def _madvise(self, process: Process, call: Call) -> None:
        advice = _ADVICE.get(call.args[2])
        start, end = _extent(call)
        if advice is not None and end > start:
            self.emit(ev.MADVISE, process.space.number, start, end - start, advice)

    def _lock(self, process: Process, call: Call) -> None:
        start, end = _extent(call)
        verb = ev.MUNLOCK if call.name == "munlock" else ev.MLOCK
        if end > start:
            self.emit(verb, process.space.number, start, end - start)

    def _brk(self, process: Process, call: Call) -> None:
        space = process.space
        before, after = _pages(space.brk or call.result), _pages(call.result)
        space.brk = call.result
        if after > before:
            self._map(space, Area(before, after, READ_WRITE, -1, 0))
        self._unmap(space, after, before)

    # descriptors

    def _open(self, process: Process, call: Call) -> None:
        at = call.name == "openat"
        directory = call.args[0] if at else AT_FDCWD
        flags = _O_TRUNC if call.name == "creat" else call.args[2 if at else 1]
        path = process.descriptors.resolve(call.paths[0], directory)
        file = -1 if flags & _O_DIRECTORY else self.names.open(path)
        description = Description(file, path)
        if file >= 0 and flags & _O_TRUNC:
            self._sizes[file] = 0
            self.emit(ev.TRUNCATE, file, 0)
        if flags & _O_APPEND:
            description.offset = self._sizes.get(file, 0)
        process.descriptors.put(call.result, description, bool(flags & _O_CLOEXEC))

    def _memfd(self, process: Process, call: Call) -> None:
        name = f"memfd:{call.paths[0]}" if call.paths else "memfd"
        process.descriptors.put(call.result, Description(self.names.new(name, True), name), False)

    def _close(self, process: Process, call: Call) -> None:
        if call.name == "close":
            process.descriptors.close(call.args[0])
        else:
            last = call.args[1] if call.args[1] >= 0 else 1 << 32
            process.descriptors.close_range(call.args[0], last)

    def _dup(self, process: Process, call: Call) -> None:
        cloexec = False
        if call.name == "fcntl":
            command = call.args[1]
            if command == _F_SETFD:
                process.descriptors.mark(call.args[0], bool(call.args[2] & 1))
            if command not in (_F_DUPFD, _F_DUPFD_CLOEXEC):
                return
            cloexec = command == _F_DUPFD_CLOEXEC
        elif call.name == "dup3":
            cloexec = bool(call.args[2] & _O_CLOEXEC)
        if call.args[0] != call.result:
            held = process.descriptors.get(call.args[0])
            process.descriptors.put(call.result, held, cloexec)

    def _lseek(self, process: Process, call: Call) -> None:
        held = process.descriptors.get(call.args[0])
        if held:
            held.offset = call.result

    def _transfer(self, process: Process, call: Call) -> None:
        """Turn a read or a write into the pages of the page cache that it uses."""
        source = call.args[1] if call.name == "sendfile" else call.args[0]
        held = process.descriptors.get(source)
        if held is None or held.file < 0 or call.result <= 0:
            return
        if call.name in ("pread64", "pwrite64"):
            offset = call.args[3]
        elif call.name == "sendfile" and call.args[2]:
            return  # the offset stands in memory, which is not in the log
        else:
            offset = held.offset
            held.offset += call.result
        end = offset + call.result
        first = offset >> PAGE_SHIFT
        verb = ev.FDWRITE if "write" in call.name else ev.FDREAD
        self.emit(verb, held.file, first, _pages(end) - first)
        self._sizes[held.file] = max(self._sizes.get(held.file, 0), end)

    def _truncate(self, process: Process, call: Call) -> None:
        if call.name == "truncate":
            file = self.names.find(process.descriptors.resolve(call.paths[0]))
        else:
            held = process.descriptors.get(call.args[0])
            file = held.file if held else -1
        if file >= 0:
            self._sizes[file] = call.args[1]
            self.emit(ev.TRUNCATE, file, _pages(call.args[1]))

    def _rename(self, process: Process, call: Call) -> None:
        old_at, new_at = (AT_FDCWD, AT_FDCWD) if call.name == "rename" else call.args[0:3:2]
        resolve = process.descriptors.resolve
        self.names.rename(resolve(call.paths[0], old_at), resolve(call.paths[1], new_at))

    def _unlink(self, process: Process, call: Call) -> None:
        directory = call.args[0] if call.name == "unlinkat" else AT_FDCWD
        self.names.unlink(process.descriptors.resolve(call.paths[0], directory))

    def _chdir(self, process: Process, call: Call) -> None:
        descriptors = process.descriptors
        if call.name == "chdir":
            descriptors.cwd = descriptors.resolve(call.paths[0])
        elif held := descriptors.get(call.args[0]):
            descriptors.cwd = held.path

    _CALLS: ClassVar[dict[str, Callable[[Replay, Process, Call], None]]] = {
        "mmap": _mmap,
        "munmap": _munmap,
        "mremap": _mremap,
        "mprotect": _mprotect,
        "pkey_mprotect": _mprotect,
        "madvise": _madvise,
        "mlock": _lock,
        "mlock2": _lock,
        "munlock": _lock,
        "brk": _brk,
        "memfd_create": _memfd,
        "lseek": _lseek,
        "fcntl": _dup,
        **dict.fromkeys(("open", "openat", "creat"), _open),
        **dict.fromkeys(("close", "close_range"), _close),
        **dict.fromkeys(("dup", "dup2", "dup3"), _dup),
        **dict.fromkeys(("read", "pread64", "readv", "sendfile"), _transfer),
        **dict.fromkeys(("write", "pwrite64", "writev"), _transfer),
        **dict.fromkeys(("truncate", "ftruncate"), _truncate),
        **dict.fromkeys(("rename", "renameat", "renameat2"), _rename),
        **dict.fromkeys(("unlink", "unlinkat"), _unlink),
        **dict.fromkeys(("chdir", "fchdir"), _chdir),
    }


def _pages(length: int) -> int:
    return (length + PAGE_BYTES - 1) >> PAGE_SHIFT


def _extent(call: Call) -> tuple[int, int]:
    """Return the pages [start, end) of a call whose first arguments are address and length."""
    start = call.args[0] >> PAGE_SHIFT
    return start, _pages(call.args[0] + call.args[1])


def _prot(bits: int, shared: int) -> int:
    """Return protection in the trace's bits; on x86 what may be written or fetched may be read."""
    prot = bits & ALL_PROT
    if prot:
        prot |= ids.PROT_READ
    return prot | (ids.MAP_SHARED if shared else 0)
