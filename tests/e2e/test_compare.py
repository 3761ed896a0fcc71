"""Do the comparisons of reverse maps answer in tables, in JSON and in a file?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPARISON = """\
workloads: [{fork_chain: {depth: 3, pages: 8, writes: 4}}, t.script]
rmaps: [pte_chain, none_24]
frames: 60%
walks: 10
"""
SCRIPT = "mmap p 0 8 anon private rw-\nwrite p 0..7\nfork p c\nwrite c 0..7\nread p 0..7\n"
SCALING = """\
rmaps: [pte_chain]
processes: [10, 20, 40, 80]
depth: [5, 10, 20, 40]
tolerance: 0.3
"""


def reclaim(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reclaim.cli.main", *map(str, args)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    (tmp_path / "t.script").write_text(SCRIPT)
    (tmp_path / "c.yaml").write_text(COMPARISON)
    return tmp_path / "c.yaml"


@pytest.mark.slow
def test_a_comparison_answers_one_question_a_table(comparison: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = reclaim("compare", "rmap", comparison, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    document = json.loads(out.read_text())
    for table in document["tables"]:
        assert table["question"] in lines
    assert [(run["workload"], run["rmap"], run["policy"]) for run in document["runs"]] == [
        (workload, *pair)
        for workload in ("fork_chain", str(tmp_path / "t.script"))
        for pair in (("pte_chain", "clock"), ("none_24", "linux_24"))
    ]
    piped = reclaim("compare", "rmap", comparison, "--json", "--rmap", "pte_chain")
    assert [run["rmap"] for run in json.loads(piped.stdout)["runs"]] == ["pte_chain"] * 2


@pytest.mark.slow
def test_a_file_that_cannot_be_written_loses_no_table(comparison: Path) -> None:
    args = ("compare", "rmap", comparison, "--rmap", "pte_chain", "--workload", "fork_chain")
    done = reclaim(*args, "--out", "/no/such/folder/t.json")
    assert done.returncode == 2
    assert done.stderr.startswith("reclaim: --out /no/such/folder/t.json: cannot be written")
    assert "What does the reverse map weigh?" in done.stdout


@pytest.mark.slow
def test_scaling_prints_fits_beside_claims(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCALING)
    done = reclaim("compare", "scaling", tmp_path / "s.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "walk_shared" in done.stdout
    assert "differs" not in done.stdout
