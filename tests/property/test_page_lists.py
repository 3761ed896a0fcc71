"""Are lists of mappings, of whatever system, interchangeable with chains?

The beginning of a long run, as in `long_run`, on machines whose strategies keep a record for each
mapping: two layouts of FreeBSD's chunks, and illumos's hash with as few buckets as to need trees.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from reclaim.jit.kernel import INTERPRET
from tests.laboratory import rmap
from tests.property.long_run import world
from tests.property.side_by_side import SideBySide, TooManyError


@pytest.mark.parametrize("seed", range(30 if INTERPRET else 15))
def test_a_slice_of_the_long_run(seed: int) -> None:
    text, settings = world(seed)
    # Compiled lanes see one policy: each is compiled with each strategy. The future is not known.
    compiled = not INTERPRET or settings["policy"] == "opt"
    settings["policy"] = "clock" if compiled else settings["policy"]
    settings["strategies"] = (
        "pte_chain",
        rmap("pv_chunks", word=(4, 8)[seed % 2]),
        rmap("hment", buckets=(1, 3, 1 << 16)[seed % 3]),
    )
    machines = SideBySide(**settings)
    with suppress(TooManyError):  # it outgrew these machines; until then all agreed
        machines.say(text)
