"""Is the page closed, escaped and complete, as far as its text tells?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reclaim.contract.observer import Chart, Observer, Section
from reclaim.errors import ConfigError, PluginError, StoreError
from reclaim.plugin.manager import load_plugins
from reclaim.report import plot
from reclaim.report.cells import open_runs
from reclaim.report.figures import curves
from reclaim.report.observed import observed
from reclaim.report.page import report
from reclaim.store import Store
from tests.records import failed, record

EVIL = "<b>&\"'</script>"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    for policy, misses in (("opt", 50), ("fifo", 90), ("lru", 75)):
        for rmap in ("pte_chain", "anon_vma"):
            for seed in (1, 2, 3):
                for frames in (8, 16):
                    counters = {"misses": misses + seed - frames}
                    made.append(
                        record(
                            policy=policy, rmap=rmap, seed=seed, frames=frames, counters=counters
                        )
                    )
    return made


def own_part(page: str) -> str:
    """Return the page without the bundled libraries."""
    return re.sub(r"<script>const n=.*?</script>", "", page, flags=re.S)


def embedded(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_nothing_in_the_page_names_a_place_outside(store: Store) -> None:
    page = report(open_runs(store))
    assert "window.vegaEmbed" in page
    for found in re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""", own_part(page)):
        assert found.startswith("#"), found
    assert "@import" not in own_part(page)
    assert "url(" not in own_part(page)
    assert "default-src 'none'" in page


def test_every_figure_has_the_command_that_draws_it(store: Store, tmp_path: Path) -> None:
    runs = open_runs(store, "frames > 1")
    page = report(runs, load_plugins().observers.classes())
    data = embedded(page)
    assert {"misses", "gap", "work", "memory", "direct", "series", "regret"} <= {
        figure["kind"] for figure in data["figures"]
    }
    for figure in data["figures"]:
        assert figure["command"].startswith(f"reclaim plot {figure['kind']} {store.path} -o ")
        assert "--where 'frames > 1'" in figure["command"]
        assert f'id="{figure["id"]}"' in page


def test_names_from_records_are_escaped(store: Store) -> None:
    store.append(record(workload=EVIL, policy="opt", counters={"misses": 9}))
    store.append(failed(error=EVIL, policy="clock"))
    page = own_part(report(open_runs(store)))
    assert EVIL not in page
    assert "&lt;b&gt;&amp;&quot;&#x27;&lt;/script&gt;" in page


def test_a_cell_has_its_mean_its_interval_and_its_gap(store: Store) -> None:
    cells = open_runs(store).cells
    (lru,) = [c for c in cells if (c["policy"], c["rmap"], c["size"]) == ("lru", "pte_chain", "8")]
    accesses = lru["accesses"]
    ratios = [(75 + seed - 8) / accesses for seed in (1, 2, 3)]
    assert lru["n"] == 3
    assert lru["miss_ratio"] == pytest.approx(ratios[1])
    # Student's t for three values with a standard deviation of one miss.
    assert lru["high"] - lru["low"] == pytest.approx(2 * 4.302653 / 3**0.5 / accesses)
    gaps = [(75 + seed - 8) / (50 + seed - 8) - 1 for seed in (1, 2, 3)]
    assert lru["gap"] == pytest.approx(sum(gaps) / 3)


def test_strategies_with_equal_misses_share_a_curve(store: Store) -> None:
    store.append(record(policy="lru", rmap="other", seed=1, counters={"misses": 99}))
    rows = curves(open_runs(store).cells)
    assert {row["series"] for row in rows} == {"opt", "fifo", "lru", "lru / other"}
    (shared,) = {tuple(row["rmap"]) for row in rows if row["series"] == "lru"}
    assert shared == ("anon_vma", "pte_chain")


def test_without_runs_there_is_no_page(tmp_path: Path) -> None:
    empty = Store(tmp_path / "empty")
    empty.append(failed())
    with pytest.raises(StoreError, match="no finished run: there is nothing to show"):
        open_runs(empty)


def test_a_missing_trace_is_said(store: Store) -> None:
    page = report(open_runs(store))
    assert "The trace is not beside the results" in page


# ---- observers -----------------------------------------------------------------------------------


def observer(given: Any) -> type[Observer]:
    class Theirs(Observer):
        name = "theirs"
        summary = source = "a test"

        def sections(self, records: Any) -> Any:
            return given(records) if callable(given) else given

    return Theirs


