"""Does damon_reclaim find what is idle, by the few frames that it looks at?

Pages come into frames in order of their first use, so here page k is in frame k until it goes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reclaim.kit.regions import REGION_WORDS
from tests import laboratory

FRAMES, HOT, NEW = 200, 100, 50
SETTINGS = {"age_every": 50, "aggregate": 20, "min_age": 2, "min_regions": 4, "max_regions": 40}


def trace(*parts: Any) -> Any:
    return laboratory.page_list(np.concatenate(parts))


def script(pages: Any) -> str:
    return "mmap p 0 400 anon private rw-\n" + "".join(f"read p {page}\n" for page in pages)


def regions_after(pages: Any, **params: int) -> tuple[Any, Any]:
    """Return the rows of the regions and the machine behind accesses to these pages."""
    found: list[Any] = []
    by = laboratory.policy("damon_reclaim", **{**SETTINGS, **params})
    m = laboratory.watch(script(pages), "pte_chain", by=by, frames=FRAMES, found=found)
    regions = found[0].regions
    return regions.row.reshape(-1, REGION_WORDS)[: int(regions.nr[0])], m


def misses(pages: Any, by: str, **params: int) -> int:
    chosen = laboratory.policy(by, **params)
    return int(laboratory.run(pages, "pte_chain", by=chosen, frames=FRAMES)["counters"]["misses"])


FILL = np.arange(FRAMES)
HOT_LOOP = np.arange(40_000) % HOT
THEN_NEW = np.arange(FRAMES, FRAMES + NEW)


def test_regions_find_where_use_ends() -> None:
    """Frames 0 to 99 are used in each interval, the others never; a bound comes to lie at 100."""
    rows, _ = regions_after([*FILL, *HOT_LOOP])
    used = rows[rows[:, 3] > 0]
    idle = rows[(rows[:, 3] == 0)]
    assert abs(int(used[:, 1].max()) - HOT) <= 5
    assert abs(int(idle[:, 0].min()) - HOT) <= 5
    assert idle[:, 4].max() >= 10  # 40 periods have passed
    assert len(rows) <= SETTINGS["max_regions"]


def test_idle_pages_go_and_used_pages_stay() -> None:
    """Fifty new pages take the place of idle ones; the hundred that are used miss no more."""
    pages = trace(FILL, HOT_LOOP, THEN_NEW, np.arange(HOT))
    assert misses(pages, "damon_reclaim", **SETTINGS) <= FRAMES + NEW + 5
    # CLOCK finds every bit set, so it goes by age and throws out the pages in use.
    assert misses(pages, "clock") >= FRAMES + 2 * NEW


def test_nothing_is_cold_before_its_age() -> None:
    """With a `min_age` that no region reaches, CLOCK decides; and so it does before any tick."""
    pages = trace(FILL, HOT_LOOP[:3000], THEN_NEW, np.arange(HOT))
    never = misses(pages, "damon_reclaim", **{**SETTINGS, "min_age": 1000})
    assert never >= FRAMES + 2 * NEW - 5
    assert misses(pages, "damon_reclaim", **{**SETTINGS, "age_every": 1 << 20}) == misses(
        pages, "clock"
    )


def test_looking_costs_two_walks_a_region_and_tick() -> None:
    """The price is the number of regions, not of frames: nothing is evicted, 800 ticks."""
    pages = laboratory.page_list(np.concatenate([FILL, HOT_LOOP]))
    chosen = laboratory.policy("damon_reclaim", **{**SETTINGS, "min_age": 1000})
    record = laboratory.run(pages, "pte_chain", by=chosen, frames=FRAMES)
    assert record["counters"]["age_ticks"] == 40_200 // 50
    walks = record["counters"]["rmap_walks"]
    assert walks <= 2 * SETTINGS["max_regions"] * record["counters"]["age_ticks"]
    assert walks >= 2 * SETTINGS["min_regions"] * (record["counters"]["age_ticks"] - 1)


def test_the_seed_decides_who_is_looked_at() -> None:
    pages = trace(FILL, HOT_LOOP[:5000], THEN_NEW)
    by = laboratory.policy("damon_reclaim", **SETTINGS)
    runs = [
        laboratory.run(pages, "pte_chain", by=by, frames=FRAMES, seed=seed) for seed in (1, 1, 2)
    ]
    assert runs[0]["digest"] == runs[1]["digest"] != runs[2]["digest"]
