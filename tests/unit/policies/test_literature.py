"""What papers do not say: forks, unmapping, batches, victims that cannot leave; other params."""

from __future__ import annotations

from typing import Any

import pytest

from reclaim.errors import MachineError
from reclaim.run import RunSpec, run_one
from tests import laboratory
from tests.laboratory import page_list, policy, rmap
from tests.oracle.papers import papers
from tests.oracle.scripts import random_script
from tests.parity.traces import all_of
from tests.property.long_run import PRESSURES

LITERATURE = sorted(
    cls.name for cls in laboratory.plugins().policies.classes() if cls.family == "literature"
)
PARAMS: list[tuple[str, dict[str, Any]]] = [
    ("two_queue", {"kin": 0.0, "kout": 2.0}),
    ("two_queue", {"kin": 1.0, "kout": 0.0}),
    ("slru", {"protected": 0.0}),
    ("slru", {"protected": 1.0}),
    ("slru", {"protected": 0.5}),
    ("lru_k", {"k": 1}),
    ("lru_k", {"k": 3, "correlated": 4}),
    ("lru_k", {"correlated": 40, "retained": 60}),
    ("lru_k", {"k": 5, "retained": 30}),
    ("lirs", {"stack": 1.0}),
    ("lirs", {"stack": 1.5, "hir": 0.3}),
    ("lirs", {"hir": 1.0}),
    ("mq", {"queues": 3, "life_time": 5, "qout": 0.5}),
    ("mq", {"queues": 1, "qout": 0.0}),
    ("mq", {"queues": 16, "life_time": 400}),
]
TRACES = all_of(500, 50)


def misses(name: str, params: dict[str, Any], pages: Any, frames: int) -> int:
    spec = RunSpec(policy(name, **params), rmap("pte_chain"), frames, check=True)
    return int(run_one(page_list(pages), spec)["counters"]["misses"])


@pytest.mark.parametrize(("name", "params"), PARAMS, ids=str)
def test_params_mean_what_the_paper_means(name: str, params: dict[str, Any]) -> None:
    for pages in TRACES.values():
        for frames in (1, 3, 12, 31, 49):
            expected = papers()[name].misses(pages.tolist(), frames, **params)
            assert misses(name, params, pages, frames) == len(expected), frames


def test_params_matter() -> None:
    """Else the test above says nothing."""
    pages = TRACES["zipf0.8"]
    for name, params in PARAMS:
        if params not in ({"protected": 1.0}, {"stack": 1.5, "hir": 0.3}):
            assert misses(name, params, pages, 12) != misses(name, {}, pages, 12), (name, params)


@pytest.mark.parametrize("name", ["slru", "lru_k", "mq"])
def test_with_nothing_to_tell_pages_apart_it_is_lru(name: str) -> None:
    params = {"slru": {"protected": 1.0}, "lru_k": {"k": 1}, "mq": {"queues": 1}}[name]
    for pages in TRACES.values():
        if name != "slru":  # which protects, even without a limit
            assert misses(name, params, pages, 12) == misses("lru", {}, pages, 12)
        assert misses(name, params, pages, 50) == misses("lru", {}, pages, 50)


@pytest.mark.parametrize("pressure", PRESSURES, ids=lambda pressure: str(len(str(pressure))))
@pytest.mark.parametrize("name", LITERATURE)
def test_its_lists_are_right_after_each_event(name: str, pressure: dict[str, Any]) -> None:
    for seed in range(6):
        text = random_script(seed, 120, max_spaces=4, max_locked=1 + 5 * (seed % 2))
        for frames in (9, 14):
            try:
                laboratory.watch(text, "pte_chain", each=True, by=name, frames=frames, **pressure)
            except MachineError as error:  # much is locked
                if "out of memory" not in str(error):
                    raise


BESIDE_FULL_SWAP = """
mmap p 0 3 anon private rw-
write p 0..2
read p 0..2 x3
fdread f 0 40
fdread f 0 40
fork p q
write q 0..2
fdread f 0 40
"""


@pytest.mark.parametrize("pressure", PRESSURES[:3], ids=lambda pressure: str(len(str(pressure))))
@pytest.mark.parametrize("name", LITERATURE)
def test_a_victim_that_cannot_leave_lets_others_go(name: str, pressure: dict[str, Any]) -> None:
    """Without swap only file pages can go, wherever the policy keeps them."""
    record = laboratory.run(
        BESIDE_FULL_SWAP, "pte_chain", by=name, frames=12, swap_pages=0, **pressure
    )
    assert record["counters"]["swap_outs"] == 0
    assert record["counters"]["evictions"] > 60


@pytest.mark.parametrize("name", LITERATURE)
def test_a_scan_does_not_push_out_the_hot_set(name: str) -> None:
    """What all of them were written for: every third access goes to five hot pages."""
    assert misses(name, {}, TRACES["scan"], 12) < misses("lru", {}, TRACES["scan"], 12)
