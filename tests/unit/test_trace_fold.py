"""Folding keeps every miss of LRU, every touch and every first write."""

from __future__ import annotations

import numpy as np
import pytest

from reclaim.trace.valgrind.fold import Folder
from tests.unit.lackey_text import R, W, lines


def folded(touches: str, window: int = 1) -> list[tuple[int, int, int]]:
    folder = Folder(window)
    data = np.frombuffer(lines(touches), np.uint8)
    assert folder.fold(data, 0) == (len(data), False)
    folder.close()
    return list(zip(*(column.tolist() for column in folder.rows()), strict=True))


def test_runs_of_a_page_fold() -> None:
    assert folded("R5 R5 X5 R6 R5") == [(5, R, 3), (6, R, 1), (5, R, 1)]


def test_a_write_opens_a_row_and_takes_what_follows() -> None:
    assert folded("R5 R5 W5 R5 M5 X5") == [(5, R, 2), (5, W, 4)]
    assert folded("M5 R5") == [(5, W, 2)]


def test_a_window_folds_the_middle_one_of_three() -> None:
    touches = "R1 R2 R1 R3 R2 R1"
    # Between the first and the last touch of page 1 lie two others, 2 and 3.
    assert folded(touches, 2) == [(1, R, 1), (2, R, 1), (1, R, 1), (3, R, 1), (2, R, 1), (1, R, 1)]
    assert folded(touches, 3) == [(1, R, 2), (2, R, 1), (3, R, 1), (2, R, 1), (1, R, 1)]
    assert folded("R1 R2 R1 R2 R1 R2", 2) == [(1, R, 2), (2, R, 2), (1, R, 1), (2, R, 1)]


def test_the_first_write_stays() -> None:
    assert folded("R1 R2 W1 R2 R1", 2) == [(1, R, 1), (2, R, 1), (1, W, 1), (2, R, 1), (1, R, 1)]
    assert folded("W1 R2 W1 R2 R1", 2) == [(1, W, 2), (2, R, 1), (2, R, 1), (1, R, 1)]


@pytest.mark.parametrize("window", [1, 3, 16])
def test_folding_neither_loses_nor_makes_touches(window: int) -> None:
    rng = np.random.default_rng(7)
    words = [f"{'RWX'[kind]}{page}" for kind, page in rng.integers(0, (3, 20), (9000, 2))]
    rows = folded(" ".join(words), window)
    assert sum(nr for _, _, nr in rows) == len(words)
    assert min(nr for _, _, nr in rows) == 1
    if window == 1:
        return
    # Row by row the ops say which pages are written: the first write of each page is a row of it.
    first = {word[1:] for word in words if word[0] == "W"}
    assert {str(vpn) for vpn, op, _ in rows if op == W} == first


def lru_faults(touches: list[int], frames: int) -> int:
    stack: list[int] = []
    faults = 0
    for page in touches:
        if page in stack:
            stack.remove(page)
        else:
            faults += 1
            stack = stack[-frames + 1 :] if frames > 1 else []
        stack.append(page)
    return faults


@pytest.mark.parametrize("window", [1, 2, 4, 8])
def test_folding_keeps_the_faults_of_lru(window: int) -> None:
    rng = np.random.default_rng(window)
    pages = (rng.zipf(1.3, 4000) % 40).tolist()
    rows = folded(" ".join(f"R{page}" for page in pages), window)
    kept = [vpn for vpn, _, _ in rows]
    assert sum(nr for _, _, nr in rows) == len(pages)
    for frames in range(window, 40):
        assert lru_faults(kept, frames) == lru_faults(pages, frames)


def test_an_access_over_a_border_touches_both_pages() -> None:
    folder = Folder(1)
    folder.fold(np.frombuffer(b" L 00005ffc,8\n L 00005ff8,8\n", np.uint8), 0)
    folder.close()
    assert folder.rows()[0].tolist() == [5, 6, 5]


def test_what_no_process_maps_is_counted_and_left_out() -> None:
    folder = Folder(1)
    folder.fold(np.frombuffer(b"I  ffffffffff600000,4\nI  00005000,4\n", np.uint8), 0)
    assert (folder.nr_rows, folder.nr_dropped) == (1, 1)
