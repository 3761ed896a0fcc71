"""Sweeps for tests: a small file, a store to compare, plugins that misbehave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from reclaim.store import Store

TIMES = (
    "seconds",
    "accesses_per_second",
    "bind_seconds",
    "wall_seconds",
    "started",
)
"""What may differ between two records of one run."""

SMALL: dict[str, Any] = {
    "workloads": [
        {"page_pattern": {"pattern": ["zipf", "loop"], "pages": 200, "accesses": 20_000}}
    ],
    "policies": ["fifo", "clock", "lru"],
    "rmaps": ["pte_chain"],
    "frames": ["25%", "60%"],
    "repeat": 2,
}

_PLUGIN = """\
from reclaim.api import Policy, hookimpl, list_at, list_remove, push_front, take_victims


class Bad(Policy):
    name = "bad"
    summary = "misbehaves"
    source = "a test"
    nr_lists = 1

    {new}

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)

    def select(self, m, nr_wanted, victims, page):
        {select}

    def removed(self, m, pfn, why):
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)


@hookimpl
def reclaim_register_policies(register):
    register(Bad)
"""
_SELECT = "return take_victims(m, list_at(m, 0), nr_wanted, victims)"
_NEW = """\
@classmethod
    def new(cls, nr_frames, nr_pages, seed, **params):
        {body}
        return super().new(nr_frames, nr_pages, seed, **params)
"""


def plugin(folder: Path, *, new: str = "", select: str = _SELECT) -> Path:
    """Write a policy `bad` whose `new` or `select` does something else."""
    path = folder / "bad.py"
    body = _NEW.format(body=new) if new else ""
    path.write_text(_PLUGIN.format(new=body, select=select))
    return path


def sweep_file(folder: Path, **changes: Any) -> Path:
    """Write `SMALL` with some keys changed."""
    path = folder / "s.yaml"
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


def command(*args: object) -> list[str]:
    """Return the words that start the program."""
    return [sys.executable, "-m", "reclaim.cli.main", "sweep", *map(str, args)]


def shell(*args: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `reclaim sweep` as a process of its own."""
    return subprocess.run(
        command(*args),
        env={**os.environ, **env},
        text=True,
        capture_output=True,
        timeout=240,
        check=False,
    )


def content(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a store without times, in the store's order."""
    store = Store(folder, create=False)
    records = [
        {key: value for key, value in record.items() if key not in TIMES}
        for record in store.records()
    ]
    assert not store.warnings
    return records
