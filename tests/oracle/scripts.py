"""Random event scripts: what plugin authors check with is what the oracle is compared on."""

from __future__ import annotations

from reclaim.testing.scripts import (
    AREAS,
    WEIGHTS,
    Chooser,
    DrawChooser,
    RandomChooser,
    ScriptWriter,
    random_script,
)

__all__ = [
    "AREAS",
    "WEIGHTS",
    "Chooser",
    "DrawChooser",
    "RandomChooser",
    "ScriptWriter",
    "random_script",
]
