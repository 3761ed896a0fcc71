"""Are the machine's arrays zero, on cache lines, and the large ones on huge pages?"""

from __future__ import annotations

import numpy as np
import pytest

from reclaim.vm.machine import HUGE_PAGE, aligned


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("words", [1, 1000, 1 << 20, (1 << 20) + 8])
def test_zero_and_aligned(words: int, dtype: type) -> None:
    array = aligned(words, dtype)
    assert array.shape == (words,)
    assert array.dtype == dtype
    assert not array.any()
    large = array.nbytes >= 2 * HUGE_PAGE
    assert array.ctypes.data % (HUGE_PAGE if large else 64) == 0
    array[[0, -1]] = 7
    assert array.sum() == (14 if words > 1 else 7)
