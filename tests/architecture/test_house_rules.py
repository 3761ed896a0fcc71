"""Are files small and named for what they do, and is there one door to the compiler?"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, module_name, python_files, shown, tree

CODE = python_files("reclaim", "plugins", "tests", "benchmarks")
MAX_LINES = {"plugins/policies": 150, "plugins/rmaps": 250, "plugins/workloads": 120}
# Where numba's decorators may stand. The second is a loop that calls nothing of ours.
COMPILERS = ("reclaim.jit", "reclaim.trace.valgrind.fold")
VAGUE = {"common", "helper", "helpers", "misc", "util", "utils"}


def is_called(node: ast.expr, *names: str) -> bool:
    return (isinstance(node, ast.Name) and node.id in names) or (
        isinstance(node, ast.Attribute) and node.attr in names
    )


@pytest.mark.parametrize("path", CODE, ids=shown)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    limit = MAX_LINES.get(shown(path.parent), 400)
    nr_lines = len(path.read_text().splitlines())
    assert nr_lines <= limit, f"{shown(path)} has {nr_lines} lines; more than {limit}: split it"


def test_names_say_what_a_module_is_for() -> None:
    assert not [shown(path) for path in CODE if VAGUE & {path.stem, path.parent.name}]


def test_numba_decorators_have_one_home() -> None:
    """A stray `cache=True` runs stale code: numba stamps only the file that holds the decorator."""
    wrong = [
        f"{shown(path)}:{node.lineno}"
        for path in python_files("reclaim", "plugins")
        if not module_name(path).startswith(COMPILERS)
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.expr) and is_called(node, "njit", "jit", "jitclass"))
        or (isinstance(node, ast.keyword) and node.arg == "cache")
    ]
    assert not wrong, f"use `kernel` of reclaim.jit instead, at {', '.join(wrong)}"


def test_only_the_command_line_prints() -> None:
    wrong = [
        f"{shown(path)}:{node.lineno}"
        for path in python_files("reclaim", "plugins")
        if not module_name(path).startswith("reclaim.cli")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and is_called(node.func, "print")
    ]
    assert not wrong


def test_listing_and_reading_do_not_wait_for_numba() -> None:
    light = ["api", "cli.main", "config", "contract", "metrics", "plugin", "trace"]
    code = "".join(f"import reclaim.{name}\n" for name in light)
    code += "import sys; print(sorted({'numba', 'llvmlite'} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert found.stdout.strip() == "[]"
