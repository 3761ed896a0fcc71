"""A run of the simulator beside one of the oracle machine: what differs."""

from __future__ import annotations

from typing import Any

from tests.oracle.machine import Result


def differences(run: dict[str, Any], oracle: Result, *, vmas: bool = True) -> list[str]:
    """Return one line for each number that differs.

    Parameters
    ----------
    run : dict
        One entry of the simulator's `{"runs": [...]}`.
    oracle : Result
        The oracle's run of the same trace under the same settings.
    vmas : bool
        Whether numbers of mappings are compared: a strategy may veto a merge.
    """
    pairs = [(name, run["counters"].get(name), value) for name, value in oracle.counters.items()]
    pairs.append(("page_table_leaves", run["page_table_leaves"], oracle.page_table_leaves))
    if vmas:
        pairs.append(("vmas", run["vmas"], oracle.vmas))
    pairs.append(("number of probes", len(run["probes"]), len(oracle.probes)))
    for i, (got, want) in enumerate(zip(run["probes"], oracle.probes, strict=False)):
        pairs += [(f"probe {i} {key}", got[key], want[key]) for key in want]
    for mark, counters in oracle.marks.items():
        got = run["marks"][mark]["counters"]
        pairs += [(f"mark {mark} {key}", got[key], counters[key]) for key in oracle.counters]
    return [f"{name}: {got}, oracle {want}" for name, got, want in pairs if got != want]
