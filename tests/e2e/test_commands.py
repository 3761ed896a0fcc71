"""Do the commands answer, in the form that is promised, on a terminal's width and in a pipe?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Ended, call, fake_engine

__all__ = ["fake_engine"]

ROOT = Path(__file__).parents[2]
SCRIPT = """\
mmap a 0x100 8 anon private rw-
write a 0x100..0x107
fork a b
read b 0x100..0x103 x3
mmap a 0x200 4 file:lib@2 shared r--
madvise a 0x100 2 cold
mark here
expect accesses 20
exit b
read a 0x101
"""

Program = Callable[..., Ended]


@pytest.fixture
def reclaim(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return lambda *args: call(monkeypatch, capsys, *args)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "t.script"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def config(tmp_path: Path, script: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(
        f"trace: {script.name}\npolicies: [fifo, clock]\nrmaps: [full_scan, pte_chain]\n"
        "frames: [4, 8]\n"
    )
    return path


def shell(*args: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reclaim.cli.main", *map(str, args)],
        cwd=ROOT,
        env={**os.environ, **env},
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )


COMMANDS = (
    (),
    ("run",),
    ("capture",),
    ("trace",),
    ("trace", "info"),
    ("trace", "convert"),
    ("trace", "head"),
    ("plugins",),
    ("plugins", "show"),
    ("config",),
    ("config", "show"),
    ("config", "schema"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_answers_at_once_and_without_the_compiler(command: tuple[str, ...]) -> None:
    took = []
    for _ in range(3):  # a busy machine may be slow once
        start = time.perf_counter()
        done = shell(*command, "--help", PYTHONPROFILEIMPORTTIME="1")
        took.append(time.perf_counter() - start)
        assert done.returncode == 0
        assert "Usage:" in done.stdout
        if took[-1] < 0.5:
            break
    assert min(took) < 0.5
    for heavy in ("numba", "pyarrow", "pydantic", "numpy"):
        assert f"| {heavy}\n" not in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("plugins",),
        ("plugins", "--json"),
        ("plugins", "show", "clock"),
        ("config", "schema"),
        ("config", "show", "configs/first-run.yaml"),
    ],
    ids=" ".join,
)
def test_listings_do_not_load_the_compiler(args: tuple[str, ...]) -> None:
    done = shell(*args, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert " numba\n" not in done.stderr


def test_no_arguments_show_the_help() -> None:
    done = shell()
    assert "Usage:" in done.stdout + done.stderr


def test_version(reclaim: Program) -> None:
    assert reclaim("--version").out.startswith("reclaim 0.")


# run


def test_run_prints_a_table_that_fits_and_a_sentence(
    reclaim: Program, config: Path, fake_engine: Any
) -> None:
    done = reclaim("run", config)
    assert done.code == 0
    assert done.err == ""
    lines = done.out.splitlines()
    assert max(map(len, lines[:-1])) <= 100  # the last is the sentence
    table = [line.split() for line in lines if "full_scan" in line or "pte_chain" in line][:8]
    assert [(row[0], row[1], row[2]) for row in table] == [
        (frames, policy, rmap)
        for frames in ("4", "8")
        for policy in ("fifo", "clock")
        for rmap in ("full_scan", "pte_chain")
    ]
    assert any(line.startswith("memory: about ") for line in lines)
    assert lines[-1] == (
        "In all 4 combinations of policy and memory the 2 rmaps gave identical faults, evictions "
        "and refaults; what they paid differs: full_scan looked at 12.6 links per walk and held "
        "8.8 KiB; pte_chain looked at 12.6 links per walk and held 8.8 KiB."
    )
    assert "\x1b" not in done.out


def test_run_json_is_one_document(reclaim: Program, config: Path, fake_engine: Any) -> None:
    done = reclaim("run", config, "--json", "--policy", "clock")
    document = json.loads(done.out)
    assert list(document) == ["runs"]
    assert [(r["policy"], r["rmap"], r["frames"]) for r in document["runs"]] == [
        ("clock", "full_scan", 4),
        ("clock", "full_scan", 8),
        ("clock", "pte_chain", 4),
        ("clock", "pte_chain", 8),
    ]
    modelled = document["runs"][0]["modelled"]
    assert modelled["by_phase"]["fault"] == 90 * 1300
    assert "not measured" in modelled["label"]
    assert document["runs"][0]["counters"]["accesses"] == 1000


def test_the_engine_does_what_the_program_asks(config: Path) -> None:
    args = ("run", config, "--json", "--interpret", "--set", "check=true", "--frames", "3,50%")
    runs = json.loads(shell(*args).stdout)["runs"]
    assert len(runs) == 8
    for run in runs:
        counters = run["counters"]
        assert counters["accesses"] == 21
        assert counters["misses"] == run["derived"]["misses"] >= 8
        by_phase = sum(work.get("minor_faults", 0) for work in run["phases"].values())
        assert by_phase == counters["minor_faults"]
    same = {(r["policy"], r["frames"], json.dumps(r["counters"]["evictions"])) for r in runs}
    assert len(same) == 4


def test_options_choose_what_runs(reclaim: Program, config: Path, fake_engine: Any) -> None:
    done = reclaim(
        "run", config, "--json", "--policy", "lru", "--rmap", "pte_chain", "--frames", "25%,7"
    )
    assert [(r["policy"], r["rmap"], r["frames"]) for r in json.loads(done.out)["runs"]] == [
        ("lru", "pte_chain", 10),
        ("lru", "pte_chain", 7),
    ]


def test_a_failing_run_fails_alone(reclaim: Program, config: Path, fake_engine: Any) -> None:
    done = reclaim("run", config, "--json", "--frames", "4,13", "--policy", "fifo")
    assert done.code == 2
    assert [r["frames"] for r in json.loads(done.out)["runs"]] == [4, 4]
    assert done.err == "reclaim: out of memory: 13 frames (fifo over full_scan, 13 frames)\n"


def test_warnings_stand_below_the_table(reclaim: Program, config: Path, fake_engine: Any) -> None:
    done = reclaim("run", config, "--frames", "99", "--policy", "fifo")
    assert "warning: never evicted: 99 frames hold all (fifo/full_scan/99 and 1 more)\n" in done.out


def test_a_plugin_file_runs_beside_the_installed_ones(
    reclaim: Program, config: Path, fake_engine: Any, tmp_path: Path
) -> None:
    text = (ROOT / "plugins/policies/fifo.py").read_text().replace('"fifo"', '"mine"')
    (tmp_path / "mine.py").write_text(text)
    done = reclaim(
        "run", config, "--json", "--plugins", tmp_path / "mine.py", "--policy", "mine,fifo"
    )
    assert {r["policy"] for r in json.loads(done.out)["runs"]} == {"mine", "fifo"}


# plugins


def test_plugins_lists_what_is_installed(reclaim: Program) -> None:
    out = reclaim("plugins").out
    rmaps = ("full_scan", "pte_chain", "anonmm", "anon_vma_chain")
    for name in ("fifo", "clock", "lru", "opt", *rmaps):
        assert f"\n  {name} " in out


def test_plugins_json(reclaim: Program) -> None:
    data = json.loads(reclaim("plugins", "--json").out)
    assert set(data) == {"policies", "rmaps", "workloads", "readers", "observers"}
    clock = next(p for p in data["policies"] if p["name"] == "clock")
    assert clock["needs"] == ["young"]
    assert clock["file"].endswith("clock.py")


def test_plugins_show(reclaim: Program) -> None:
    out = reclaim("plugins", "show", "pte_chain").out
    assert out.startswith("rmap pte_chain: ")
    assert "exact   yes" in out
    assert json.loads(reclaim("plugins", "show", "clock", "--json").out)[0]["kind"] == "policy"


# config


def test_config_show_resolves_everything(reclaim: Program, config: Path) -> None:
    done = reclaim("config", "show", config, "--set", "pressure.mode=limit", "--frames", "10%")
    assert done.code == 0
    assert "mode: limit" in done.out
    assert "- 10%" in done.out
    assert "writeback_accesses: 0" in done.out
    again = config.with_name("again.yaml")
    again.write_text(done.out)
    assert reclaim("config", "show", again).out == done.out


def test_config_schema_is_json(reclaim: Program) -> None:
    assert "policies" in json.loads(reclaim("config", "schema").out)["properties"]


# trace


def test_trace_head_prints_the_script_back(reclaim: Program, script: Path) -> None:
    done = reclaim("trace", "head", script, "-n", "0")
    assert done.out == SCRIPT
    assert reclaim("trace", "head", script, "-n", "2").out == "".join(
        SCRIPT.splitlines(keepends=True)[:2]
    )


def test_trace_convert_and_info(reclaim: Program, script: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.arrow"
    done = reclaim("trace", "convert", script, target)
    assert done.code == 0
    assert reclaim("trace", "head", target, "-n", "0").out == SCRIPT
    about = json.loads(reclaim("trace", "info", target, "--json").out)
    assert about["accesses"] == 8 + 12 + 1
    assert about["content_hash"] in done.out
    assert "accesses       21 in 13 rows" in reclaim("trace", "info", target).out


# ends


def test_a_workload_can_be_kept_as_a_file(reclaim: Program, tmp_path: Path) -> None:
    target = tmp_path / "t.arrow"
    made = ("aim7", "--param", "children=3", "--param", "pages=8", "--seed", "5")
    assert reclaim("trace", "convert", made[0], target, *made[1:]).code == 0
    about, again = (
        json.loads(reclaim("trace", "info", *args, "--json").out) for args in (made, [target])
    )
    assert about["meta"]["extra"]["params"]["children"] == 3
    assert about["meta"]["extra"]["seed"] == 5
    for one in (about, again):
        del one["meta"]["path"], one["meta"]["content_hash"]
    assert about == again
    many = reclaim("trace", "info", "aim7", "--param", "children=60").out
    assert "  child-39                 100 pages\n  ... and 22 more\n" in many
    head = reclaim("trace", "head", *made, "-n", "4").out.splitlines()
    assert head[-1] == "fork parent child-1"


def test_config_show_names_the_workload_and_its_parameters(
    reclaim: Program, config: Path, tmp_path: Path
) -> None:
    shown = reclaim(
        "config", "show", config, "--trace", "aim7", "--set", "trace.params.pages=7"
    ).out
    assert "  workload: aim7\n  params:\n    children: 100\n    pages: 7\n" in shown
    (tmp_path / "shown.yaml").write_text(shown)
    assert reclaim("config", "show", tmp_path / "shown.yaml").out == shown


def test_run_takes_a_workload_of_a_plugin_file(
    reclaim: Program, config: Path, tmp_path: Path, fake_engine: Any
) -> None:
    (tmp_path / "mine.py").write_text(
        "from reclaim.api import Param, Workload, hookimpl\n"
        "class Mine(Workload):\n"
        "    name, summary, source = 'mine', 'reads', 'here'\n"
        "    params = {'pages': Param(int, 3, low=1)}\n"
        "    def build(self, trace, seed, pages):\n"
        "        a = trace.space('a')\n"
        "        trace.mmap(a, 0, pages)\n"
        "        trace.read(a, 0, pages + seed)\n"
        "@hookimpl\n"
        "def reclaim_register_workloads(register):\n"
        "    register(Mine)\n"
    )
    ended = reclaim(
        "run", config, "--plugins", tmp_path / "mine.py", "--trace", "mine", "--set", "seed=2"
    )
    assert ended.code == 0
    assert "trace: mine pages=3 seed=2\n  5 accesses in 5 rows" in ended.out


def test_a_closed_pipe_is_quiet(script: Path) -> None:
    big = script.with_name("big.script")
    big.write_text("mmap a 0 100000 anon private rw-\n" + "read a 1\nread a 3\n" * 20000)
    reader = subprocess.Popen(
        [sys.executable, "-m", "reclaim.cli.main", "trace", "head", str(big), "-n", "0"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert reader.stdout is not None
    assert reader.stderr is not None
    reader.stdout.readline()
    reader.stdout.close()
    assert reader.stderr.read() == ""
    assert reader.wait(timeout=30) == 1
    reader.stderr.close()


def test_an_interrupt_is_one_line_and_130(
    reclaim: Program, config: Path, fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["reclaim.run"], "run_one", interrupted)
    done = reclaim("run", config, "--json")
    assert (done.code, done.err) == (130, "reclaim: interrupted\n")


def test_a_bug_keeps_its_traceback(
    reclaim: Program, config: Path, fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules["reclaim.run"], "run_one", broken)
    with pytest.raises(ZeroDivisionError):
        reclaim("run", config)
