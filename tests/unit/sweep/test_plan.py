"""Do axes become the runs that were meant, each with an identity of its own?"""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from reclaim.config.resolve import Overrides
from reclaim.config.show import sweep_schema
from reclaim.config.sweep import CellSection, ExcludeSection, SweepConfig
from reclaim.config.sweep_file import Sweep, load_sweep
from reclaim.errors import ConfigError
from reclaim.sweep import plan as planning
from reclaim.sweep.cells import Cell, expand
from reclaim.sweep.plan import Plan, choose, expected_seconds, identity_of, make_plan, reproduce
from tests.laboratory import plugins

ROOT = Path(__file__).parents[3]
BASE: dict[str, Any] = {
    "workloads": [{"doubling": {"rounds": 3, "pages": 20, "writes": 2}}],
    "policies": ["fifo"],
    "rmaps": ["pte_chain"],
    "frames": [10],
}


def sweep(tmp_path: Path, changes: dict[str, Any] | None = None, **settings: Any) -> Sweep:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(BASE | (changes or {})))
    return load_sweep(str(path), Overrides(settings=settings))


def cells(tmp_path: Path, **changes: Any) -> list[Cell]:
    return list(expand(sweep(tmp_path, changes), plugins()).cells)


def planned(tmp_path: Path, **changes: Any) -> Plan:
    return make_plan(sweep(tmp_path, changes), plugins(), tmp_path / "out")


# ---- combinations ----------------------------------------------------------------------------


def test_axes_are_combined_each_with_each(tmp_path: Path) -> None:
    found = cells(tmp_path, policies=["fifo", "clock"], frames=[10, "50%"], repeat=3)
    assert len(found) == 2 * 2 * 3
    seen = {(cell.policy.label, cell.frames, cell.seed) for cell in found}
    assert seen == {(p, f, s) for p in ("fifo", "clock") for f in (10, "50%") for s in range(3)}


def test_a_list_in_place_of_a_parameter_is_an_axis_of_that_plugin_alone(tmp_path: Path) -> None:
    found = cells(
        tmp_path,
        policies=["fifo", {"clock": {}}],
        rmaps=["anon_vma", {"pte_chain": {"line": [32, 64], "word": [4, 8]}}],
        workloads=[{"doubling": {"rounds": [2, 3, 4]}}],
    )
    assert len(found) == 3 * 2 * (1 + 4)
    chains = {
        (cell.rmap.params["line"], cell.rmap.params["word"])
        for cell in found
        if cell.rmap.label == "pte_chain"
    }
    assert chains == {(32, 4), (32, 8), (64, 4), (64, 8)}


def test_zipped_axes_are_walked_together(tmp_path: Path) -> None:
    found = cells(
        tmp_path,
        policies=["fifo", "clock"],
        frames=[10, 20],
        seeds=[7, 8],
        zip=[["frames", "seeds"]],
    )
    assert Counter((cell.frames, cell.seed) for cell in found) == {(10, 7): 2, (20, 8): 2}


def test_cells_stand_beside_the_product_and_take_what_they_do_not_say_from_the_axes(
    tmp_path: Path,
) -> None:
    more = [{"policy": ["lru", "opt"], "frames": 99}]
    found = cells(tmp_path, frames=[10, 20], repeat=2, cells=more)
    assert len(found) == 2 * 2 + 2 * 2
    assert {(c.policy.label, c.frames) for c in found[4:]} == {("lru", 99), ("opt", 99)}


def test_cells_alone_are_all_there_is(tmp_path: Path) -> None:
    (found,) = cells(tmp_path, policies=None, cells=[{"policy": "lru"}])
    assert (found.policy.label, found.frames, found.rmap.label) == ("lru", 10, "pte_chain")


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ({"policy": "fifo"}, 8),
        ({"policy": "fifo", "frames": 10}, 12),
        ({"policy": ["fifo", "clock"], "frames": [10, "50%"], "seed": 0}, 8),
        ({"rmap": {"pte_chain": {"line": 32}}}, 8),
        ({"rmap": {"pte_chain": {"line": [32, 64]}}, "seed": 1}, 8),
        ({"workload": {"doubling": {"rounds": 3}}, "seed": 1}, 8),
        ({"pressure": "exact", "policy": "clock"}, 8),
    ],
)
def test_exclude_takes_what_has_all_that_it_says(
    tmp_path: Path, exclude: dict[str, Any], left: int
) -> None:
    found = cells(
        tmp_path,
        policies=["fifo", "clock"],
        rmaps=[{"pte_chain": {"line": [32, 64]}}],
        frames=[10, "50%"],
        repeat=2,
        exclude=[exclude],
    )
    assert len(found) == left


