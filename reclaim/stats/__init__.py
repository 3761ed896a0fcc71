"""What repeats say: means with intervals, and comparisons that know their own noise.

Numbers in, numbers out: nothing here knows what was measured.
"""

from __future__ import annotations

from reclaim.stats.paired import (
    NO_DIFFERENCE,
    Comparison,
    Panel,
    compare,
    compare_cells,
    noise_floor,
)
from reclaim.stats.summary import Summary, summarize

__all__ = [
    "NO_DIFFERENCE",
    "Comparison",
    "Panel",
    "Summary",
    "compare",
    "compare_cells",
    "noise_floor",
    "summarize",
]
