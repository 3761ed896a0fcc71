"""A trace as an event script, which reads back to the same trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reclaim import ids
from reclaim.trace import events as ev

if TYPE_CHECKING:
    from reclaim.trace.model import Trace

_OP_VERBS = ("read", "write", "exec_page")


def script_lines(trace: Trace) -> Iterator[str]:
    """Yield the lines of a script: rows with consecutive pages as one, events between them.

    Parameters
    ----------
    trace : Trace
        Any trace; it is read batch by batch, only as far as lines are taken.
    """
    waiting = iter(trace.events.tolist())
    event = next(waiting, None)
    run: tuple[int, int, int, int, int] | None = None  # space, first, last, op, repeat
    position = 0
    for batch in trace.batches():
        columns = (batch.asid, batch.vpn, batch.op, batch.nr)
        for space, vpn, op, nr in zip(*(column.tolist() for column in columns), strict=True):
            if event is not None and event[0] <= position:
                if run is not None:
                    yield _access(trace, run)
                    run = None
                while event is not None and event[0] <= position:
                    yield event_line(trace, event)
                    event = next(waiting, None)
            if run is not None and run == (space, run[1], vpn - 1, op, nr):
                run = (space, run[1], vpn, op, nr)
            else:
                if run is not None:
                    yield _access(trace, run)
                run = (space, vpn, vpn, op, nr)
            position += 1
    if run is not None:
        yield _access(trace, run)
    while event is not None:
        yield event_line(trace, event)
        event = next(waiting, None)


def _access(trace: Trace, run: tuple[int, int, int, int, int]) -> str:
    space, first, last, op, nr = run
    pages = f"{first:#x}" if first == last else f"{first:#x}..{last:#x}"
    repeat = f" x{nr}" if nr > 1 else ""
    return f"{_OP_VERBS[op]} {_word(trace.spaces[space])} {pages}{repeat}"


def _word(name: str) -> str:
    # Names in scripts are single words.
    return "_".join(name.split()) or "_"


def event_line(trace: Trace, event: tuple[int, ...]) -> str:
    """Return one event as a line of a script.

    Parameters
    ----------
    trace : Trace
        For the names of spaces, files, marks.
    event : tuple of int
        A row of `EVENT_DTYPE`.
    """
    verb = event[1]
    args = dict(zip(ev.VERB_ARGS[verb], event[2:], strict=False))
    if verb == ev.MMAP:
        return _mmap(trace, args)
    if verb == ev.EXPECT:
        return f"expect {' '.join(trace.expects[args['index']])}"
    texts = [_argument(trace, name, value, verb) for name, value in args.items()]
    return " ".join([ev.VERB_NAMES[verb], *texts])


def _argument(trace: Trace, name: str, value: int, verb: int) -> str:
    if name in ("space", "parent", "child"):
        return _word(trace.spaces[value])
    if name == "file":
        return _word(trace.files[value])
    if name == "prot":
        return _flags(value)
    if name == "advice":
        return ev.ADVICE_NAMES[value]
    if name == "index" and verb == ev.MARK:
        return _word(trace.marks[value])
    return f"{value:#x}" if name in ("start", "old", "new", "page") else str(value)


def _mmap(trace: Trace, args: dict[str, int]) -> str:
    file, prot = args["file"], args["prot"]
    if file < 0:
        backing = "anon"
    elif trace.file_is_shm[file]:
        backing = f"shm:{_word(trace.files[file])}@{args['offset']}"
    else:
        backing = f"file:{_word(trace.files[file])}@{args['offset']}"
    sharing = "shared" if prot & ids.MAP_SHARED else "private"
    space = _word(trace.spaces[args["space"]])
    return f"mmap {space} {args['start']:#x} {args['npages']} {backing} {sharing} {_flags(prot)}"


def _flags(prot: int) -> str:
    bits = (ids.PROT_READ, ids.PROT_WRITE, ids.PROT_EXEC)
    return "".join(letter if prot & bit else "-" for letter, bit in zip("rwx", bits, strict=True))
