"""Is a kernel inert until a machine is bound, and do the lanes do what their switches say?"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from reclaim.jit.kernel import (
    BOUNDSCHECK,
    INTERPRET,
    Kernel,
    Native,
    U,
    cold,
    kernel,
    prefetch,
    prefetch_either,
)

SCRIPT = """
import numpy as np
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, kernel
from tests.lanes import compiled

class Words(Handle):
    words: I64

@kernel
def word(h, i):
    return h.words[U(i)]

def entry(h, i):
    return word(h, i)

h = Words(words=np.arange(4))
print(type(word).__name__, compiled(entry)(h, 3))
try:
    compiled(entry)(h, 1 << 20)
    print("nothing")
except IndexError as error:
    print("IndexError")
"""


def outcome(script: str, **switches: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RECLAIM_")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment, **switches, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@kernel
def hot(i: Any) -> Any:
    """Say it again."""
    return i


@kernel(cold=True)
def rare(i: Any) -> Any:
    return i


def test_a_kernel_runs_as_python_and_keeps_its_name() -> None:
    assert hot(3) == rare(3) == 3
    assert hot.__name__ == "hot"
    assert hot.__doc__ == "Say it again."


def test_subscripts_and_prefetch_do_nothing_in_python() -> None:
    assert U(5) == 5
    prefetch([], -3)
    prefetch_either(True, [], 0, [], -3)


@pytest.mark.jit_only
def test_what_the_decorators_leave_behind() -> None:
    assert isinstance(hot, Kernel)
    assert (hot.cold, rare.cold) == (False, True)  # type: ignore[attr-defined]
    assert isinstance(U, Native)

    def method(self: Any) -> None: ...

    assert cold(method) is method


@pytest.mark.jit_only
def test_options_of_compiled_kernels() -> None:
    """Hot kernels are inlined by force; no wrapper is made for anybody but the entry's caller."""
    from reclaim.jit.lower import options

    assert (options(False)["forceinline"], options(True)["forceinline"]) == (True, False)
    for is_cold in (False, True):
        given = options(is_cold)
        assert (given["_nrt"], given["error_model"]) == (False, "numpy")
        assert given["no_cpython_wrapper"]
        assert given["boundscheck"] == BOUNDSCHECK


def test_the_interpreting_lane_has_functions_only() -> None:
    if INTERPRET:
        assert not isinstance(hot, Kernel)
    found = outcome(SCRIPT, RECLAIM_INTERPRET="1").split()
    assert found == ["function", "3", "IndexError"]


@pytest.mark.slow
def test_the_bounds_checked_lane_stops_at_a_wrong_subscript() -> None:
    assert outcome(SCRIPT, RECLAIM_BOUNDSCHECK="1").split() == ["Kernel", "3", "IndexError"]


def test_the_door_of_the_plugins_does_not_import_numba() -> None:
    """Listing plugins and `--help` must not wait for a compiler."""
    script = (
        "import sys, reclaim.api\n"
        "from reclaim.plugin.manager import load_plugins\n"
        "assert len(load_plugins().policies) >= 4\n"
        "print('numba' in sys.modules)"
    )
    assert outcome(script) == "False"
