"""The conformance suite: every promise of a policy or a strategy, looked for in its opposite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.counters import COUNTER_NAMES
from reclaim.engine.snapshot import counted
from reclaim.plugin.pairs import asks_reverse_map, finds_all
from reclaim.plugin.registry import Registry
from reclaim.run import PluginChoice, RunSpec
from reclaim.testing.guard import Breach, BreachError
from reclaim.testing.lanes import LANES, Lane, job, request
from reclaim.testing.outcome import drive, outcome
from reclaim.testing.promises import COMPILED, PROMISES
from reclaim.testing.scripts import WEIGHTS, random_script
from reclaim.testing.search import MOST_LINES, PROBES, Attempt, Failure, search, shrink
from reclaim.testing.stage import WORLDS, Stage, World, attempt, ends_in_time
from reclaim.trace.events import EXIT
from reclaim.trace.script import parse_script

EVENTS = 2000
"""Lines of scripts that the search for a breach tries."""

NR_COMPARED = 8
"""Scripts on which whole runs are compared, one in each world and one more."""

SIZES = {"processes": (10, 30, 100, 300), "depth": (5, 10, 20, 50, 100)}
TOLERANCE = 0.2
LEAK = 16 << 20
"""Bytes that a process may take between a tenth of a run and its end: the allocator's own."""


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Parameters
    ----------
    kind : str
        "policy" or "rmap": which of the two is on trial.
    policy, rmap : PluginChoice
        The pair that runs.
    """

    kind: str
    policy: PluginChoice
    rmap: PluginChoice

    @property
    def label(self) -> str:
        """Name of what is checked, and of the other."""
        mine, other = self.policy.label, self.rmap.label
        return f"{mine} on {other}" if self.kind == "policy" else f"{other} under {mine}"

    @property
    def own(self) -> PluginChoice:
        """The one on trial."""
        return self.policy if self.kind == "policy" else self.rmap

    @property
    def unusable(self) -> tuple[str, ...]:
        """Verbs that scripts leave out: probes walk, which not every strategy can."""
        return () if finds_all(self.rmap.cls) else PROBES


@dataclass(frozen=True)
class Outcome:
    """How one check ended.

    Parameters
    ----------
    check, promise : str
        Its name, and what is promised.
    passed : bool
        Whether nothing was found.
    text : str
        What was found.
    script, world : str
        The smallest script that shows it, and the machine; empty where it is not about a script.
    """

    check: str
    promise: str
    passed: bool
    text: str = ""
    script: str = ""
    world: str = ""


def partners(registry: Registry, kind: str, own: PluginChoice) -> list[PluginChoice]:
    """Return what a plugin is checked with unless told otherwise.

    A policy runs on pte_chain. A strategy runs under clock and lru, or, if its walks do not find
    all PTEs, under the policies that need none.
    """
    if kind == "policy":
        return [PluginChoice(*registry.rmaps.choose("pte_chain", {}))]
    names = ["clock", "lru"]
    if not finds_all(own.cls):
        names = [cls.name for cls in registry.policies.classes() if not asks_reverse_map(cls)]
    return [PluginChoice(*registry.policies.choose(name, {})) for name in names]


def run_suite(
    registry: Registry,
    subject: Subject,
    *,
    seed: int = 0,
    events: int = EVENTS,
    lanes: Sequence[str] = tuple(LANES),
) -> Iterator[Outcome]:
    """Check a plugin; yields how each check ended, as it ends.

    Parameters
    ----------
    registry : Registry
        Where `full_scan` is, which strategies are compared with.
    subject : Subject
        The pair, and which of it is on trial.
    seed : int
        Of scripts.
    events : int
        Lines of scripts to try.
    lanes : sequence of str
        Of `LANES`: compiled processes to compare with; none leaves out what needs them.
    """
    with ExitStack() as stack:
        what = job(subject.policy, subject.rmap)
        opened = [stack.enter_context(Lane(name, what)) for name in lanes]
        suite = _Suite(registry, subject, seed, opened)
        suite.ask_early()
        found: dict[str, Failure] = {}
        failures, _ = search(suite.attempt, seed=seed, nr_events=events, without=subject.unusable)
        for name, failure in failures.items():
            # What breaks on one side and is the other's to promise: a policy that writes the
            # machine's columns makes walks fail.
            known = name if name in PROMISES[subject.kind] else "frames_conserved"
            found.setdefault(known, failure)
        for check, promise in PROMISES[subject.kind].items():
            if check in COMPILED and not opened:
                continue
            if check in COMPILED and found:
                # Compiled code without checks may do anything then, and never answer.
                untried = Breach(check, "not tried before the others are mended")
                yield _outcome(check, promise, untried)
                continue
            found_now = found.get(check) or getattr(suite, check, lambda: None)()
            yield _outcome(check, promise, found_now)


def _outcome(check: str, promise: str, found: Failure | Breach | None) -> Outcome:
    if found is None:
        return Outcome(check, promise, passed=True)
    if isinstance(found, Failure):
        world = found.world.text()
        return Outcome(check, promise, False, found.text, found.script, world)
    return Outcome(check, promise, False, found.text)


class _Suite:
    """The checks of a subject; a method by a check's name returns what it found, or None."""

    def __init__(self, registry: Registry, subject: Subject, seed: int, lanes: list[Lane]) -> None:
        self.registry = registry
        self.subject = subject
        self.seed = seed
        self.lanes = lanes
        self.compiled = next((lane for lane in lanes if lane.name == "jit"), None)
        verbs = [verb for verb in WEIGHTS if verb not in subject.unusable]
        self.compared = [
            (random_script(seed + k, 2 * MOST_LINES, verbs=verbs, max_locked=1), WORLDS[k % 7])
            for k in range(NR_COMPARED)
        ]

    def spec(self, world: World) -> RunSpec:
        return world.spec(self.subject.policy, self.subject.rmap, self.seed)

    def attempt(self, text: str, world: World) -> Breach | None:
        """Let a script happen, and look at every promise that can be looked at on the way."""
        is_rmap = self.subject.kind == "rmap"
        return attempt(
            text,
            self.spec(world),
            watches=self.subject.kind,
            at_end=_nothing_left if is_rmap else lambda _stage: None,
        )

    def run(self, text: str, world: World) -> dict[str, Any] | None:
        """Return the outcome as plain Python; None if it raises, which others checks report."""
        try:
            with ends_in_time() as start:
                start()
                return outcome(text, self.spec(world), compiled=False)
        except Exception:  # noqa: BLE001 - `survives` reports it
            return None

    def compare(
        self, check: str, other: Callable[[str, World], dict[str, Any] | None], words: str, key: str
    ) -> Failure | None:
        """Return the smallest script on which two runs differ."""

        def differs(text: str, world: World) -> Breach | None:
            one = self.run(text, world)
            two = other(text, world) if one is not None else None
            if one is None or two is None or one.get(key) == two.get(key):
                return None
            return Breach(check, words + (f": {two['error']}" if two.get("error") else ""))

        for text, world in self.compared:
            if breach := differs(text, world):
                return shrink(differs, Failure(*breach, text, world))
        return None

    # ---- checks by name

    def deterministic(self) -> Failure | None:
        return self.compare("deterministic", self.run, "two runs of it differ", "digest")

    def same_decisions(self) -> Failure | None:
        """Compare with full_scan, which nothing can mislead; moves apart if they copy."""
        full = PluginChoice(*self.registry.rmaps.choose("full_scan", {}))
        policy, seed = self.subject.policy, self.seed
        moves = self.subject.rmap.cls.copies_on_move

        def by_full_scan(text: str, world: World) -> dict[str, Any] | None:
            if moves and "mremap" in text:
                return None
            return outcome(text, world.spec(policy, full, seed), compiled=False)

        words = "decisions differ from those with full_scan"
        return self.compare("same_decisions", by_full_scan, words, "decisions")

    def smallest_and_largest(self) -> Failure | None:
        pages = np.random.default_rng(self.seed).integers(0, 12, 150).tolist()

        def wrong(text: str, world: World) -> Breach | None:
            accesses = _pages_of(text)
            if not accesses:
                return None
            distinct = len(set(accesses))
            changes = sum(a != b for a, b in zip(accesses, [None, *accesses], strict=False))
            expected = changes if world.frames == 1 else distinct
            misses = self._misses(text, world)
            if misses == expected or (world.frames > 1 and distinct > world.frames):
                return None
            words = f"{len(accesses)} accesses to {distinct} pages with {world.frames} frames: "
            return Breach("smallest_and_largest", f"{words}{misses} misses, not {expected}")

        return self._first(wrong, [(pages, World(1)), (pages, World(12))])

    def never_beats_belady(self) -> Failure | None:
        rng = np.random.default_rng(self.seed)
        loop = (np.arange(120) % 11).tolist()
        lists = [loop, *(np.minimum(rng.zipf(1.3, 120), 20).tolist() for _ in range(3))]

        def beats(text: str, world: World) -> Breach | None:
            accesses = _pages_of(text)
            misses = self._misses(text, world) if accesses else ""
            best = belady(accesses, world.frames)
            if isinstance(misses, str) or misses >= best:
                return None
            return Breach("never_beats_belady", f"{misses} misses, Belady's MIN has {best}")

        return self._first(beats, [(pages, World(n)) for pages in lists for n in (2, 5, 9)])

    def _first(
        self, wrong: Attempt, cases: Sequence[tuple[Sequence[int], World]]
    ) -> Failure | None:
        for pages, world in cases:
            text = page_script(pages)
            if breach := wrong(text, world):
                return shrink(wrong, Failure(*breach, text, world))
        return None

    def _misses(self, text: str, world: World) -> int | str:
        """Return the misses of a script, or what was raised."""
        try:
            with ends_in_time() as start:
                start()
                driver = drive(parse_script(text), self.spec(world), compiled=False)
                driver.run()
        except (Exception, BreachError) as error:  # noqa: BLE001 - whatever it is, it is the answer
            return f"{type(error).__name__} ({error})"
        return int(counted(driver.m)[COUNTER_NAMES.index("misses")])

    # ---- checks in other processes: asked early, so that they compile beside the search

    def ask_early(self) -> None:
        """Send what lanes will be asked."""
        for lane in self.lanes:
            for text, world in self.compared:
                lane.ask(request(text, world, self.seed))
        if self.compiled is not None:
            of = {"of": self.subject.kind, "pages": 20_000, "frames": 2000}
            self.compiled.ask({"what": "memory", "accesses": 1_000_000, **of})
            if self.subject.kind == "rmap":
                self.compiled.ask({"what": "growth", "sizes": SIZES, "tolerance": TOLERANCE})

    def lanes_agree(self) -> Failure | Breach | None:
        for lane in self.lanes:
            answers = [lane.answer() for _ in self.compared]
            if lane is self.compiled:
                self.memory = lane.answer()
                self.growth = lane.answer() if self.subject.kind == "rmap" else {}
            found = self._differs(lane, answers)
            if found is not None:
                return found
        return None

    def _differs(self, lane: Lane, answers: list[dict[str, Any]]) -> Failure | Breach | None:
        who = {"jit": "compiled code", "bounds": "bounds-checked code"}[lane.name]

        def differs(text: str, world: World, told: dict[str, Any] | None = None) -> Breach | None:
            one = self.run(text, world)
            if one is None:
                return None
            two = told or lane.outcome(text, world, self.seed)
            if one == two:
                return None
            words = f"{who} and plain Python do not leave the same machine behind"
            return Breach("lanes_agree", words + (f": {two['error']}" if two["error"] else ""))

        for (text, world), told in zip(self.compared, answers, strict=True):
            breach = differs(text, world, told)
            if breach is not None and told.get("raised"):
                return breach  # it does not compile: no script has a part in it
            if breach is not None:
                return shrink(differs, Failure(*breach, text, world))
        return None

    def bounded(self) -> Breach | None:
        if "error" in self.memory:
            return Breach("bounded", f"a million accesses: {self.memory['error']}")
        state, process = self.memory["state"], self.memory["process"]
        if len(set(state)) > 1 and self.subject.kind == "policy":
            return Breach("bounded", f"its state grew from {state[0]:,} to {state[-1]:,} bytes")
        if process[-1] - process[0] > LEAK:
            return Breach("bounded", f"the process grew by {process[-1] - process[0]:,} bytes")
        return None

    def grows_as_claimed(self) -> Breach | None:
        if "error" in self.growth:
            return Breach("grows_as_claimed", self.growth["error"])
        wrong = self.growth["wrong"]
        return Breach("grows_as_claimed", "; ".join(wrong)) if wrong else None


