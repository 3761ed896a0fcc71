"""Do `report`, `plot` and `run --report` write what they say, and refuse what they cannot do?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reclaim.store import Store
from tests.e2e.program import call
from tests.records import record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for policy in ("opt", "lru"):
        store.append(record(policy=policy))
    return tmp_path / "results"


def test_a_report_is_written_and_its_path_printed(
    folder: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    page = tmp_path / "deep" / "page.html"
    ended = call(monkeypatch, capsys, "report", folder, "-o", page)
    assert ended == (0, f"{page}\n", "")
    assert "figure-regret" in page.read_text()
    ended = call(monkeypatch, capsys, "report", folder, "-o", page, "--observer", "none")
    assert ended.code == 0
    assert "figure-regret" not in page.read_text()


def test_a_plot_is_written_and_its_path_printed(
    folder: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    figure = tmp_path / "figure.svg"
    ended = call(monkeypatch, capsys, "plot", "misses", folder, "-o", figure, "--policy", "lru")
    assert ended == (0, f"{figure}\n", "")
    assert figure.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["report", "nowhere"], "nowhere: no such folder. Expected one that holds results."),
        (["report", "{}", "--where", "1 ="], "the query was not understood: "),
        (["report", "{}", "--where", "frames = 3"], "no finished run that meets 'frames = 3'"),
        (["report", "{}", "--observer", "regrets"], "no observer 'regrets'. Did you mean 'regret'"),
        (["report", "{}", "-o", "/dev/null/x.html"], "-o /dev/null/x.html: cannot be written: "),
        (["plot", "misses", "{}", "-o", "x.gif"], "-o x.gif: figures are .svg, .png or .pdf."),
        (["plot", "missed", "{}", "-o", "x.svg"], "no figure 'missed'. Did you mean 'misses'?"),
    ],
)
def test_a_mistake_is_one_message(
    folder: Path, monkeypatch: Any, capsys: Any, args: list[str], said: str
) -> None:
    ended = call(monkeypatch, capsys, *(arg.replace("{}", str(folder)) for arg in args))
    assert ended.code == 2
    assert ended.err.startswith("reclaim: ")
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_a_run_ends_with_its_report(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    script = tmp_path / "loop.events"
    script.write_text("mmap a 0x100 12 anon private rw-\n" + "write a 0x100..0x10b\n" * 20)
    page = tmp_path / "page.html"
    ended = call(
        monkeypatch,
        capsys,
        *("run", "first-run", "--trace", script, "--policy", "fifo,lru", "--rmap", "pte_chain"),
        *("--frames", "6", "--set", "epochs=4", "--report", page),
    )
    assert ended.code == 0, ended.err
    assert ended.out.endswith(f"\nreport: {page}\n")
    text = page.read_text()
    assert "figure-series" in text
    assert "figure-accesses" in text  # the trace lies beside the results
    kept = Store(tmp_path / "page", create=False)
    assert {one["policy"] for one in kept.records()} == {"fifo", "lru"}
    assert all(one["status"] == "done" for one in kept.records())
