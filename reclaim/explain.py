"""A policy, step by step: after each access, who is where, who was used, and who had to go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.counters import MISSES
from reclaim.engine.snapshot import counted
from reclaim.errors import TraceError
from reclaim.ids import NIL
from reclaim.run import RunSpec
from reclaim.testing.stage import Stage
from reclaim.trace.model import Trace
from reclaim.trace.script import parse_script
from reclaim.vm.pte import PRESENT, VALUE_SHIFT, YOUNG

OP_WORDS = ("read", "write", "exec")


@dataclass(frozen=True)
class Step:
    """One access or event, and the state behind it.

    Parameters
    ----------
    what : str
        What happened: "read 3", "fork a b".
    result : str
        "hit", "fault", or "" for an event.
    gone : list of str
        Pages that left memory.
    lists : dict of str to list of str
        As the policy explains itself; the next victim last.
    young : list of str
        Resident pages with a young bit.
    words : dict of str to str
        Resident page -> the policy's two words of its frame, where they are not zero.
    """

    what: str
    result: str
    gone: list[str]
    lists: dict[str, list[str]]
    young: list[str]
    words: dict[str, str]


def pages_script(pages: str) -> str:
    """Return the script of one process that reads pages: numbers with blanks or commas between.

    Raises
    ------
    TraceError
        Something is no page number, or there is none.
    """
    numbers = pages.replace(",", " ").split()
    for word in numbers:
        if not (word.isascii() and word.isdecimal() and len(word) < 7):
            raise TraceError(f"--pages: '{word}' is no page number (0 to 999999).")
    if not numbers:
        raise TraceError("--pages: no page numbers, as in --pages '1 2 3 1'.")
    reads = "\n".join(f"read p {int(word)}" for word in numbers)
    return f"mmap p 0 {max(map(int, numbers)) + 1} anon private rw-\n{reads}\n"


def explain(text: str, spec: RunSpec, path: str = "<script>") -> list[Step]:
    """Let a script happen as plain Python, and tell each step.

    Parameters
    ----------
    text : str
        An event script.
    spec : RunSpec
        On which machine.
    path : str
        Its name, for messages.

    Raises
    ------
    ReclaimError
        A script or a policy that cannot go on.
    """
    stage = _Told(parse_script(text, path), spec, text.splitlines())
    stage.run()
    return stage.steps


class _Told(Stage):
    """A machine that writes down what each step did."""

    def __init__(self, trace: Trace, spec: RunSpec, lines: list[str]) -> None:
        super().__init__(trace, spec)
        self.lines = lines
        self.steps: list[Step] = []
        self.names: dict[int, str] = {}

    def _rows(self, start: int, row: int, end: int) -> int:
        happens = super()._rows
        for one in range(row, end):
            space = self.trace.spaces[int(self.span.asid[one])]
            where = f"{int(self.span.vpn[one])}"
            where = where if len(self.trace.spaces) == 1 else f"{space}:{where}"
            times = f" x{self.span.nr[one]}" if self.span.nr[one] > 1 else ""
            what = f"{OP_WORDS[int(self.span.op[one])]} {where}{times}"
            self._tell(what, partial(happens, start, one, one + 1), access=True)
        return end

    def _event(self, event: Any, number: int) -> None:
        line = self.lines[int(event["line"]) - 1].partition("#")[0]
        self._tell(" ".join(line.split()), partial(super()._event, event, number), access=False)

    def _tell(self, what: str, happen: Callable[[], object], *, access: bool) -> None:
        misses = int(counted(self.m)[MISSES])
        before = self._resident()
        happen()
        after = self._resident()
        missed = int(counted(self.m)[MISSES]) > misses
        policy: Any = self.policy
        lists = {
            name: [self._name(page) for page in pages]
            for name, pages in policy.explain(self.m).items()
        }
        self.steps.append(
            Step(
                what,
                ("fault" if missed else "hit") if access else "",
                [self._name(page) for page in before if page not in after],
                lists,
                [self._name(page) for page in after if self._is_young(after[page])],
                {self._name(page): words for page in after if (words := self._words(after[page]))},
            )
        )

    def _frames(self) -> Any:
        return self.m.frame.reshape(-1, r.FRAME_WORDS)[: self.m.nr_frames]

    def _resident(self) -> dict[int, int]:
        """Return page -> frame."""
        pages = self._frames()[:, r.FRAME_PAGE]
        return {int(page): pfn for pfn, page in enumerate(pages) if page != NIL}

    def _is_young(self, pfn: int) -> bool:
        pte = self.m.pte
        mapping = ((pte & PRESENT) != 0) & ((pte >> VALUE_SHIFT) == pfn)
        return bool(np.any(mapping & ((pte & YOUNG) != 0)))

    def _words(self, pfn: int) -> str:
        one, two = (int(w) for w in self._frames()[pfn, [r.FRAME_W0, r.FRAME_W1]])
        return f"{one},{two}" if one or two else ""

    def _name(self, page: int) -> str:
        """Return the file and offset of a page, or the address it was first seen at."""
        if page not in self.names:
            row = self.m.page[page * r.PAGE_WORDS : (page + 1) * r.PAGE_WORDS]
            kind, file = int(row[r.PAGE_BACKING]) & 3, int(row[r.PAGE_BACKING]) >> 2
            name = f"{int(row[r.PAGE_INDEX])}"
            name = name if kind == 0 else f"{self.trace.files[file]}@{name}"
            # A copy, or another process's page at the same address.
            taken = name in self.names.values()
            self.names[page] = f"{name}#{page}" if taken else name
        return self.names[page]
