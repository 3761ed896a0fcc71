"""Does the report work in a real browser: drawn, filtered, sorted, and closed to the network?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reclaim.contract.observer import Chart, Observer, Section
from reclaim.report.cells import open_runs
from reclaim.report.page import report
from reclaim.store import Store
from tests.records import failed, record

EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"


class Evil(Observer):
    name = "evil"
    summary = source = "escapes"

    def sections(self, records: Any) -> list[Section]:
        rows = [{"policy": EVIL, "n": 1}, {"policy": "lru", "n": 2}]
        spec = {
            "mark": "bar",
            "encoding": {
                "x": {"field": "n", "type": "quantitative"},
                "y": {"field": "policy", "type": "nominal"},
            },
        }
        return [Section(EVIL, EVIL, [Chart(EVIL, EVIL, spec, rows)])]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    store = Store(folder / "results")
    for workload in ("loop", EVIL):
        for policy, more in (("opt", 0), ("fifo", 30), ("lru", 20)):
            for rmap in ("pte_chain", "anon_vma"):
                for frames in (8, 16):
                    for seed in (1, 2):
                        counters = {
                            "misses": 100 - frames + more + seed,
                            "rmap_links_visited": 500 + 9 * more + 5 * len(rmap + workload),
                            "refaults": 20 + more,
                        }
                        cell: dict[str, Any] = {
                            "workload": workload,
                            "policy": policy,
                            "rmap": rmap,
                            "rmap_bytes": {"peak": 500 + 9 * more + 90 * len(rmap + workload)},
                        }
                        store.append(record(frames=frames, seed=seed, counters=counters, **cell))
    store.append(failed(error=EVIL, policy="clock"))
    path = folder / "report.html"
    path.write_text(report(open_runs(store), [Evil]))
    return path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A container's root has no sandbox.
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, page_file: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.said, opened.asked = [], []
    opened.on("console", lambda e: opened.said.append(e.text) if e.type == "error" else None)
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("dialog", lambda dialog: opened.said.append(f"dialog {dialog.message}"))
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(page_file.as_uri())
    settled(opened)
    yield opened
    context.close()


def settled(page: Any) -> None:
    page.wait_for_selector("html[data-ready=yes]", timeout=60_000)


def drawn(page: Any) -> dict[str, list[str]]:
    """Return the pictures of each figure."""
    found: dict[str, list[str]] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('figure')].map(f => "
        "[f.id, [...f.querySelectorAll('.draw svg')].map(s => s.outerHTML)]))"
    )
    # Vega numbers what it draws anew.
    numbered = re.compile(r"(gradient|clip)_?\d+")
    return {name: [numbered.sub("", svg) for svg in svgs] for name, svgs in found.items()}


def marks(svg: str) -> int:
    return svg.count("<path") + svg.count("<rect") + svg.count("<line")


def test_it_is_drawn_without_an_error_or_a_request(page: Any, page_file: Path) -> None:
    assert page.said == []
    assert page.asked == [page_file.as_uri()]
    figures = drawn(page)
    assert {"figure-misses", "figure-gap", "figure-work", "figure-memory"} <= set(figures)
    assert all(
        pictures and all(marks(svg) > 5 for svg in pictures) for pictures in figures.values()
    )


@pytest.mark.parametrize(
    ("filter_name", "value"), [("policy", "lru"), ("rmap", "pte_chain"), ("workload", "loop")]
)
def test_a_filter_changes_every_figure(page: Any, filter_name: str, value: str) -> None:
    before, rows = drawn(page), page.get_attribute("#results-table", "data-rows")
    page.click(f"button[data-filter={filter_name}][data-set=none]")
    settled(page)
    assert page.get_attribute("#results-table", "data-rows") == "0"
    page.check(f'input[name={filter_name}][value="{value}"]')
    settled(page)
    after = drawn(page)
    # A curve is of every strategy that gives the same misses, and the observer's rows name no more.
    same = {"rmap": {"figure-misses", "figure-gap", "figure-evil"}, "workload": {"figure-evil"}}
    for name, pictures in before.items():
        if name not in ("figure-series", "figure-direct"):  # all runs of the fixture have the same
            assert (after[name] == pictures) == (name in same.get(filter_name, ())), name
    assert value in page.input_value("#figure-series select")
    assert 0 < int(page.get_attribute("#results-table", "data-rows")) < int(rows)
    for command in page.locator("figure .command").all_text_contents():
        assert f"--{filter_name} {value}" in command
    page.click(f"button[data-filter={filter_name}][data-set=all]")
    settled(page)
    assert {name: len(found) for name, found in drawn(page).items()} == {
        name: len(found) for name, found in before.items()
    }
    assert page.said == []


def test_the_size_changes_the_figures_of_one_size(page: Any) -> None:
    before = drawn(page)
    page.select_option("#size", "16")
    settled(page)
    after = drawn(page)
    assert after["figure-gap"] != before["figure-gap"]
    assert after["figure-misses"] == before["figure-misses"]


def test_a_heading_sorts_the_table_both_ways(page: Any) -> None:
    head = page.locator("#results-table th", has_text="Miss ratio")
    place = head.evaluate("head => head.cellIndex")

    def column() -> list[float]:
        texts = page.locator(f"#results-table tbody td:nth-child({place + 1})").all_text_contents()
        return [float(text.split()[0]) for text in texts]

    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column() == sorted(column())
    page.keyboard.press("Enter")
    assert column() == sorted(column(), reverse=True)
    assert column()[0] != column()[-1]


def test_names_are_text(page: Any) -> None:
    assert page.locator("img").count() == 0
    assert EVIL in page.locator("#filters").inner_text()
    assert EVIL in page.locator(".panel h4").all_text_contents()
    assert EVIL in page.locator(".failed").inner_text()
    assert EVIL in page.locator("h2").all_text_contents()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_a_screen_in_both_schemes(
    browser: Any, page_file: Path, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(page_file.as_uri())
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = page.evaluate(
        "[document.body, document.querySelector('.draw svg')].map(e => getComputedStyle(e))"
        ".flatMap(s => [s.backgroundColor, s.color])"
    )
    paper, ink, _, chart_ink = colours
    assert ink == chart_ink
    assert (brightness(paper) > brightness(ink)) == (scheme == "light")
    context.close()


def brightness(colour: str) -> int:
    return sum(int(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3])


def test_filters_are_reached_by_keyboard(page: Any) -> None:
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.name || document.activeElement.id"))
    assert {"policy", "rmap", "workload", "size"} <= reached
