"""Does `reclaim explain` tell what a policy does, in a terminal and on a page?"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reclaim.cli.explain import page
from reclaim.explain import Step, explain, pages_script
from tests.e2e.program import call
from tests.laboratory import spec_of

BELADY = "1 2 3 4 1 2 5 1 2 3 4 5"


def steps(policy: str, pages: str, frames: int) -> list[Step]:
    return explain(pages_script(pages), spec_of("pte_chain", policy, frames))


@pytest.mark.parametrize(("frames", "faults"), [(3, 9), (4, 10)])
def test_more_frames_more_faults_for_fifo(frames: int, faults: int) -> None:
    told = steps("fifo", BELADY, frames)
    assert sum(step.result == "fault" for step in told) == faults
    assert sum(step.result == "hit" for step in told) == 12 - faults


def test_a_step_says_who_went_and_how_the_list_stands() -> None:
    fifth = steps("fifo", BELADY, 3)[4]
    assert (fifth.what, fifth.result, fifth.gone) == ("read 4", "fault", ["1"])
    assert fifth.lists == {"list 0": ["4", "3", "2"]}
    assert sorted(fifth.young) == ["2", "3", "4"]


def test_clock_clears_the_bits_of_those_it_passes() -> None:
    fifth = steps("clock", "1 2 3 4", 3)[4]
    assert (fifth.gone, fifth.young) == (["1"], ["4"])


def test_processes_files_and_events_are_told_by_name() -> None:
    text = "mmap a 0 2 file:f@4 private rw-\nread a 0\nfork a b\nwrite b 1\nexit a  # gone\n"
    told = explain(text, spec_of("pte_chain", "fifo", 4))
    assert [step.what for step in told][1:] == ["read a:0", "fork a b", "write b:1", "exit a"]
    assert "f@4" in told[1].lists["list 0"]


def test_the_table_fits_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = call(monkeypatch, capsys, "explain", "fifo", "--pages", BELADY, "--frames", "3")
    assert (done.code, done.err) == (0, "")
    assert "12 accesses, 9 faults" in done.out
    assert max(map(len, done.out.splitlines())) <= 100


def test_the_page_is_whole_and_escapes_names(tmp_path: Path) -> None:
    bad = "</script><b>&"
    text = page(bad, [Step("read 1", "fault", [], {bad: ["1"]}, [bad], {"1": "0,1"})])
    assert bad not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert data is not None
    assert json.loads(data[1])["steps"][0]["lists"] == {bad: ["1"]}
    assert not re.search(r"https?://|src=|@import|innerHTML", text)
    for wanted in ("ArrowRight", "prefers-color-scheme", "width=device-width"):
        assert wanted in text
    parser = HTMLParser()
    parser.feed(text)
    assert not parser.rawdata


def test_a_page_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "clock.html"
    done = call(monkeypatch, capsys, "explain", "clock", "--pages", "1 2 1", "--html", target)
    assert (done.code, done.err) == (0, "")
    assert '"what": "read 2"' in target.read_text()