def test_a_glob_stands_for_the_files_beside_the_sweep(tmp_path: Path) -> None:
    for name in ("b.pages", "a.pages", "c.txt"):
        (tmp_path / name).write_text("1\n")
    found = cells(tmp_path, workloads=["*.pages"])
    assert [Path(cell.workload_name).name for cell in found] == ["a.pages", "b.pages"]


def test_a_file_extends_another_and_variables_are_filled_in(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "t.pages").write_text("1\n")
    base = {**BASE, "workloads": ["t.pages"], "vars": {"n": 3, "sizes": [10, 20]}}
    base |= {"frames": "${sizes}", "repeat": "${n}"}
    (folder / "base.yaml").write_text(yaml.safe_dump(base))
    path = tmp_path / "s.yaml"
    path.write_text("extends: base/base.yaml\nvars: {n: 2}\npolicies: ['${who}k']\n")
    loaded = load_sweep(str(path), Overrides(settings={"vars.who": "cloc"}))
    assert (loaded.config.frames, loaded.config.repeat) == ((10, 20), 2)
    assert loaded.config.policies is not None
    assert [choice.name for choice in loaded.config.policies] == ["clock"]
    found = expand(loaded, plugins()).cells
    assert {cell.workload_name for cell in found} == {str(folder / "t.pages")}


# ---- identity --------------------------------------------------------------------------------


def test_an_identity_says_all_that_counts_and_nothing_else(tmp_path: Path) -> None:
    (task,) = planned(tmp_path).tasks
    hash_ = task.trace.content_hash
    usual = identity_of(task.config, hash_, task.provenance)
    assert usual == task.identity
    assert len(usual) == 64

    def other(config: dict[str, Any] | None = None, code: dict[str, Any] | None = None) -> str:
        provenance = {**task.provenance, "policy": task.provenance["policy"] | (code or {})}
        return identity_of(task.config | (config or {}), hash_, provenance)

    changes = [{"frames": 11}, {"seed": 1}, {"epochs": 2}, {"pressure": {"mode": "limit"}}]
    changed = [other(change) for change in changes]
    changed += [other(code={"source_hash": "x"}), other(code={"results_version": 2})]
    changed += [identity_of(task.config, "another", task.provenance)]
    assert len({usual, *changed}) == len(changed) + 1
    assert other(code={"file": "/elsewhere/fifo.py"}) == usual


def test_defaults_written_out_name_the_same_run(tmp_path: Path) -> None:
    (one,) = planned(tmp_path).tasks
    (other,) = planned(tmp_path, rmaps=[{"pte_chain": {"line": 64}}], time_limit=5).tasks
    assert one.identity == other.identity


def test_an_edited_plugin_names_other_runs(tmp_path: Path) -> None:
    source = (ROOT / "plugins" / "policies" / "fifo.py").read_text()
    plugin = tmp_path / "mine.py"
    found = set()
    for text in (source, source + "\nEDITED = 1\n"):
        plugin.write_text(text.replace('"fifo"', '"mine"'))
        from reclaim.plugin.manager import load_plugins

        made = sweep(tmp_path, {"policies": ["mine"], "plugins": [str(plugin)]})
        plan = make_plan(made, load_plugins([plugin]), tmp_path / "out")
        found |= {task.identity for task in plan.tasks}
    assert len(found) == 2


def test_the_same_run_twice_is_done_once_and_said(tmp_path: Path) -> None:
    plan = planned(tmp_path, policies=["fifo", "fifo"])
    assert len(plan.tasks) == 1
    assert "1 runs stand in the sweep more than once" in plan.warnings[0]


# ---- plan ------------------------------------------------------------------------------------


def test_a_pair_comes_once_and_within_it_a_trace_once(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        policies=["fifo", "clock"],
        rmaps=["pte_chain", "anon_vma"],
        frames=[5, 10],
        repeat=2,
    )
    steps = [(task.pair, task.trace.path) for task in plan.tasks]
    assert len(steps) == 16
    changes = sum(a != b for a, b in pairwise(steps))
    assert changes == len(set(steps)) - 1


