"""Does each mistake on the command line end with one line on stderr and exit code 2?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.program import call, fake_engine

__all__ = ["fake_engine"]

ROOT = Path(__file__).parents[2]

MISTAKES = [
    (("run", "{tmp}/gone.yaml"), "{tmp}/gone.yaml: there is no such config file."),
    (("run", "{tmp}"), "{tmp}: is a folder; a config is a YAML file."),
    (("run", "{config}", "--policy", "clokc"), "there is no policy 'clokc'. Did you mean 'clock'?"),
    (("run", "{config}", "--rmap", "pte_chian"), "there is no rmap 'pte_chian'. Did you mean"),
    (("run", "{config}", "--frames", "0"), "--frames 0: frames: 0 frames: a machine has at least"),
    (("run", "{config}", "--frames=-3"), "--frames -3: frames: -3 frames: a machine has at least"),
    (
        ("run", "{config}", "--set", "sede=1"),
        "--set sede: unknown key 'sede'. Did you mean 'seed'?",
    ),
    (("run", "{config}", "--set", "seed"), "--set seed: expected key=value"),
    (("run", "{config}", "--trace", "{tmp}/gone"), "{tmp}/gone: no such file"),
    (("run", "{config}", "--plugins", "{tmp}/gone.py"), "{tmp}/gone.py: there is no such plugin"),
    (
        ("run", "{config}", "--set", "policies=[{fifo: {k: 1}}]"),
        "policy 'fifo' has no parameter 'k'. It has no parameters.",
    ),
    (
        ("run", "{config}", "--set", "rmaps=[{pte_chain: {line: -1}}]"),
        "rmap 'pte_chain': parameter 'line': -1 is none of 32, 64, 128.",
    ),
    (("run", "{config}", "--set", "costs={lokcs: 1}"), "costs: there is no counter 'lokcs'. Did"),
    (("run", "{config}", "--set", "trace={sample: nope}"), "there is no sample trace 'nope'."),
    (
        ("run", "{config}", "--set", "trace.reader=lacky"),
        "there is no reader 'lacky'. Did you mean",
    ),
    (("run", "{config}", "--partial"), "reader 'script' has no option 'partial'."),
    (("run", "{config}", "--set", "trace.options.partial=3"), "reader 'lackey': option 'partial'"),
    (
        ("run", "{config}", "--policy", "fifo,clock,linux_24", "--rmap", "none_24,pte_chain"),
        "cannot run fifo with none_24, clock with none_24: rmap none_24 cannot find all PTEs of a "
        "frame, but fifo has the machine unmap its victims through it, clock asks it whether a "
        "frame was used. Take a policy that walks page tables itself (linux_24, working_set), or "
        "an exact rmap (anon_vma, anon_vma_chain, ",
    ),
    (
        ("run", "{config}", "--rmap", "prototype_pte"),
        "cannot run fifo with prototype_pte: rmap prototype_pte cannot find all PTEs of a frame",
    ),
    (
        ("config", "show", "{config}", "--rmap", "none_24"),
        "cannot run fifo with none_24: rmap none_24 cannot find all PTEs of a frame",
    ),
    (("run", "{config}", "--trace", "aim8"), "aim8: no such file or folder, and no s"),
    (
        ("trace", "head", "frist-run"),
        "frist-run: no such file or folder, and no sample or workload. Did you mean 'first-run'?",
    ),
    (
        ("run", "{config}", "--set", "trace={workload: aim8}"),
        "there is no workload 'aim8'. Did you",
    ),
    (
        ("run", "{config}", "--trace", "aim7", "--set", "trace.params.childern=3"),
        "workload 'aim7' has no parameter 'childern'. Did you mean 'children'?",
    ),
    (
        ("run", "{config}", "--trace", "aim7", "--set", "trace.params.children=many"),
        "workload 'aim7': parameter 'children': expected a whole number, got the text 'many'",
    ),
    (
        ("run", "{config}", "--trace", "aim7", "--set", "trace.params.children=0"),
        "workload 'aim7': parameter 'children': 0 is out of range: 1 to 1e+06 processes",
    ),
    (
        ("trace", "info", "rmap_test", "--param", "pattern=linaer"),
        "workload 'rmap_test': parameter 'pattern': the text 'linaer' is none of linear, random.",
    ),
    (
        ("trace", "info", "aim7", "--param", "pages"),
        "--param pages: expected key=value, as in --pa",
    ),
    (
        ("trace", "head", "doubling", "--param", "pages=3"),
        "workload 'doubling': each child writes 20 pages of a heap of 3",
    ),
    (
        ("run", "{config}", "--set", "trace.params.children=3"),
        "trace.params: 'children' is a workload's parameter, but '{script}' is a file.",
    ),
    (
        ("run", "{config}", "--trace", "aim7", "--partial"),
        "trace: 'reader' and 'options' belong to files, but 'aim7' is a workload.",
    ),
    (("config", "show", "{config}", "--set", "trace={workload: aim8}"), "there is no workload 'ai"),
    (("plugins", "show", "clokc"), "there is no plugin 'clokc'. Did you mean 'clock'?"),
    (("trace", "info", "{tmp}/gone"), "{tmp}/gone: no such file"),
    (
        ("trace", "head", "{script}", "--reader", "scrpt"),
        "there is no reader 'scrpt'. Did you mean",
    ),
    (("trace", "convert", "{script}", "{tmp}/t.foo"), "{tmp}/t.foo: a trace file is named *.arrow"),
    (("config", "show", "{config}", "--policy", "x"), "there is no policy 'x'."),
    (("capture", "-o", "{tmp}/t.arrow"), "capture: name the command to record"),
    (
        ("run", "rmap-compare"),
        "rmap-compare: is a comparison of reverse maps, which 'reclaim compare rmap rmap-compare' ",
    ),
    (
        ("compare", "rmap", "--workload", "aim8"),
        "workloads: there is no workload, sample or file 'aim8'. Did you mean 'aim7'?",
    ),
    (
        ("compare", "rmap", "--rmap", "pte_chian"),
        "there is no rmap 'pte_chian'. Did you mean 'pte_chain'?",
    ),
    (("compare", "rmap", "--set", "walks=0"), "--set walks: walks: 0 is out of range: at least 1."),
    (
        ("compare", "scaling", "--set", "processes=[100,10]"),
        "--set processes: processes: sizes go upwards, got 100, 10.",
    ),
    (("results", "{tmp}/gone"), "{tmp}/gone: no such folder. Expected one that holds results."),
    (("results", "{tmp}"), "{tmp}: holds no results: expected the folders inbox/ and runs/ in it."),
    (("diff", "{store}", "{tmp}"), "{tmp}: holds no results"),
    (
        ("results", "{store}", "--sql", "select polcy from runs"),
        'the query was not understood: Binder Error: Referenced column "polcy" not found in FROM '
        'clause! Candidate bindings: "policy"',
    ),
    (("results", "{store}", "--sql", "selct 1"), "the query was not understood: Parser Error: "),
    (("results", "{store}", "--where", "frames >"), "the query was not understood: Parser Error: "),
    (("diff", "{store}", "{store}", "--where", "a="), "the query was not understood: Parser Error"),
    (
        ("results", "{store}", "--base", "fi"),
        "--base: no policy 'fi' in these results. Did you mean 'fifo'?",
    ),
    (("results", "{store}", "--csv", "--json"), "--csv, --json and --parquet: one of them at a "),
    (("results", "{store}", "--sql", "x", "--where", "y"), "--sql asks for itself: put the cond"),
    (("results", "{store}", "--csv", "--base", "fifo"), "--base is for the table: it cannot be "),
    (
        ("results", "{store}", "--parquet", "{tmp}/no/x.parquet"),
        "--parquet {tmp}/no/x.parquet: cannot be written: ",
    ),
]


@pytest.mark.parametrize(("args", "message"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_mistake_is_one_line_and_exit_code_2(
    args: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fake_engine: object,
) -> None:
    script, config, store = (
        tmp_path / "t.script",
        tmp_path / "c.yaml",
        ROOT / "tests/fixtures/store-1",
    )
    script.write_text("mmap a 0 4 anon private rw-\nread a 0..3\n")
    config.write_text("trace: t.script\npolicies: [fifo]\nrmaps: [pte_chain]\nframes: 2\n")

    def filled(text: str) -> str:
        for key, value in {
            "tmp": tmp_path,
            "script": script,
            "config": config,
            "store": store,
        }.items():
            text = text.replace(f"{{{key}}}", str(value))
        return text

    done = call(monkeypatch, capsys, *map(filled, args))
    assert done.code == 2
    assert done.err.startswith(f"reclaim: {filled(message)}")
    assert done.err.count("\n") == 1


AUTHORS_MISTAKES = [
    (("new", "policy", "My-Own", "--dir", "{tmp}"), "new: 'My-Own' cannot be a policy's name"),
    (("new", "policy", "class", "--dir", "{tmp}"), "new: 'class' cannot be a policy's name"),
    (("new", "policy", "fifo", "--dir", "{tmp}"), "new: there is a policy 'fifo' already"),
    (("new", "policy", "mine", "--dir", "{tmp}/gone"), "new: {tmp}/gone: there is no such folder."),
    (("check",), "check: name a policy, a strategy or a plugin file, or give --all."),
    (("check", "clokc"), "there is no policy or rmap 'clokc'. Did you mean 'clock'?"),
    (("check", "{tmp}/gone.py"), "{tmp}/gone.py: there is no such plugin file or folder"),
    (("check", "clock", "--strategy", "none_24"), "cannot run clock with none_24: rmap none_24"),
    (("explain", "fifo"), "explain: give either --pages '1 2 3 4 1 2' or --script FILE."),
    (("explain", "fifo", "--pages", "1 x"), "--pages: 'x' is no page number (0 to 999999)."),
    (("explain", "pte_chain", "--pages", "1"), "explain: 'pte_chain' is no policy."),
    (("explain", "fifo", "--script", "{tmp}/gone"), "--script {tmp}/gone: cannot be read:"),
]


@pytest.mark.parametrize(("args", "message"), AUTHORS_MISTAKES, ids=lambda value: str(value)[:60])
def test_an_authors_mistake_is_one_line_and_exit_code_2(
    args: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = call(monkeypatch, capsys, *(text.replace("{tmp}", str(tmp_path)) for text in args))
    assert done.code == 2
    assert done.err.startswith(f"reclaim: {message.replace('{tmp}', str(tmp_path))}")
    assert done.err.count("\n") == 1


def test_a_shell_sees_exit_code_2_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_like_this\n")
    done = subprocess.run(
        [sys.executable, "-m", "reclaim.cli.main", "plugins", "--plugins", tmp_path / "bad.py"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"reclaim: plugin 'bad' ({tmp_path / 'bad.py'}) cannot be imported: "
        f"{tmp_path / 'bad.py'}:1: ModuleNotFoundError: No module named 'nothing_like_this'\n"
    )


def test_unknown_options_and_commands_are_named() -> None:
    for args, word in ((("run", "x", "--fame", "3"), "--fame"), (("rum",), "rum")):
        done = subprocess.run(
            [sys.executable, "-m", "reclaim.cli.main", *args],
            cwd=ROOT,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert word in done.stderr
        assert "Traceback" not in done.stderr
