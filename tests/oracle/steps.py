"""What happens, in order: one `Step` for each access row and for each event.

Two sources: the text of an event script, read by a parser of its own here, and a trace object
(columns of accesses, an array of events). Numbers are this module's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

READ, WRITE, EXECUTE = 0, 1, 2
OPS = {"read": READ, "write": WRITE, "exec_page": EXECUTE}
ADVICE = ("dontneed", "cold", "pageout")
SPACE_RANGE_VERBS = ("munmap", "mlock", "munlock")


class Prot(NamedTuple):
    """Permission bits, of a mapping or of a page-table entry."""

    read: bool
    write: bool
    execute: bool

    def permits(self, op: int) -> bool:
        """Whether an operation READ, WRITE or EXECUTE is allowed."""
        return self[op]


class Step(NamedTuple):
    """One thing that happens.

    verb -> args: access (space, vpn, op, nr); mmap (space, start, npages, file or None, offset,
    is_shm, prot, shared); mprotect (space, start, npages, prot); madvise (space, start, npages,
    advice name); mark (name,); expect (name, value text); the others as in an event script.
    Spaces and files are numbers.
    """

    verb: str
    args: tuple[Any, ...]
    line: int = 0


class ScriptError(Exception):
    """A line of a script that makes no sense."""


def steps_of_script(text: str) -> list[Step]:
    """Read an event script."""
    return ScriptReader().read(text)


class ScriptReader:
    """Reads scripts, or one script piece by piece: names keep their numbers."""

    def __init__(self) -> None:
        self.live_spaces: dict[str, int] = {}
        self.nr_spaces = 0
        self.files: dict[str, int] = {}
        self.shm: set[int] = set()

    def read(self, text: str) -> list[Step]:
        """Return the steps of some lines, which follow those read before."""
        steps: list[Step] = []
        for line, content in enumerate(text.splitlines(), 1):
            words = content.split("#")[0].split()
            if not words:
                continue
            try:
                steps += [Step(verb, args, line) for verb, args in self.line(words)]
            except (ValueError, KeyError, IndexError) as err:
                raise ScriptError(f"line {line}: {content!r}: {err!r}") from err
        return steps

    def line(self, words: list[str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        verb, rest = words[0], words[1:]
        if verb in OPS:
            yield from self.accesses(OPS[verb], rest)
        elif verb == "mmap":
            yield verb, self.mmap(*rest)
        elif verb in SPACE_RANGE_VERBS:
            yield verb, (self.space(rest[0]), number(rest[1]), number(rest[2]))
        elif verb == "mremap":
            yield verb, (self.space(rest[0]), *[number(word) for word in rest[1:4]])
        elif verb == "mprotect":
            yield (
                verb,
                (self.space(rest[0]), number(rest[1]), number(rest[2]), prot_of(rest[3])),
            )
        elif verb == "madvise":
            ADVICE.index(rest[3])
            yield verb, (self.space(rest[0]), number(rest[1]), number(rest[2]), rest[3])
        elif verb == "fork":
            parent = self.space(rest[0])
            if rest[1] in self.live_spaces:
                raise ValueError(f"space {rest[1]} exists")
            yield verb, (parent, self.new_space(rest[1]))
        elif verb == "exec":
            yield verb, (self.space(rest[0]),)
        elif verb == "exit":
            yield verb, (self.space(rest[0]),)
            del self.live_spaces[rest[0]]
        elif verb in {"fdread", "fdwrite"}:
            yield verb, (self.file(rest[0]), number(rest[1]), number(rest[2]))
        elif verb in {"evict", "referenced"}:
            yield verb, (self.space(rest[0]), number(rest[1]))
        elif verb == "truncate":
            yield verb, (self.file(rest[0]), number(rest[1]))
        elif verb in {"mark", "expect"}:
            yield verb, tuple(rest)
        else:
            raise ValueError(f"unknown verb {verb}")

    def accesses(self, op: int, rest: list[str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        space = self.space(rest[0])
        first, _, last = rest[1].partition("..")
        nr = int(rest[2].removeprefix("x")) if len(rest) > 2 else 1
        for vpn in range(number(first), number(last or first) + 1):
            yield "access", (space, vpn, op, nr)

    def mmap(
        self, space: str, start: str, npages: str, what: str, sharing: str, flags: str
    ) -> tuple[Any, ...]:
        if space not in self.live_spaces:
            self.new_space(space)
        shared = {"shared": True, "private": False}[sharing]
        file, offset, is_shm = None, 0, False
        kind, _, name = what.partition(":")
        if kind == "file":
            name, _, at = name.partition("@")
            file, offset = self.file(name), number(at or "0")
        elif kind == "shm":
            name, _, at = name.partition("@")
            file, offset, is_shm = self.file("shm:" + name), number(at or "0"), True
            self.files[name] = file
        elif kind != "anon":
            raise ValueError(what)
        elif shared:
            file, is_shm = self.file(f"anon#{len(self.files)}"), True
        return (
            self.live_spaces[space],
            number(start),
            number(npages),
            file,
            offset,
            is_shm,
            prot_of(flags),
            shared,
        )

    def space(self, name: str) -> int:
        return self.live_spaces[name]

    def new_space(self, name: str) -> int:
        self.live_spaces[name] = self.nr_spaces
        self.nr_spaces += 1
        return self.nr_spaces - 1

    def file(self, name: str) -> int:
        return self.files.setdefault(name, len(set(self.files.values())))


def number(word: str) -> int:
    """Read a page number, decimal or 0x hexadecimal."""
    return int(word, 0)


def prot_of(flags: str) -> Prot:
    """Read flags such as rw-."""
    return Prot("r" in flags, "w" in flags, "x" in flags)


def prot_of_bits(bits: int) -> Prot:
    """Read permission bits: 1 read, 2 write, 4 execute."""
    return Prot(bool(bits & 1), bool(bits & 2), bool(bits & 4))


def steps_of_trace(trace: Any) -> list[Step]:
    """Read a trace object: columns asid, vpn, op, nr and `events` with positions."""
    steps: list[Step] = []
    pending = list(trace.events)
    columns = zip(trace.asid, trace.vpn, trace.op, trace.nr, strict=True)
    for row, (asid, vpn, op, nr) in enumerate(columns):
        while pending and pending[0]["position"] <= row:
            steps.append(_step_of_event(trace, pending.pop(0)))
        steps.append(Step("access", (int(asid), int(vpn), int(op), int(nr))))
    return steps + [_step_of_event(trace, event) for event in pending]


def _step_of_event(trace: Any, event: Any) -> Step:
    from reclaim.trace.events import VERB_ARGS, VERB_NAMES

    verb = VERB_NAMES[event["verb"]]
    line = int(event["line"])
    args: list[Any] = [int(event[f"a{i}"]) for i in range(len(VERB_ARGS[event["verb"]]))]
    if verb == "mmap":
        space, start, npages, file, offset, bits = args
        is_shm = file >= 0 and bool(trace.file_is_shm[file])
        args = [space, start, npages, None if file < 0 else file, offset, is_shm]
        args += [prot_of_bits(bits), bool(bits & 8)]
    elif verb == "mprotect":
        args[3] = prot_of_bits(args[3])
    elif verb == "madvise":
        args[3] = ADVICE[args[3]]
    elif verb == "mark":
        args = [trace.marks[args[0]]]
    elif verb == "expect":
        args = list(trace.expects[args[0]])
    return Step(verb, tuple(args), line)


def nr_accesses(steps: list[Step]) -> int:
    """Accesses of a sequence of steps, repeats included."""
    return sum(step.args[3] for step in steps if step.verb == "access")
