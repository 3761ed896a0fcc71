"""Is every plugin registered, and every extension point written up?"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, python_files, shown, tree

CONTRACTS = ROOT / "docs/reference/contracts.md"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENTRY_POINTS: dict[str, str] = PYPROJECT["project"]["entry-points"]["reclaim.plugins"]
KINDS = ("policies", "rmaps", "workloads", "readers", "observers")
CONTRACT_CLASSES = {
    "policy": "Policy",
    "rmap": "RmapStrategy",
    "workload": "Workload",
    "reader": "TraceReader",
    "observer": "Observer",
}


def headings() -> set[str]:
    lines = CONTRACTS.read_text().splitlines()
    return {line.lstrip("#").strip().strip("`") for line in lines if line.startswith("#")}


def signature(function: ast.FunctionDef) -> str:
    """Return `name(a, b)`: what a reader would search for; without self, types or defaults."""
    names = [argument.arg for argument in function.args.args]
    names += [f"**{function.args.kwarg.arg}"] if function.args.kwarg else []
    return f"{function.name}({', '.join(name for name in names if name not in ('self', 'cls'))})"


def functions(body: list[ast.stmt]) -> list[ast.FunctionDef]:
    return [
        node for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def hooks() -> list[str]:
    found = functions(tree(ROOT / "reclaim/plugin/spec.py").body)
    return [signature(node) for node in found if node.name.startswith("reclaim_")]


def contract_methods() -> list[str]:
    found = []
    for stem, name in CONTRACT_CLASSES.items():
        body = tree(ROOT / f"reclaim/contract/{stem}.py").body
        (one,) = [node for node in body if isinstance(node, ast.ClassDef) and node.name == name]
        found += [f"{name}.{signature(method)}" for method in functions(one.body)]
    return found


@pytest.mark.parametrize(("name", "module"), ENTRY_POINTS.items(), ids=list(ENTRY_POINTS))
def test_an_entry_point_names_a_file(name: str, module: str) -> None:
    package, kind, stem = module.split(".")
    assert (package, stem) == ("reclaim_plugins", name)
    assert kind in KINDS
    assert (ROOT / "plugins" / kind / f"{stem}.py").is_file()


def test_every_plugin_file_has_an_entry_point() -> None:
    files = {path.stem: path for path in python_files(*(f"plugins/{kind}" for kind in KINDS))}
    del files["__init__"]
    assert not [shown(path) for name, path in files.items() if name not in ENTRY_POINTS]


def test_every_hook_is_written_up() -> None:
    missing = set(hooks()) - headings()
    assert not missing, f"{shown(CONTRACTS)} lacks headings for {sorted(missing)}"


def test_every_method_of_a_contract_is_written_up() -> None:
    missing = set(contract_methods()) - headings()
    assert not missing, f"{shown(CONTRACTS)} lacks headings for {sorted(missing)}"


@pytest.mark.parametrize("hook", hooks())
def test_a_hook_has_a_plugin_that_uses_it(hook: str) -> None:
    name = hook.split("(", maxsplit=1)[0]
    assert any(f"def {name}" in path.read_text() for path in python_files("plugins"))


@pytest.mark.parametrize("path", sorted((ROOT / "docs/decisions").glob("[0-9]*.md")), ids=shown)
def test_a_decision_says_what_was_rejected(path: Path) -> None:
    text = path.read_text()
    wanted = ["## Context", "## Choice", "## Rejected", "## Consequences"]
    assert not [heading for heading in wanted if heading not in text]
