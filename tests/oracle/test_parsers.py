"""Do the two readers of event scripts, written apart, read the same?"""

from __future__ import annotations

import pytest

from reclaim.trace.script import parse_script
from tests.oracle.scripts import random_script
from tests.oracle.steps import steps_of_script, steps_of_trace


@pytest.mark.parametrize("seed", range(30, 40))
def test_both_parsers_read_the_same(seed):
    text = random_script(seed)
    ours, theirs = steps_of_script(text), steps_of_trace(parse_script(text))
    assert [(step.verb, step.args) for step in ours] == [(step.verb, step.args) for step in theirs]
