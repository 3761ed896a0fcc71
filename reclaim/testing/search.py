"""Looking for a script that makes a plugin break a promise, and for the smallest one that does.

Scripts are text, and a line that is left out leaves the others as they are; so lines are removed,
then words made simpler, for as long as the same promise stays broken. (A script shrunk by its
random choices changes behind each of them: docs/decisions/0007-shrinking-the-text.md.)
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from reclaim.testing.guard import Breach
from reclaim.testing.scripts import WEIGHTS, random_script
from reclaim.testing.stage import WORLDS, World

MOST_LINES = 60
PROBES = ("evict", "referenced")
SHRINK_SECONDS = 20.0
"""What is spent on making one failing script smaller; most take one or two."""

Attempt = Callable[[str, World], Breach | None]


class Failure(NamedTuple):
    """A breach with the smallest script that makes it.

    Parameters
    ----------
    check, text : str
        As in `Breach`.
    script : str
        Event script.
    world : World
        The machine.
    """

    check: str
    text: str
    script: str
    world: World


def search(
    attempt: Attempt,
    *,
    seed: int,
    nr_events: int,
    worlds: Sequence[World] = WORLDS,
    without: Sequence[str] = (),
) -> tuple[dict[str, Failure], int]:
    """Look for scripts that break promises.

    Parameters
    ----------
    attempt : callable
        Lets a script happen in a world.
    seed : int
        Of the scripts.
    nr_events : int
        Lines to try, over all scripts and worlds.
    worlds : sequence of World
        Where.
    without : sequence of str
        Verbs that are not used.

    Returns
    -------
    dict
        The name of each broken promise -> its smallest script.
    int
        Lines tried.
    """
    verbs = [verb for verb in WEIGHTS if verb not in without]
    found: dict[str, Failure] = {}
    tried = 0
    number = 0
    while tried < nr_events:
        world = worlds[number % len(worlds)]
        text = random_script(1000 * seed + number, MOST_LINES, verbs=verbs, max_locked=1)
        number += 1
        tried += text.count("\n")
        breach = attempt(text, world)
        if breach is not None and breach.check not in found:
            found[breach.check] = shrink(attempt, Failure(*breach, text, world))
    return found, tried


def shrink(attempt: Attempt, failure: Failure) -> Failure:
    """Return a failure of the same check with the smallest script that could be found."""
    until = time.monotonic() + SHRINK_SECONDS
    for simpler in _worlds_like(failure):
        if (breach := attempt(failure.script, simpler)) and breach.check == failure.check:
            failure = failure._replace(text=breach.text, world=simpler)
            break
    progress = True
    while progress:
        progress = False
        for text in _simpler(failure.script):
            if time.monotonic() > until:
                return failure
            breach = attempt(text, failure.world)
            if breach is not None and breach.check == failure.check:
                failure = failure._replace(text=breach.text, script=text)
                progress = True
                break
    return failure


def _worlds_like(failure: Failure) -> Iterator[World]:
    """Yield simpler worlds: fewer frames, but for a check that too few frames would break."""
    world = failure.world
    sizes = range(2, world.frames) if world.pressure["pressure"] != "watermarks" else ()
    if failure.check != "survives":
        for frames in sizes:
            yield replace(world, frames=frames)


def _simpler(text: str) -> Iterator[str]:
    """Yield scripts that are shorter, the boldest first."""
    lines = text.splitlines()
    size = len(lines) // 2
    while size > 0:
        for start in range(0, len(lines), size):
            kept = lines[:start] + lines[start + size :]
            yield "\n".join(kept) + "\n"
        size //= 2
    for number, line in enumerate(lines):
        for simpler in _simpler_lines(line):
            yield "\n".join([*lines[:number], simpler, *lines[number + 1 :]]) + "\n"


def _simpler_lines(line: str) -> Iterator[str]:
    words = line.split()
    if re.fullmatch(r"x\d+", words[-1]):
        yield " ".join(words[:-1])
    for k, word in enumerate(words):
        low, dots, high = word.partition("..")
        if dots:
            middle = (int(low, 0) + int(high, 0)) // 2
            yield " ".join([*words[:k], low, *words[k + 1 :]])
            if int(low, 0) < middle:
                yield " ".join([*words[:k], f"{low}..{middle}", *words[k + 1 :]])
    # The number of pages, in the events that have one.
    if words[0] in _WITH_LENGTH and int(words[3], 0) > 1:
        for fewer in sorted({1, int(words[3], 0) // 2, int(words[3], 0) - 1}):
            yield " ".join([*words[:3], str(fewer), *words[4:]])


_WITH_LENGTH = frozenset(
    {"mmap", "munmap", "mremap", "mprotect", "madvise", "mlock", "munlock", "fdread", "fdwrite"}
)