def _nothing_left(stage: Stage) -> None:
    """End every process, and look for objects that are still there."""
    m = stage.m
    for space in np.flatnonzero(m.space.reshape(-1, r.SPACE_WORDS)[:, r.SPACE_ALIVE]).tolist():
        stage._change(EXIT, [space, 0, 0, 0, 0, 0], "exit", 0)
    left = {kind: live for kind, (live, _, _) in m.rmap.objects().items() if live}
    if left:
        words = ", ".join(f"{live} {kind}" for kind, live in left.items())
        raise BreachError("frees_objects", f"all processes have exited, and there are {words}")


def belady(pages: Sequence[int], frames: int) -> int:
    """Return the misses of Belady's MIN, slowly: the page goes whose next use is furthest away."""
    held: set[int] = set()
    misses = 0
    for at, page in enumerate(pages):
        if page in held:
            continue
        misses += 1
        if len(held) == frames:
            rest = list(pages[at:])
            held.remove(max(held, key=lambda p: rest.index(p) if p in rest else len(rest)))
        held.add(page)
    return misses


def page_script(pages: Sequence[int]) -> str:
    """Return the script of one process that reads these pages."""
    reads = "\n".join(f"read p {page}" for page in pages)
    return f"mmap p 0 {max(pages) + 1} anon private rw-\n{reads}\n"


def _pages_of(text: str) -> list[int]:
    """Return the pages that such a script reads; none if it has lost the mapping of one."""
    lines = [line.split() for line in text.splitlines()]
    pages = [int(words[2], 0) for words in lines if words[0] == "read"]
    mapped = int(lines[0][3]) if lines and lines[0][0] == "mmap" else 0
    return pages if max(pages, default=-1) < mapped else []
