"""The same plugin in other processes: compiled, and compiled with bounds checks.

How a process runs its kernels is settled when it starts, so each lane is a process of its own
(``python -m reclaim.testing.lanes``). It reads a job, then requests, one JSON document a line, and
answers each with one line.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from reclaim.run import PluginChoice
from reclaim.testing.stage import World

LANES = {"jit": {}, "bounds": {"RECLAIM_BOUNDSCHECK": "1"}}
"""Name of a lane -> what its process finds in the environment."""

SILENCE = 180.0
"""Seconds without an answer after which a process is given up; compiling takes a tenth."""

SHARED_PAGES = 4


def job(policy: PluginChoice, rmap: PluginChoice) -> dict[str, Any]:
    """Return what another process needs to find a policy and a strategy."""
    from reclaim.plugin.registry import place_of
    from reclaim.plugin.source import PREFIX

    loaded = [c.cls for c in (policy, rmap) if c.cls.__module__.startswith(PREFIX)]
    return {
        "paths": sorted({place_of(cls)[0] for cls in loaded}),
        "policy": [policy.cls.name, dict(policy.params)],
        "rmap": [rmap.cls.name, dict(rmap.params)],
    }


class Lane:
    """A process of one lane; use it in a `with` statement.

    Parameters
    ----------
    name : str
        Of `LANES`.
    what : dict
        From `job`.
    """

    def __init__(self, name: str, what: Mapping[str, Any]) -> None:
        self.name = name
        self.what = what
        self.asked = 0
        self.noise = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the lane
        self._start()

    def _start(self) -> None:
        lanes = ("RECLAIM_INTERPRET", "RECLAIM_BOUNDSCHECK", "RECLAIM_TRACEBACK")
        clean = {key: value for key, value in os.environ.items() if key not in lanes}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reclaim.testing.lanes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.noise,
            text=True,
            env={**clean, **LANES[self.name]},
        )
        self._send(self.what)

    def _send(self, document: object) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(document) + "\n")
            self.process.stdin.flush()

    def ask(self, request: Mapping[str, Any]) -> None:
        """Send a request; its answer comes in turn."""
        self._send(request)
        self.asked += 1

    def answer(self) -> dict[str, Any]:
        """Return the answer to the oldest request; a process that died is started again."""
        assert self.process.stdout is not None
        patience = threading.Timer(SILENCE, self.process.kill)
        patience.start()
        line = self.process.stdout.readline()
        patience.cancel()
        self.asked -= 1
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        code = self.process.wait()
        self._start()
        return {"error": f"the process ended with code {code}{self._last_words()}", "died": True}

    def _last_words(self) -> str:
        self.noise.seek(0)
        lines = self.noise.read().split("\n")
        said = [line for line in lines if line.strip()]
        return f": {said[-1]}" if said else ""

    def outcome(self, text: str, world: World, seed: int = 0) -> dict[str, Any]:
        """Return what `reclaim.testing.outcome` returns there."""
        self.ask(request(text, world, seed))
        return self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        if kind is not None or self.asked:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.noise.close()


def request(text: str, world: World, seed: int = 0) -> dict[str, Any]:
    """Return the request for the outcome of a script."""
    return {"what": "outcome", "script": text, "world": asdict(world), "seed": seed}


# ---- inside the process -------------------------------------------------------------------------


def _chosen(document: Mapping[str, Any]) -> tuple[PluginChoice, PluginChoice]:
    from reclaim.plugin.manager import load_plugins

    registry = load_plugins([Path(path) for path in document["paths"]])
    return (
        PluginChoice(*registry.policies.choose(*document["policy"])),
        PluginChoice(*registry.rmaps.choose(*document["rmap"])),
    )


def _outcome(policy: PluginChoice, rmap: PluginChoice, asked: Mapping[str, Any]) -> dict[str, Any]:
    from reclaim.testing.outcome import outcome

    spec = World(**asked["world"]).spec(policy, rmap, asked["seed"])
    return outcome(asked["script"], spec, compiled=True)


def _memory(policy: PluginChoice, rmap: PluginChoice, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Run a million accesses; return the bytes of the state, and of the process, on the way."""
    import psutil

    from reclaim.testing.outcome import drive
    from reclaim.trace.pages import from_pages

    rng = np.random.default_rng(0)
    pages = np.minimum(rng.zipf(1.2, asked["accesses"]), asked["pages"]) - 1
    spec = World(asked["frames"]).spec(policy, rmap)
    driver = drive(from_pages(pages), spec, compiled=True)
    own = driver.policy if asked["of"] == "policy" else driver.m.rmap
    process = psutil.Process()
    seen: list[tuple[int, int]] = []

    def note(_done: int, _total: int) -> None:
        seen.append((own.nbytes(), process.memory_info().rss))

    driver.run(10, note)
    return {"state": [state for state, _ in seen], "process": [rss for _, rss in seen]}


def _growth(policy: PluginChoice, rmap: PluginChoice, asked: Mapping[str, Any]) -> dict[str, Any]:
    from reclaim.compare.scaling import disagreements, study

    found = study(rmap, policy, rmap.label, asked["sizes"], SHARED_PAGES)
    return {"wrong": disagreements(found, asked["tolerance"])}


_DO = {"outcome": _outcome, "memory": _memory, "growth": _growth}


def _answers(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    chosen = _chosen(json.loads(next(lines)))
    for line in lines:
        asked = json.loads(line)
        try:
            yield _DO[asked["what"]](*chosen, asked)
        except Exception as error:  # noqa: BLE001 - the one who asked must hear of it
            yield {"error": f"{type(error).__name__}: {error}", "raised": True}


def main() -> None:
    """Answer requests until there are no more; what others print goes to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for answer in _answers(iter(sys.stdin.readline, "")):
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
