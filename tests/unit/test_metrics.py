"""Are ratios, modelled times and warnings what their definitions say?"""

from __future__ import annotations

from pathlib import Path

import pytest

from reclaim.counters import COUNTER_NAMES, PHASE_NAMES
from reclaim.errors import ConfigError
from reclaim.metrics.costs import BASES, Cost, default_costs, modelled_time, resolve_costs
from reclaim.metrics.derived import DERIVED, derive
from reclaim.metrics.warnings import warnings_of

ZERO = dict.fromkeys(COUNTER_NAMES, 0)
COUNTERS_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "counters.md"


def test_ratios_divide_what_they_name() -> None:
    counters = {
        **ZERO,
        "accesses": 100,
        "misses": 20,
        "minor_faults": 15,
        "major_faults": 7,
        "evictions": 10,
        "frames_scanned": 25,
        "rmap_walks": 40,
        "rmap_links_visited": 60,
    }
    derived = derive(counters, frames=8, rmap_bytes_peak=256)
    assert derived["misses"] == 20
    assert derived["miss_ratio"] == 0.2
    assert derived["faults"] == 22
    assert derived["frames_scanned_per_reclaimed"] == 2.5
    assert derived["links_per_walk"] == 1.5
    assert derived["rmap_bytes_per_frame"] == 32
    assert derived["mean_refault_distance"] is None


def test_every_ratio_is_defined_once_with_unit_and_text() -> None:
    assert len({d.name for d in DERIVED}) == len(DERIVED)
    assert all(d.unit and d.text.endswith(".") for d in DERIVED)


def test_the_reference_page_lists_every_counter_phase_and_ratio() -> None:
    page = COUNTERS_PAGE.read_text()
    for name in (*COUNTER_NAMES, *PHASE_NAMES):
        assert f"| `{name}` |" in page, name
    for d in DERIVED:
        assert f"| `{d.name}` | {d.unit} | {d.text} |" in page, d.name


def test_every_cost_names_a_counter_and_its_basis() -> None:
    for name, cost in default_costs().items():
        assert name in COUNTER_NAMES
        assert cost.basis in BASES
        assert cost.source
        assert cost.ns >= 0


def test_the_reference_page_lists_every_cost() -> None:
    page = COUNTERS_PAGE.read_text()
    for name, cost in default_costs().items():
        assert f"| `{name}` | {cost.ns:g} | {cost.basis} | {cost.source} |" in page, name


def test_modelled_time_is_the_sum_of_counts_times_ns() -> None:
    costs = {"accesses": Cost(2, "given", ""), "ptes_probed": Cost(10, "given", "")}
    phases = {"fault": {"ptes_probed": 3}, "fork": {"ptes_probed": 4, "locks": 9}}
    counters = {"accesses": 100, "ptes_probed": 7, "locks": 9}
    before = dict(counters)
    time = modelled_time(phases, counters, costs)
    assert time["by_phase"] == {"access": 200.0, "fault": 30.0, "fork": 40.0}
    assert time["total_ns"] == 270.0
    assert "not measured" in time["label"]
    assert counters == before


def test_given_costs_replace_single_defaults(tmp_path: Path) -> None:
    costs = resolve_costs({"swap_ins": 5.0}, COUNTER_NAMES)
    assert costs["swap_ins"] == Cost(5.0, "given", "costs")
    assert costs["locks"] == default_costs()["locks"]
    path = tmp_path / "c.yaml"
    path.write_text("locks: {ns: 7, basis: measured, source: my machine}\nswap_ins: 1\n")
    costs = resolve_costs(str(path), COUNTER_NAMES)
    assert costs["locks"] == Cost(7.0, "measured", "my machine")
    assert costs["swap_ins"].ns == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lokcs: 1", "there is no counter 'lokcs'. Did you mean 'locks'?"),
        ("locks: -1", "'locks' costs a number of ns, at least 0, not -1"),
        ("locks: {nanos: 1}", "'locks' has the keys ns, basis and source, not nanos"),
        ("- 1", "a cost model is a mapping of counter to ns"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_cost_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        resolve_costs(str(path), COUNTER_NAMES)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_warnings_say_what_made_a_result_meaningless() -> None:
    def warn(needs: frozenset[str] = frozenset(), **counts: int) -> list[str]:
        return warnings_of({**ZERO, **counts}, frames=9, policy="p", needs=needs)

    assert warn(minor_faults=3, evictions=1) == []
    assert "never evicted: 9 frames" in warn(minor_faults=3)[0]
    assert "saw nothing" in warn()[0]
    assert "knows the future" in warn(frozenset({"lookahead"}), fills=1, evictions=1)[0]
