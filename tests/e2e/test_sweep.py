"""Does a sweep survive whatever stops it, and does what fails in it fail alone?"""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reclaim.store import Store
from tests.e2e.sweeps import command, content, plugin, shell, sweep_file

RUNS = 24  # of SMALL


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that nobody disturbed, by one worker."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ended = shell(sweep_file(folder), "-j", 1, "--out", folder / "out")
    assert ended.returncode == 0, ended.stderr
    assert f"{RUNS} runs done, 0 failed" in ended.stdout
    return folder / "out"


def test_any_number_of_workers_gives_the_same_store(undisturbed: Path, tmp_path: Path) -> None:
    ended = shell(sweep_file(tmp_path), "-j", 2, "--out", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert len(content(undisturbed)) == RUNS
    assert content(tmp_path / "out") == content(undisturbed)


def test_what_is_done_is_not_run_again(undisturbed: Path, tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    before = content(undisturbed)
    ended = shell(path, "--out", undisturbed)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "nothing to do" in ended.stdout
    more = shell(sweep_file(tmp_path, repeat=3), "--out", undisturbed, "--dry-run")
    assert "to do: 12 runs" in more.stdout
    assert content(undisturbed) == before


def test_a_dry_run_says_what_it_takes_and_leaves_nothing(tmp_path: Path) -> None:
    ended = shell(sweep_file(tmp_path), "--dry-run", "--out", tmp_path / "out")
    assert ended.returncode == 0
    assert "24 runs: 3 policies, 1 rmaps, 2 sizes, 2 workloads, 2 seeds" in ended.stdout
    assert "to do: 24 runs, 480,000 accesses" in ended.stdout
    assert "memory: about" in ended.stdout
    assert "expected: about" in ended.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_loses_nothing(
    undisturbed: Path, tmp_path: Path
) -> None:
    path, out = sweep_file(tmp_path), tmp_path / "out"
    dice = random.Random(5)
    for _ in range(5):
        process = subprocess.Popen(
            command(path, "-j", 2, "--out", out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        inbox, had = out / "inbox", _nr_files(out)
        target = had + dice.randint(0, 4)
        end = time.monotonic() + 60
        while _nr_files(out) < target and time.monotonic() < end and process.poll() is None:
            time.sleep(0.002)
        time.sleep(dice.random() * 0.05)
        process.kill()
        process.wait()
        assert inbox.exists() or had == 0
    _wait_for_workers(out)
    ended = shell(path, "-j", 2, "--out", out)
    assert ended.returncode == 0, ended.stderr
    assert content(out) == content(undisturbed)


def _nr_files(out: Path) -> int:
    return len(list((out / "inbox").glob("*.parquet"))) if out.exists() else 0


def _wait_for_workers(out: Path) -> None:
    """See that no worker outlives its parent."""
    import psutil

    end = time.monotonic() + 10
    while time.monotonic() < end:
        left = [
            process
            for process in psutil.process_iter(["cmdline", "ppid"])
            if "reclaim.sweep.worker" in (process.info["cmdline"] or ())
            and process.info["ppid"] == 1
        ]
        if not left:
            return
        time.sleep(0.1)
    pytest.fail(f"workers without a parent: {left}")


def test_ctrl_c_stops_it_within_two_seconds(tmp_path: Path) -> None:
    path = sweep_file(
        tmp_path, workloads=[{"page_pattern": {"pages": 200, "accesses": 15_000_000}}], repeat=1
    )
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(path, "-j", 2, "--out", out),
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        # Whoever runs tests in the background ignores interrupts, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one thread
    )
    end = time.monotonic() + 100
    while _nr_files(out) < 1 and time.monotonic() < end:
        time.sleep(0.02)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert err == "reclaim: interrupted\n"
    assert Counter(Store(out, create=False).identities().values()).keys() == {"done"}


# ---- runs that fail --------------------------------------------------------------------------

BAD = {"policies": ["fifo", "bad"], "frames": [50], "repeat": 1}


def outcomes(out: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in content(out):
        found.setdefault(record["policy"], set()).add(record["status"])
    return found


@pytest.mark.slow
def test_an_exception_in_a_plugin_fails_its_runs_alone(tmp_path: Path) -> None:
    bad = plugin(tmp_path, new='raise ValueError("no room")')
    path, out = sweep_file(tmp_path, plugins=["bad.py"], **BAD), tmp_path / "out"
    ended = shell(path, "-j", 1, "--out", out)
    assert ended.returncode == 1
    assert "2 runs done, 2 failed" in ended.stdout
    assert f"ValueError: no room ({bad}:" in ended.stdout
    assert outcomes(out) == {"fifo": {"done"}, "bad": {"failed"}}
    (failed,) = {record["error"] for record in content(out) if record["error"]}
    assert failed.startswith(f"ValueError: no room ({bad}:12, new)")
    commands = [record["reproduce"] for record in content(out) if record["error"]]
    (command_line,) = [one for one in commands if f"  {one}\n" in ended.stdout]
    assert ended.stdout.count("failed: bad / ") == 1
    assert " and 1 more: ValueError" in ended.stdout
    words = [sys.executable, "-m", "reclaim.cli.main", *shlex.split(command_line)[1:]]
    again = subprocess.run(words, text=True, capture_output=True, check=False)
    assert again.returncode != 0
    assert "ValueError: no room" in again.stderr

    # Only what failed is asked for; the source is another, so these are other runs, and a rest.
    assert "to do: 2 runs" in shell(path, "--only", "FAILED", "--out", out, "--dry-run").stdout
    plugin(tmp_path)
    mended = shell(path, "-j", 1, "--out", out)
    assert mended.returncode == 0, mended.stdout
    assert outcomes(out)["bad"] == {"failed", "done"}


@pytest.mark.slow
@pytest.mark.jit_only
def test_a_loop_without_end_is_killed_and_the_others_are_done(tmp_path: Path) -> None:
    loop = "while m.live[0] >= 0 or m.live[0] < 0:\n            m.live[0] += 1\n        return 0"
    plugin(tmp_path, select=loop)
    path = sweep_file(tmp_path, plugins=["bad.py"], time_limit=2, **BAD)
    out = tmp_path / "out"
    ended = shell(path, "-j", 1, "--out", out)
    assert ended.returncode == 1, ended.stderr
    assert "failed: bad / pte_chain / 50 / page_pattern" in ended.stderr
    assert outcomes(out) == {"fifo": {"done"}, "bad": {"failed"}}
    errors = {record["error"] for record in content(out) if record["error"]}
    assert errors == {"over time_limit: it ran for more than 2 s"}


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (
            "cls.hoard = bytearray(b'x') * 1_200_000_000\n        import time\n"
            "        time.sleep(20)",
            "over memory_limit: it took more than 1,000 MB",
        ),
        (
            "import os, signal\n        os.kill(os.getpid(), signal.SIGSEGV)",
            "the worker process was killed by SIGSEGV",
        ),
    ],
)
def test_a_worker_that_takes_too_much_or_dies_fails_its_run_alone(
    tmp_path: Path, new: str, error: str
) -> None:
    plugin(tmp_path, new=new)
    path = sweep_file(tmp_path, plugins=["bad.py"], memory_limit="1GB", **BAD)
    ended = shell(path, "-j", 1, "--out", tmp_path / "out")
    assert ended.returncode == 1, ended.stderr
    assert outcomes(tmp_path / "out") == {"fifo": {"done"}, "bad": {"failed"}}
    errors = {record["error"] for record in content(tmp_path / "out") if record["error"]}
    assert errors == {error}


def test_a_machine_that_is_too_large_fails_whenever_it_is_looked_at(tmp_path: Path) -> None:
    """Memory that comes and goes between two looks would else decide about a result."""
    path = sweep_file(
        tmp_path, policies=["fifo"], frames=[50, 6_000_000], repeat=1, memory_limit="300MB"
    )
    ended = shell(path, "-j", 1, "--out", tmp_path / "out")
    assert ended.returncode == 1, ended.stderr
    status = Counter((r["frames_given"], r["status"]) for r in content(tmp_path / "out"))
    assert status == {(50, "done"): 2, (6_000_000, "failed"): 2}


# ---- where results go ------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = shell(sweep_file(tmp_path), "--out", tmp_path / "file" / "out")
    assert ended.returncode == 2
    assert "Not a directory" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@contextmanager
def mounted(tmp_path: Path, options: str) -> Iterator[Path]:
    """Give a small file system of our own, or skip."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def test_a_read_only_disk_is_said_before_anything_runs(tmp_path: Path) -> None:
    with mounted(tmp_path, "ro") as folder:
        ended = shell(sweep_file(tmp_path), "--out", folder / "out")
    assert ended.returncode == 2
    assert "Read-only file system" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_full_disk_stops_it_with_nothing_lost(undisturbed: Path, tmp_path: Path) -> None:
    with mounted(tmp_path, "size=6m") as folder:
        out, ballast = folder / "out", folder / "ballast"
        path = sweep_file(tmp_path)
        # Traces first: they are made when the sweep is planned.
        shell(path, "-j", 1, "--out", out, "--only", content(undisturbed)[0]["identity"][:16])
        room = os.statvfs(folder)
        ballast.write_bytes(b"x" * max(0, room.f_bavail * room.f_bsize - 100_000))
        ended = shell(path, "-j", 1, "--out", out)
        assert ended.returncode == 2, ended.stdout
        assert "No space left on device" in ended.stderr
        assert "what is stored stays, and the same command goes on there" in ended.stderr
        kept = len(content(out))
        assert 1 <= kept < RUNS
        ballast.unlink()
        ended = shell(path, "-j", 1, "--out", out)
        assert ended.returncode == 0, ended.stderr
        assert content(out) == content(undisturbed)
