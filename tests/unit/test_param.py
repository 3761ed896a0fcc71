"""Does a declared parameter accept what it says, and refuse the rest in plain words?"""

from __future__ import annotations

import pytest

from reclaim.contract.param import Param, resolve_params
from reclaim.errors import ConfigError

DECLARED = {
    "line_bytes": Param(int, 128, low=32, high=256, unit="bytes", text="Size of a cache line."),
    "share": Param(float, 0.5, low=0.0, high=1.0),
    "eager": Param(bool, False),
    "order": Param(str, "head", choices=("head", "tail")),
}


def test_defaults_come_in_order_of_declaration() -> None:
    assert list(resolve_params("p", DECLARED, {}).items()) == [
        ("line_bytes", 128),
        ("share", 0.5),
        ("eager", False),
        ("order", "head"),
    ]


def test_a_whole_number_will_do_for_a_float_and_becomes_one() -> None:
    share = resolve_params("p", DECLARED, {"share": 1})["share"]
    assert share == 1.0 and isinstance(share, float)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"line_byte": 64}, "rmap 'x' has no parameter 'line_byte'. Did you mean 'line_bytes'?"),
        (
            {"line_bytes": "64"},
            "rmap 'x': parameter 'line_bytes': expected a whole number, got the text '64'",
        ),
        (
            {"line_bytes": True},
            "rmap 'x': parameter 'line_bytes': expected a whole number, got true",
        ),
        (
            {"line_bytes": 8},
            "rmap 'x': parameter 'line_bytes': 8 is out of range: 32 to 256 bytes",
        ),
        ({"share": float("nan")}, "rmap 'x': parameter 'share': expected a finite number, got nan"),
        ({"eager": 1}, "rmap 'x': parameter 'eager': expected true or false, got 1"),
        (
            {"order": "tai"},
            "rmap 'x': parameter 'order': the text 'tai' is none of head, tail. "
            "Did you mean 'tail'?",
        ),
        ({"order": None}, "rmap 'x': parameter 'order': expected a text, got nothing"),
    ],
)
def test_a_mistake_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_params("rmap 'x'", DECLARED, given)
    assert str(caught.value) == message


def test_a_plugin_without_parameters_says_so() -> None:
    with pytest.raises(ConfigError, match=r"has no parameter 'a'\. It has no parameters\."):
        resolve_params("policy 'fifo'", {}, {"a": 1})
