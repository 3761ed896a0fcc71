"""Is a compiled machine found again when nothing changed, and never when anything did?

Every run is a process of its own, with a cache folder of this test's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reclaim

pytestmark = [pytest.mark.jit_only, pytest.mark.slow]

# Rounds of 20 pages over 10 frames: FIFO misses 60 times; evicting the newest keeps nine pages.
RUN = """
import json, sys, time, warnings
from pathlib import Path
warnings.simplefilter("always")
from reclaim.contract.param import resolve_params
from reclaim.plugin.manager import load_plugins
from reclaim.run import PluginChoice, RunSpec, run_one
from reclaim.trace.script import parse_script

path, name, pressure = sys.argv[1:]
plugins = load_plugins([Path(path)] if path else [])
cls = plugins.policies.get(name)
trace = parse_script("mmap p 0 40 anon private rw-\\n" + "write p 0..19\\n" * 3)
spec = RunSpec(
    PluginChoice(cls, {}), PluginChoice(plugins.rmaps.get("full_scan"), {}), 10, pressure=pressure
)
with warnings.catch_warnings(record=True) as caught:
    record = run_one(trace, spec)
print(json.dumps({
    "counters": record["counters"],
    "digest": record["digest"],
    "bind_seconds": record["bind_seconds"],
    "warnings": [str(w.message) for w in caught],
}))
"""

POLICY = """\
from reclaim.api import Policy, hookimpl, list_at, list_remove, push_front, take_victims
{imports}

class Mine(Policy):
    name = "mine"
    summary = "Evicts something."
    source = "nowhere"
    nr_lists = 1

    def fault_in(self, m, pfn, page, shadow):
        {enter}(m, list_at(m, 0), pfn)

    def select(self, m, nr_wanted, victims, page):
        return take_victims(m, list_at(m, 0), nr_wanted, victims)

    def removed(self, m, pfn, why):
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)

@hookimpl
def reclaim_register_policies(register):
    register(Mine)
"""
PUSH_BACK = "from reclaim.api import push_back"
RING = """\
from reclaim.api import kernel, push_back, push_front

@kernel
def enter(m, at, pfn):
    {0}(m, at, pfn)
"""


class Shell:
    """Runs in new processes that share a cache folder."""

    def __init__(self, folder: Path, *paths: Path) -> None:
        self.cache = folder
        self.paths = [*paths, *(Path(path) for path in sys.path if path)]

    def run(self, plugin: Path | str, name: str = "mine", pressure: str = "exact") -> Any:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RECLAIM_")}
        done = subprocess.run(
            [sys.executable, "-B", "-c", RUN, str(plugin), name, pressure],
            env={
                **kept,
                "RECLAIM_CACHE_DIR": str(self.cache),
                "PYTHONPATH": os.pathsep.join(map(str, self.paths)),
            },
            cwd=self.cache.parent,  # the current folder comes before all others
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def machines(self) -> dict[str, int]:
        """Return the compiled machines on disk, with the time they were written."""
        folder = self.cache / "machines" / "__pycache__"
        return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.nbc")}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the tests one cache folder: what is no matter of theirs is compiled once."""
    return tmp_path_factory.mktemp("cache")


def test_unchanged_is_warm_and_an_edit_is_not(cache: Path, tmp_path: Path) -> None:
    """FIFO; again, from disk; then edited into LIFO: the very next process misses less."""
    shell, file = Shell(cache), tmp_path / "mine.py"
    file.write_text(POLICY.format(imports="", enter="push_front"))
    first = shell.run(file)
    assert first["counters"]["misses"] == 60
    machines = shell.machines()

    again = shell.run(file)
    assert shell.machines() == machines
    assert again["bind_seconds"] < min(1.0, first["bind_seconds"] / 3)
    assert (again["counters"], again["digest"]) == (first["counters"], first["digest"])

    file.write_text(POLICY.format(imports=PUSH_BACK, enter="push_back"))
    edited = shell.run(file)
    # Round 1 misses 20 times. The newest is evicted: 9 pages stay for good, and each later round
    # finds them and the page that the last round ended with.
    assert edited["counters"]["misses"] == lifo_misses(10, list(range(20)) * 3)
    assert len(shell.machines()) == len(machines) + 1  # a pair; the events are the strategy's


def lifo_misses(frames: int, pages: list[int]) -> int:
    resident: list[int] = []
    misses = 0
    for page in pages:
        if page not in resident:
            misses += 1
            if len(resident) == frames:
                resident.pop()
            resident.append(page)
    assert misses < len(pages)
    return misses


def test_an_edit_of_a_module_beside_the_policy(cache: Path, tmp_path: Path) -> None:
    shell, file = Shell(cache, tmp_path), tmp_path / "mine.py"
    file.write_text(POLICY.format(imports="from ring import enter", enter="enter"))
    (tmp_path / "ring.py").write_text(RING.format("push_front"))
    assert shell.run(file)["counters"]["misses"] == 60
    (tmp_path / "ring.py").write_text(RING.format("push_back"))
    assert shell.run(file)["counters"]["misses"] == lifo_misses(10, list(range(20)) * 3)


def test_an_edit_of_the_engine(tmp_path: Path) -> None:
    """The whole package is copied; a batch of reclaim then asks for 5 frames instead of 32."""
    package = tmp_path / "reclaim"
    shutil.copytree(Path(reclaim.__file__).parent, package, ignore=shutil.ignore_patterns("*.pyc"))
    shell = Shell(tmp_path / "cache", tmp_path)
    first = shell.run("", "fifo", "limit")["counters"]
    # Of 10 frames a batch frees all 10: 10, 20, ..., 50 accesses, every ten.
    assert (first["misses"], first["evictions"], first["direct_reclaims"]) == (60, 50, 5)
    rows = (package / "rows.py").read_text()
    assert rows.count("BATCH = 32") == 1
    (package / "rows.py").write_text(rows.replace("BATCH = 32", "BATCH = 5"))
    edited = shell.run("", "fifo", "limit")["counters"]
    assert (edited["misses"], edited["evictions"], edited["direct_reclaims"]) == (60, 50, 10)


def test_a_cache_folder_that_cannot_be_written(cache: Path, tmp_path: Path) -> None:
    """One warning, the same result."""
    (tmp_path / "machines").write_text("not a folder")
    expected = Shell(cache).run("", "fifo")
    found = Shell(tmp_path).run("", "fifo")
    assert found["digest"] == expected["digest"]
    assert found["counters"] == expected["counters"]
    (warning,) = found["warnings"]
    assert "cannot be written" in warning
    assert "RECLAIM_CACHE_DIR" in warning
    assert expected["warnings"] == []
