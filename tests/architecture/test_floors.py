"""Does every import point down, and does nobody go around the door that is meant for them?"""

from __future__ import annotations

import graphlib
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, imports, module_name, python_files, shown

# From the ground up. A module belongs to the longest name that it starts with. It imports from its
# own package and from floors below; two packages on one floor do not know each other.
FLOORS: list[tuple[str, ...]] = [
    ("reclaim.errors", "reclaim.ids", "reclaim.rows"),
    ("reclaim.jit", "reclaim.trace", "reclaim.store", "reclaim.stats"),
    # What the machine is built of, and that does not know it.
    ("reclaim.counters", "reclaim.kit.pool", "reclaim.kit.rng", "reclaim.kit.tree"),
    ("reclaim.vm",),
    ("reclaim.kit",),
    ("reclaim.contract",),
    ("reclaim.plugin",),
    ("reclaim.api", "reclaim.capture", "reclaim.engine"),
    ("reclaim.metrics",),
    ("reclaim.config", "reclaim.results"),
    ("reclaim.opening", "reclaim.run"),
    ("reclaim.session",),  # a configuration becomes runs
    ("reclaim.compare", "reclaim.report", "reclaim.sweep"),
    ("reclaim.testing", "reclaim.templates"),  # for those who write plugins
    ("reclaim.explain",),
    ("reclaim",),  # the package itself: what Python users call
    ("reclaim.cli",),
]
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# What a floor may use of those below, where that is less than all.
NARROWER = {
    "reclaim.trace": ("reclaim.errors", "reclaim.ids", "reclaim.trace"),
    "reclaim.store": ("reclaim.errors", "reclaim.store"),
    "reclaim.stats": ("reclaim.stats",),
    # It reads a store, and trace files beside it; never the engine.
    "reclaim.report": (
        "reclaim.errors",
        "reclaim.store",
        "reclaim.stats",
        "reclaim.trace",
        "reclaim.results",
        "reclaim.contract.observer",
        "reclaim.metrics.costs",
        "reclaim.report",
    ),
    # What is said of records needs no machine.
    "reclaim.results": (
        "reclaim.errors",
        "reclaim.store",
        "reclaim.stats",
        "reclaim.metrics.compare",
        "reclaim.results",
    ),
}

PLUGIN_IMPORTS = {"reclaim.api", "numpy", "numba"}
ORACLE_IMPORTS = ("reclaim.errors", "reclaim.ids", "reclaim.trace", "reclaim.testing.scripts")


def home(module: str) -> str:
    """Return the name in FLOORS that a module belongs to."""
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        if (name := ".".join(parts[:length])) in FLOOR_OF:
            return name
    assert parts == ["reclaim"], f"{module} has no floor: give it one in {shown(Path(__file__))}"
    return "reclaim"


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def ours(path: Path) -> list[tuple[int, str]]:
    return [(line, name) for line, name in imports(path) if within(name, ("reclaim",))]


@pytest.mark.parametrize("path", python_files("reclaim"), ids=shown)
def test_imports_point_down(path: Path) -> None:
    here = home(module_name(path))
    wrong = []
    for line, name in ours(path):
        there = home(name)
        down = here == there or FLOOR_OF[there] < FLOOR_OF[here]
        if not down or not within(name, NARROWER.get(here, ("reclaim",))):
            wrong.append(f"{shown(path)}:{line}: {here} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_no_module_depends_on_itself() -> None:
    names = {module_name(path): path for path in python_files("reclaim")}
    graph = {
        name: {used for _, used in ours(path) if used in names and used != name}
        for name, path in names.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("modules import each other: " + " -> ".join(reversed(error.args[1])))


@pytest.mark.parametrize("path", python_files("plugins"), ids=shown)
def test_plugins_use_the_public_door(path: Path) -> None:
    wrong = [
        f"{shown(path)}:{line}: imports {name}"
        for line, name in imports(path)
        if name not in PLUGIN_IMPORTS and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert not wrong, "\n".join(wrong)


def test_the_oracle_shares_no_code_with_the_machine() -> None:
    machine = [path for path in python_files("tests/oracle") if not path.stem.startswith("test_")]
    assert machine
    wrong = [
        f"{shown(path)}:{line}: imports {name}"
        for path in machine
        for line, name in ours(path)
        if not within(name, ORACLE_IMPORTS)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("pluggy", ("reclaim.plugin",)),
        # Folding a log is one loop over text, in one file, with nothing of the machine in it.
        ("numba", ("reclaim.jit", "reclaim.engine", "reclaim.trace.valgrind.fold")),
        ("llvmlite", ("reclaim.jit", "reclaim.engine")),
        ("typer", ("reclaim.cli",)),
        ("rich", ("reclaim.cli",)),
        ("yaml", ("reclaim.config", "reclaim.metrics")),
        ("pydantic", ("reclaim.config",)),
        ("duckdb", ("reclaim.store",)),
        ("scipy", ("reclaim.stats",)),
        ("altair", ("reclaim.report",)),
        ("vl_convert", ("reclaim.report",)),
    ],
)
def test_a_library_has_one_place(library: str, allowed: tuple[str, ...]) -> None:
    wrong = [
        f"{shown(path)}:{line}: imports {name}"
        for path in python_files("reclaim")
        for line, name in imports(path)
        if within(name, (library,)) and not within(module_name(path), allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_floor_is_lived_on() -> None:
    def exists(name: str) -> bool:
        path = ROOT.joinpath(*name.split("."))
        return path.is_dir() or path.with_suffix(".py").exists()

    assert not [name for name in FLOOR_OF if not exists(name)]