def test_traces_are_made_once_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = planned(tmp_path, repeat=2)
    monkeypatch.setattr(planning, "prepare", None)
    again = planned(tmp_path, repeat=2)
    assert [task.identity for task in again.tasks] == [task.identity for task in first.tasks]
    assert len(list((tmp_path / "out" / "traces").glob("*.arrow"))) == 2


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    plan = planned(tmp_path, repeat=3)
    done, failed, new = (task.identity for task in plan.tasks)
    known = {done: "done", failed: "failed"}

    def todo(force: bool = False, only: str | None = None) -> list[str]:
        return [t.identity for t in choose(plan, known, force=force, only=only).todo]

    assert todo() == [failed, new]
    assert todo(force=True) == [done, failed, new]
    assert todo(only="failed") == [failed]
    assert todo(only=new[:12]) == [new]
    with pytest.raises(ConfigError, match="--only zz: no run of this sweep"):
        todo(only="zz")


def test_five_thousand_runs_are_planned_in_no_time(tmp_path: Path) -> None:
    """A sweep that has everything shall answer at once; reading the store takes as long again."""
    (tmp_path / "t.pages").write_text("1\n2\n3\n")
    changes = {
        "workloads": ["t.pages"],
        "policies": ["fifo", "clock", "lru", "opt"],
        "frames": [1, 2],
        "repeat": 625,
    }
    loaded = sweep(tmp_path, changes)
    make_plan(loaded, plugins(), tmp_path / "out")
    began = time.process_time()
    plan = make_plan(loaded, plugins(), tmp_path / "out")
    todo = choose(plan, dict.fromkeys([t.identity for t in plan.tasks], "done"), only=None).todo
    assert time.process_time() - began < 1.0
    assert (len(plan.tasks), todo) == (5_000, ())


def test_rates_of_a_policy_go_before_the_mean_and_that_before_the_constant(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    accesses = plan.tasks[0].trace.accesses
    rest = planning.SECONDS_PER_RUN
    assert expected_seconds(plan.tasks, {"fifo": 10.0, "": 5.0}) == rest + accesses / 10
    assert expected_seconds(plan.tasks, {"lru": 10.0, "": 5.0}) == rest + accesses / 5
    usual = rest + accesses / planning.ACCESSES_PER_SECOND
    assert expected_seconds(plan.tasks, {}) == usual


def test_the_command_that_reproduces_a_run_asks_for_that_run(tmp_path: Path) -> None:
    import shlex

    from reclaim.config.resolve import load_config, parse_settings

    plan = planned(tmp_path, policies=["clock"], frames=["25%"], seeds=[4], pressure=["limit"])
    words = shlex.split(reproduce(plan.tasks[0], plan.sweep.config))
    assert words[:3] == ["reclaim", "run", "first-run"]
    settings = parse_settings(words[4::2])
    config = load_config(words[2], Overrides(settings=settings))
    assert (config.frames, config.seed, config.pressure.mode) == (("25%",), 4, "limit")
    assert [choice.name for choice in config.policies] == ["clock"]
    assert config.trace.workload == "doubling"
    assert config.trace.params["rounds"] == 3


# ---- the reference and the schema ------------------------------------------------------------


def test_the_reference_shows_every_key_with_its_default() -> None:
    path = ROOT / "configs" / "reference-sweep.yaml"
    written = yaml.safe_load(path.read_text())
    assert list(written) == list(SweepConfig.model_fields)
    config = load_sweep(str(path)).config
    assert config == SweepConfig.model_validate(
        {
            "workloads": config.workloads,
            "policies": config.policies,
            "repeat": 1,
        }
    )


def test_the_reference_explains_every_key() -> None:
    lines = (ROOT / "configs" / "reference-sweep.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if line and line[0] not in "# " and ":" in line:
            assert lines[number - 1].startswith("#"), f"no comment above {line!r}"


def test_the_page_has_a_row_for_every_key() -> None:
    import re

    page = (ROOT / "docs" / "reference" / "sweep.md").read_text()
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.M))
    keys = {*SweepConfig.model_fields, "extends", "vars"}
    keys |= {*CellSection.model_fields, *ExcludeSection.model_fields}
    assert rows == keys


def test_the_schema_knows_every_key_and_its_words() -> None:
    schema = json.loads(sweep_schema())
    assert schema["properties"].keys() == {*SweepConfig.model_fields, "extends", "vars"}
    for key, about in schema["properties"].items():
        assert "description" in about, key


def test_the_study_of_policies_is_as_large_as_it_says() -> None:
    path = ROOT / "configs" / "study-policies.yaml"
    found = expand(load_sweep(str(path)), plugins()).cells
    names = {cell.policy.label for cell in found}
    assert {"opt", "fifo", "lru", "clock"} < names
    assert len(names) == 12
    assert len(found) == 12 * 3 * 5 * 6 * 3
    assert "3,240 runs" in path.read_text()
    assert {cell.workload.params["accesses"] for cell in found} == {1_000_000}
    assert "full_scan" not in {cell.rmap.label for cell in found}
