"""Does the hash of trees find what a dictionary would, and count the nodes that it compares?"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.counters import RMAP_TREE_STEPS
from reclaim.ids import NIL
from reclaim.kit.tree_hash import TreeHash
from tests.counted import Counted
from tests.lanes import both

STRIDE = 8  # words between nodes
INSERT, TAKE, FIND = range(3)


def program(m: Any, hashed: Any, rows: Any, ops: Any, out: Any, steps: Any) -> int:
    """Do operations (what, key, node); nodes found go to `out`, the nodes compared to `steps`."""
    for i in range(len(ops) // 3):
        what, key, node = ops[3 * i], ops[3 * i + 1], ops[3 * i + 2]
        bucket = key % len(hashed.roots)
        before = m.counters[RMAP_TREE_STEPS]
        if what == INSERT:
            hashed.insert(m, rows, bucket, node, key)
        elif what == TAKE:
            out[i] = hashed.take(m, rows, bucket, key)
        else:
            out[i] = hashed.find(m, rows, bucket, key)
        steps[i] = m.counters[RMAP_TREE_STEPS] - before
    return 0


PROGRAMS = both(program)
CHOICES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=150)


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@pytest.mark.parametrize("nr_buckets", [1, 3, 64])
@given(choices=CHOICES)
def test_as_a_dictionary(run: Any, nr_buckets: int, choices: list[tuple[int, int]]) -> None:
    known: dict[int, int] = {}
    ops, answers, at_most = [], [], []
    for what, key in choices:
        crowd = sum(other % nr_buckets == key % nr_buckets for other in known)
        at_most.append(crowd)
        if key in known and what == TAKE:
            answers.append(known.pop(key))
            ops += [TAKE, key, 0]
        elif key not in known and what != FIND:
            known[key] = key * STRIDE
            answers.append(77)
            ops += [INSERT, key, key * STRIDE]
        else:
            answers.append(known.get(key, NIL))
            ops += [FIND, key, 0]
    m, hashed = Counted.empty(), TreeHash.empty(nr_buckets)
    rows, out = np.zeros(41 * STRIDE, np.int64), np.full(len(choices), 77)
    steps = np.zeros(len(choices), np.int64)
    run(m, hashed, rows, np.array(ops, dtype=np.int64), out, steps)
    assert out.tolist() == answers
    assert all(0 < n <= crowd or n == crowd == 0 for n, crowd in zip(steps, at_most, strict=True))
    found, wrong = hashed.nodes(rows)
    assert not wrong
    assert found == {
        bucket: [known[key] for key in sorted(known) if key % nr_buckets == bucket]
        for bucket in {key % nr_buckets for key in known}
    }


@pytest.mark.parametrize("nr_buckets", [1, 16])
def test_a_bucket_is_searched_in_the_logarithm_of_what_it_holds(nr_buckets: int) -> None:
    """4096 keys in ascending order: the mean search compares at most 1.4 log2 n + 2 nodes."""
    nr = 4096
    keys = list(range(nr))
    inserts = [word for key in keys for word in (INSERT, key, key * STRIDE)]
    random.Random(3).shuffle(keys)
    finds = [word for key in keys for word in (FIND, key, 0)]
    m, hashed = Counted.empty(), TreeHash.empty(nr_buckets)
    out, steps = np.zeros(2 * nr, np.int64), np.zeros(2 * nr, np.int64)
    ops = np.array(inserts + finds, dtype=np.int64)
    PROGRAMS[-1](m, hashed, np.zeros(nr * STRIDE, np.int64), ops, out, steps)
    assert out[nr:].tolist() == [key * STRIDE for key in keys]
    assert steps[nr:].mean() <= 1.4 * math.log2(nr / nr_buckets) + 2
