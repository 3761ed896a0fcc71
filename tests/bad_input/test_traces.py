"""Does each broken trace end with one line on stderr and exit code 2?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from reclaim.trace.script import parse_script
from reclaim.trace.writing import write_trace
from tests.e2e.program import call

FIXTURES = Path(__file__).parents[1] / "fixtures"
SCRIPT = "mmap a 0 4096 anon private rw-\nwrite a 0..4095\n"


def script(folder: Path, text: str) -> Path:
    path = folder / "t.events"
    path.write_text(text)
    return path


def cut(path: Path, keep: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def cut_arrow(folder: Path) -> Path:
    write_trace(parse_script(SCRIPT), folder / "t.arrow")
    return cut(folder / "t.arrow", 0.7)


def cut_parquet(folder: Path) -> Path:
    write_trace(parse_script(SCRIPT), folder / "t.parquet")
    return cut(folder / "t.parquet", 0.7)


def cut_zst(folder: Path) -> Path:
    text = "".join(f"{i * 7919 % 65537}\n" for i in range(9999)).encode()
    (folder / "t.txt.zst").write_bytes(zstandard.compress(text))
    return cut(folder / "t.txt.zst", 0.5)


def lackey(folder: Path) -> Path:
    path = folder / "log.22293"
    shutil.copy(FIXTURES / "lackey" / path.name, path)
    return path


def cut_lackey(folder: Path) -> Path:
    return cut(lackey(folder), 0.5)


def mixed_lackey(folder: Path) -> Path:
    path = lackey(folder)
    path.write_text(path.read_text() + (FIXTURES / "lackey" / "log.22294").read_text())
    return path


BROKEN = [
    (cut_arrow, "the file is cut off or damaged"),
    (cut_parquet, "the file is cut off or damaged"),
    (cut_zst, "the zstd data is cut off"),
    (cut_lackey, "the log is cut: line 140 is cut off; --partial accepts it up to there."),
    (mixed_lackey, "lines of processes 22293 and 22294 are mixed"),
    (lambda f: script(f, "read a 1\n"), ":1: address space 'a' is not defined"),
    (lambda f: script(f, SCRIPT + "fork b c\n"), ":3: address space 'b' is not defined"),
    (lambda f: script(f, SCRIPT + "wrte a 1\n"), ":3: unknown verb 'wrte'. Did you mean 'write'"),
    (lambda f: f, "no log of valgrind's lackey is here"),
]


@pytest.mark.parametrize(
    ("broken", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", str(value))[:40]
)
def test_a_broken_trace_is_one_line_and_exit_code_2(
    broken: Callable[[Path], Path],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = broken(tmp_path)
    code, out, err = call(monkeypatch, capsys, "trace", "info", str(path))
    assert (code, out) == (2, "")
    assert err.startswith("reclaim: ")
    assert str(path) in err
    assert message in err
    assert err.count("\n") == 1


def test_partial_accepts_a_log_up_to_the_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = cut_lackey(tmp_path)
    code, out, err = call(monkeypatch, capsys, "trace", "info", "--partial", str(path))
    assert (code, err) == (0, "")
    assert "0:forker" in out


def test_what_looks_like_a_mistake_but_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = "munmap a 900 4\nmmap a 10 5 anon private r--\nmunmap a 10 1\n"
    code, _, err = call(
        monkeypatch, capsys, "trace", "info", str(script(tmp_path, SCRIPT + allowed))
    )
    assert (code, err) == (0, "")
