"""Event scripts: traces that people write, for tests, teaching and checks by hand.

One event a line, `#` starts a comment; address spaces and files by name; page numbers decimal or 0x
hex. The grammar stands in docs/reference/event-script.md. Scripts are tests: `expect` fails the run
with the line it stands on, and every mistake here is reported as file:line.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from reclaim import ids
from reclaim.errors import TraceError, located, nearest
from reclaim.trace import events as ev
from reclaim.trace.model import MAX_NR, Trace, TraceMeta

MAX_RANGE_ROWS = 1 << 28
"""Access rows that one line may make; more is a typing mistake, and would fill the memory."""

ACCESS_VERBS = {"read": ids.READ, "write": ids.WRITE, "exec_page": ids.EXECUTE}


def parse_script(text: str, path: str | Path = "<script>") -> Trace:
    """Return the trace that a script describes.

    Parameters
    ----------
    text : str
        The script.
    path : str or Path
        Its name, for messages and `meta.path`.

    Raises
    ------
    TraceError
        For the first mistake, located as file:line.
    """
    parser = _Parser()
    for number, line in enumerate(text.splitlines(), start=1):
        words = _words(line)
        if not words:
            continue
        try:
            parser.line(number, words)
        except _MistakeError as mistake:
            raise TraceError(located(path, number, str(mistake))) from None
    return parser.trace(path)


def read_script(path: str | Path) -> Trace:
    """Return the trace of a script file.

    Raises
    ------
    TraceError
        If the file is missing, is not UTF-8 text, or holds a mistake.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise TraceError(
            located(path, None, f"cannot read the script: {error.strerror}.")
        ) from None
    try:
        return parse_script(data.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TraceError(located(path, line, "an event script is UTF-8 text.")) from None


class _MistakeError(Exception):
    """What is wrong with the line being read."""


def _words(line: str) -> list[str]:
    words = line.split()
    for i, word in enumerate(words):
        if word.startswith("#"):
            return words[:i]
    return words


@dataclass
class _Parser:
    """What has been read so far; one method a verb."""

    spaces: list[str] = field(default_factory=list)
    live: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    is_shm: list[bool] = field(default_factory=list)
    file_ids: dict[str, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    expects: list[tuple[str, str]] = field(default_factory=list)
    events: list[tuple[int, ...]] = field(default_factory=list)
    asid: array[int] = field(default_factory=lambda: array("i"))
    vpn: array[int] = field(default_factory=lambda: array("q"))
    op: array[int] = field(default_factory=lambda: array("B"))
    nr: array[int] = field(default_factory=lambda: array("i"))
    number: int = 0

    def line(self, number: int, words: list[str]) -> None:
        """Read one line that is not empty."""
        self.number = number
        verb, args = words[0], words[1:]
        if verb not in _GRAMMAR:
            raise _MistakeError(f"unknown verb '{verb}'.{nearest(verb, _GRAMMAR)}")
        usage, low, high, method = _GRAMMAR[verb]
        if not low <= len(args) <= high:
            raise _MistakeError(f"{verb} takes '{verb} {usage}', not {len(args)} words.")
        if verb in ACCESS_VERBS:
            self.access(ACCESS_VERBS[verb], args)
        else:
            method(self, ev.VERB_NAMES.index(verb), args)

    def trace(self, path: str | Path) -> Trace:
        return Trace(
            asid=np.array(self.asid, dtype=np.int32),
            vpn=np.array(self.vpn, dtype=np.int64),
            op=np.array(self.op, dtype=np.uint8),
            nr=np.array(self.nr, dtype=np.int32),
            events=ev.event_array(self.events),
            spaces=tuple(self.spaces),
            files=tuple(self.files),
            file_is_shm=tuple(self.is_shm),
            marks=tuple(self.marks),
            expects=tuple(self.expects),
            meta=TraceMeta(source="script", path=str(path)),
        )

    def emit(self, verb: int, *args: int) -> None:
        self.events.append(ev.event_row(len(self.vpn), verb, *args, line=self.number))

    # names

    def space(self, name: str) -> int:
        if name not in self.live:
            known = nearest(name, self.live)
            gone = " It has exited." if name in self.spaces else ""
            raise _MistakeError(
                f"address space '{name}' is not defined.{gone}{known} mmap or fork makes one."
            )
        return self.live[name]

    def new_space(self, name: str) -> int:
        self.spaces.append(name)
        self.live[name] = len(self.spaces) - 1
        return self.live[name]

    def file(self, name: str, shm: bool | None) -> int:
        """Return the id of a file or shm object; a name that is new becomes one."""
        if not name:
            raise _MistakeError("a file or shm object needs a name.")
        if name not in self.file_ids:
            self.file_ids[name] = len(self.files)
            self.files.append(name)
            self.is_shm.append(bool(shm))
        found = self.file_ids[name]
        if shm is not None and self.is_shm[found] != shm:
            kinds = ("file", "shm object")
            raise _MistakeError(
                f"'{name}' is a {kinds[not shm]} already; it cannot be a {kinds[shm]}."
            )
        return found

    # verbs

    def access(self, op: int, args: list[str]) -> None:
        space = self.space(args[0])
        first, last = _page_range(args[1])
        repeat = _repeat(args[2]) if len(args) > 2 else 1
        rows = last - first + 1
        self.vpn.extend(range(first, last + 1))
        self.asid.extend(array("i", [space]) * rows)
        self.op.extend(array("B", [op]) * rows)
        self.nr.extend(array("i", [repeat]) * rows)

    def mmap(self, verb: int, args: list[str]) -> None:
        name, start, npages, backing, sharing, flags = args
        first, count = _extent(start, npages)
        if sharing not in ("private", "shared"):
            raise _MistakeError(f"'{sharing}' is neither private nor shared.")
        prot = _prot(flags)
        file, offset = self._backing(backing, sharing == "shared")
        if sharing == "shared":
            prot |= ids.MAP_SHARED
        space = self.live[name] if name in self.live else self.new_space(name)
        self.emit(verb, space, first, count, file, offset, prot)

    def _backing(self, backing: str, shared: bool) -> tuple[int, int]:
        if backing == "anon":
            # Anonymous shared memory is a shm object that nobody else can name.
            return (self.file(f"anon-shared:{self.number}", shm=True), 0) if shared else (-1, 0)
        kind, _, rest = backing.partition(":")
        if kind not in ("file", "shm") or not rest:
            raise _MistakeError(
                f"'{backing}' is not a backing: anon, shm:NAME or file:NAME@OFFSET."
            )
        name, at, offset = rest.rpartition("@")
        if not at:
            name, offset = rest, "0"
        return self.file(name, shm=kind == "shm"), _number(offset, "file offset (pages)")

    def extent(self, verb: int, args: list[str]) -> None:
        self.emit(verb, self.space(args[0]), *_extent(args[1], args[2]))

    def mremap(self, verb: int, args: list[str]) -> None:
        space = self.space(args[0])
        old, count = _extent(args[1], args[2])
        new, _ = _extent(args[3], args[2])
        if old < new + count and new < old + count:
            raise _MistakeError("mremap: the new range overlaps the old one.")
        self.emit(verb, space, old, count, new)

    def mprotect(self, verb: int, args: list[str]) -> None:
        self.emit(verb, self.space(args[0]), *_extent(args[1], args[2]), _prot(args[3]))

    def madvise(self, verb: int, args: list[str]) -> None:
        advice = args[3].lower()
        if advice not in ev.ADVICE_NAMES:
            raise _MistakeError(f"unknown advice '{args[3]}'.{nearest(advice, ev.ADVICE_NAMES)}")
        number = ev.ADVICE_NAMES.index(advice)
        self.emit(verb, self.space(args[0]), *_extent(args[1], args[2]), number)

    def fork(self, verb: int, args: list[str]) -> None:
        parent = self.space(args[0])
        if args[1] in self.live:
            raise _MistakeError(f"fork: address space '{args[1]}' exists already.")
        self.emit(verb, parent, self.new_space(args[1]))

    def exec(self, verb: int, args: list[str]) -> None:
        self.emit(verb, self.space(args[0]))

    def exit(self, verb: int, args: list[str]) -> None:
        self.emit(verb, self.space(args[0]))
        del self.live[args[0]]

    def fd(self, verb: int, args: list[str]) -> None:
        self.emit(verb, self.file(args[0], None), *_extent(args[1], args[2]))

    def truncate(self, verb: int, args: list[str]) -> None:
        self.emit(verb, self.file(args[0], None), _number(args[1], "number of pages"))

    def probe(self, verb: int, args: list[str]) -> None:
        self.emit(verb, self.space(args[0]), _number(args[1], "page number"))

    def mark(self, verb: int, args: list[str]) -> None:
        if args[0] in self.marks:
            raise _MistakeError(f"mark '{args[0]}' stands already on line {self.marks[args[0]]}.")
        self.emit(verb, len(self.marks))
        self.marks[args[0]] = self.number

    def expect(self, verb: int, args: list[str]) -> None:
        try:
            float(int(args[1], 0)) if args[1].lower().startswith("0x") else float(args[1])
        except ValueError:
            raise _MistakeError(f"expect: '{args[1]}' is not a number.") from None
        self.emit(verb, len(self.expects))
        self.expects.append((args[0], args[1]))


def _number(word: str, what: str, high: int = ids.MAX_VPN) -> int:
    try:
        value = int(word, 16) if word[:2] in ("0x", "0X") else int(word)
    except ValueError:
        raise _MistakeError(f"'{word}' is not a {what} (decimal or 0x hex).") from None
    if not 0 <= value < high:
        raise _MistakeError(f"{what} {word} is not in 0 .. {high - 1:#x}.")
    return value


def _extent(start: str, npages: str) -> tuple[int, int]:
    first, count = _number(start, "page number"), _number(npages, "number of pages")
    if count == 0:
        raise _MistakeError("a range has at least 1 page.")
    if first + count > ids.MAX_VPN:
        raise _MistakeError(
            f"the range {start} + {npages} pages ends above page {ids.MAX_VPN - 1:#x}."
        )
    return first, count


def _page_range(word: str) -> tuple[int, int]:
    low, dots, high = word.partition("..")
    first = _number(low, "page number")
    last = _number(high, "page number") if dots else first
    if last < first:
        raise _MistakeError(f"the range {word} runs backwards.")
    if last - first >= MAX_RANGE_ROWS:
        raise _MistakeError(
            f"the range {word} has {last - first + 1} pages; at most {MAX_RANGE_ROWS}."
        )
    return first, last


def _repeat(word: str) -> int:
    if not word.startswith("x"):
        raise _MistakeError(f"'{word}' is not a repeat count such as x3.")
    count = _number(word[1:], "repeat count", high=MAX_NR + 1)
    if count == 0:
        raise _MistakeError("a repeat count is at least 1.")
    return count


def _prot(flags: str) -> int:
    if len(flags) != 3 or any(c not in (f, "-") for c, f in zip(flags, "rwx", strict=True)):
        raise _MistakeError(f"'{flags}' are not flags such as rw-, r-x or r--.")
    bits = (ids.PROT_READ, ids.PROT_WRITE, ids.PROT_EXEC)
    return sum(bit for c, bit in zip(flags, bits, strict=True) if c != "-")


_Method = Callable[[_Parser, int, list[str]], None]

_RANGE = "SPACE START NPAGES"
_ACCESS = "SPACE PAGE[..PAGE] [xN]"

# usage, fewest words, most words, method
_GRAMMAR: dict[str, tuple[str, int, int, _Method]] = {
    "read": (_ACCESS, 2, 3, _Parser.access),
    "write": (_ACCESS, 2, 3, _Parser.access),
    "exec_page": (_ACCESS, 2, 3, _Parser.access),
    "mmap": (
        f"{_RANGE} anon|shm:NAME|file:NAME@OFFSET private|shared rwx-flags",
        6,
        6,
        _Parser.mmap,
    ),
    "munmap": (_RANGE, 3, 3, _Parser.extent),
    "mremap": ("SPACE OLD NPAGES NEW", 4, 4, _Parser.mremap),
    "mprotect": (f"{_RANGE} FLAGS", 4, 4, _Parser.mprotect),
    "madvise": (f"{_RANGE} ADVICE", 4, 4, _Parser.madvise),
    "mlock": (_RANGE, 3, 3, _Parser.extent),
    "munlock": (_RANGE, 3, 3, _Parser.extent),
    "fork": ("PARENT CHILD", 2, 2, _Parser.fork),
    "exec": ("SPACE", 1, 1, _Parser.exec),
    "exit": ("SPACE", 1, 1, _Parser.exit),
    "fdread": ("FILE OFFSET NPAGES", 3, 3, _Parser.fd),
    "fdwrite": ("FILE OFFSET NPAGES", 3, 3, _Parser.fd),
    "evict": ("SPACE PAGE", 2, 2, _Parser.probe),
    "referenced": ("SPACE PAGE", 2, 2, _Parser.probe),
    "truncate": ("FILE NPAGES", 2, 2, _Parser.truncate),
    "mark": ("NAME", 1, 1, _Parser.mark),
    "expect": ("NAME VALUE", 2, 2, _Parser.expect),
}