def chart(spec: Any) -> list[Section]:
    return [Section("One", "", [Chart("Two", "", spec, [])])]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda records: 1 / 0, r"failed at .*: ZeroDivisionError"),
        (["text"], r"gave 'text'; `sections` returns a list of Section"),
        ([Section("One", "", ["text"])], r"gave 'text'; a section's charts are Chart"),
        (chart({"data": {}}), r"'Two': the specification is a dict without `data`"),
        (chart({"layer": [{"mark": "bar", "data": {"url": "x"}}]}), r"has `url`"),
        (chart({"encoding": {"href": {"field": "a"}}}), r"has `href`"),
    ],
)
def test_an_observer_that_breaks_its_contract_is_named(store: Store, given: Any, said: str) -> None:
    with pytest.raises(PluginError, match=r"observer 'theirs' \(.*test_page.py:\d+\): ") as caught:
        observed([observer(given)], open_runs(store))
    assert re.search(said, str(caught.value))


def test_an_observer_reads_runs_by_the_names_of_the_page(store: Store) -> None:
    seen: list[Any] = []

    def look(records: Any) -> list[Section]:
        seen.extend(records.rows(["misses", "no_such_column"]))
        seen.append(len(list(records.whole(2))))
        return []

    assert observed([observer(look)], open_runs(store)) == []
    assert seen.pop() == 2
    assert len(seen) == 36
    assert {row["workload"] for row in seen} == {"loop"}
    assert {row["no_such_column"] for row in seen} == {None}


def test_an_observer_draws_policies_as_the_page_does(store: Store) -> None:
    spec = {"mark": "point", "encoding": {"color": {"field": "policy", "type": "nominal"}}}
    (part,) = observed([observer(chart(spec))], open_runs(store))
    scale = part.figures[0].spec["encoding"]["color"]["scale"]
    assert scale["domain"] == ["fifo", "lru", "opt"]
    assert "scale" not in spec["encoding"]["color"]  # type: ignore[index]


def test_observers_are_verified_as_other_plugins_are(tmp_path: Path) -> None:
    lines = [
        "from reclaim.api import Observer, hookimpl",
        "class Theirs(Observer):",
        "    name = 'theirs'",
        "    summary = source = 'a test'",
        "    def sections(self, runs): return []",
        "@hookimpl",
        "def reclaim_register_observers(register): register(Theirs)",
    ]
    path = tmp_path / "theirs.py"
    path.write_text("\n".join(lines))
    with pytest.raises(PluginError, match=r"observer 'theirs' \(.*theirs.py:5\): .*sections"):
        load_plugins([path])
    path.write_text("\n".join([*lines[:4], *lines[5:]]))
    with pytest.raises(PluginError, match=r"has no `sections\(self, records\)`"):
        load_plugins([path])
    path.write_text("\n".join(lines).replace("runs", "records"))
    assert "theirs" in load_plugins([path]).observers


# ---- single figures ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", plot.FORMATS)
def test_a_figure_is_drawn_into_a_file(store: Store, tmp_path: Path, ending: str) -> None:
    runs = open_runs(store)
    figure = plot.find_figure(runs, "misses", [])
    rows, said = plot.narrowed(runs, figure, {"policy": ["lru"]}, None, None)
    assert {row["policy"] for row in rows} == {"lru"}
    path = tmp_path / f"figure.{ending}"
    plot.write_plot(plot.specification(figure, rows, said), path)
    head = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert path.read_bytes().startswith(head[ending])


@pytest.mark.parametrize("kind", ["gap", "work", "memory", "direct", "series", "regret"])
def test_every_kind_is_drawn(store: Store, tmp_path: Path, kind: str) -> None:
    runs = open_runs(store)
    figure = plot.find_figure(runs, kind, load_plugins().observers.classes())
    rows, said = plot.narrowed(runs, figure, {}, None, None)
    path = tmp_path / "figure.svg"
    plot.write_plot(plot.specification(figure, rows, said), path)
    assert path.read_text().count("<path") > 5


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("miss", {}, "there is no figure 'miss'. Did you mean 'misses'?"),
        ("accesses", {}, "accesses: nothing to draw. The trace is not beside the results"),
        ("gap", {"size": "9"}, "--size: there is no size '9'. Valid: 16, 8."),
        ("gap", {"only": {"policy": ["lur"]}}, "--policy: there is no 'lur'. Did you mean 'lru'?"),
        ("series", {"choice": "x"}, "--choose: there is no 'x'."),
        ("gap", {"only": {"policy": ["opt"]}}, "gap: nothing is left to draw"),
    ],
)
def test_a_figure_that_cannot_be_drawn_says_why(
    store: Store, kind: str, options: dict[str, Any], said: str
) -> None:
    runs = open_runs(store)
    only, size, choice = (options.get(name) for name in ("only", "size", "choice"))
    with pytest.raises(ConfigError) as caught:
        plot.narrowed(runs, plot.find_figure(runs, kind, []), only or {}, size, choice)
    assert said in str(caught.value)
