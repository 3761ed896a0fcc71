"""Is everything that needs all PTEs of a frame refused with a reverse map that cannot find them?

Pairs in a configuration are in test_commands.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reclaim.errors import ConfigError, MachineError
from reclaim.plugin.manager import load_plugins
from reclaim.run import PluginChoice, RunSpec, run_one
from reclaim.trace.script import parse_script
from tests.bad_input.test_plugins import GOOD
from tests.e2e.program import call
from tests.laboratory import policy, rmap, run

SHARED = "mmap a 0 4 anon private rw-\nwrite a 0..3\nfork a b\n"


@pytest.mark.parametrize("verb", ["evict", "referenced"])
def test_a_probe_is_one_line_with_its_place_and_exit_code_2(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script, config = tmp_path / "t.script", tmp_path / "c.yaml"
    script.write_text(f"{SHARED}{verb} b 2\n")
    config.write_text("trace: t.script\npolicies: [linux_24]\nrmaps: [none_24]\nframes: 9\n")
    code, _, err = call(monkeypatch, capsys, "run", config)
    assert code == 2
    assert (
        f"{script}:4: event 2 ({verb}): rmap 'none_24' cannot find all PTEs of the frame at b:0x2, "
        "so there is no walk to probe. Take an exact rmap, or leave the probe out. "
        "(linux_24 over none_24, 9 frames)\n"
    ) in err
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", ["evict", "referenced"])
def test_a_probe_of_what_is_not_there_asks_nobody(verb: str) -> None:
    record = run(f"{SHARED}mmap a 8 1 anon private rw-\n{verb} a 8\n", "none_24", by="linux_24")
    assert record["probes"][0]["mapcount"] == 0


@pytest.mark.parametrize("strategy", ["none_24", "prototype_pte", "pte_chain"])
def test_pageout_needs_no_walk(strategy: str) -> None:
    """It evicts what is mapped once, and the advice is at that PTE; what is shared stays."""
    script = SHARED + "write b 0..1\nmadvise a 0 4 pageout\n"
    record = run(script, strategy, by="linux_24")
    assert record["counters"]["evictions"] == 2
    assert record["counters"]["swap_outs"] == 2


def test_a_python_caller_is_refused_too() -> None:
    spec = RunSpec(policy("lru"), rmap("none_24"), 8)
    with pytest.raises(ConfigError, match="cannot run lru with none_24: rmap none_24 cannot find"):
        run_one(parse_script(SHARED), spec)


def test_a_policy_that_names_what_is_still_mapped_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD.replace("    nr_lists", "    needs = {'page_tables'}\n    nr_lists"))
    mine = load_plugins([path], installed=False).policies.get("mine")
    script = parse_script(SHARED + "read b 0..3\nwrite b 0..3\n")
    with pytest.raises(MachineError) as caught:
        run_one(script, RunSpec(PluginChoice(mine), rmap("none_24"), 4))
    message = str(caught.value)
    assert "policy 'mine' named frame" in message
    assert "still mapped, and rmap 'none_24' cannot find its PTEs: unmap them first" in message
    # With an exact one the machine unmaps for it.
    record = run_one(script, RunSpec(PluginChoice(mine), rmap("pte_chain"), 6))
    assert record["counters"]["evictions"] == 2
