"""Random events by the million on small machines, everything checked after each.

``python -m tests.property.long_run --events 1000000`` prints what ran and each divergence with the
seed that repeats it: ``--seed N --scripts 1``. Each seed is one script under one policy, pressure
and size, on one machine per strategy, beside the oracle (`side_by_side`).
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from typing import Any

from tests import laboratory
from tests.oracle.machine import resolve
from tests.oracle.policies import POLICIES
from tests.oracle.scripts import random_script
from tests.oracle.steps import steps_of_script
from tests.property.side_by_side import SideBySide, TooManyError

PRESSURES: tuple[dict[str, Any], ...] = (
    {"pressure": "exact"},
    {"pressure": "limit"},
    {"pressure": "watermarks", "min": 1, "low": 3, "high": 5},
    {"pressure": "watermarks", "min": 1, "low": 3, "high": 5, "kswapd_every": 7}
    | {"writeback_accesses": 5},
)


def world(seed: int) -> tuple[str, dict[str, Any]]:
    """Return the script of a seed, and on which machines it runs."""
    rng = random.Random(seed)
    many_locked = rng.random() < 0.4
    text = random_script(
        seed,
        rng.choice([60, 120, 200]),
        max_spaces=rng.choice([2, 4, 6]),
        max_locked=6 if many_locked else 1,
        sharing_shm_privately=rng.random() < 0.25,
    )
    settings = {
        "policy": rng.choice(list(POLICIES)),
        "frames": rng.choice([14, 20, 40] if many_locked else [7, 9, 14]),
        "swap_pages": rng.choice([None, None, None, 25]),
        "fork_copies": rng.choice(["anon", "all"]),
        "pressure": rng.choice(PRESSURES),
        "strategies": (
            laboratory.rmap("pte_chain", line=rng.choice([32, 64])),
            laboratory.rmap("anon_vma_chain", early_exit=rng.random() < 0.7),
            "full_scan",
        ),
    }
    # Those who copy on move have other page ids, and so a world of their own.
    if rng.random() < 0.2:
        settings["strategies"] = (laboratory.rmap("anonmm", early_exit=rng.random() < 0.7),)
    return text, settings


def run_seed(seed: int) -> tuple[int, str]:
    """Run one script; returns events taken and what went wrong, or how it ended."""
    text, settings = world(seed)
    if settings["policy"] == "opt":
        copies_on_move = settings["strategies"][0].cls.copies_on_move
        steps = steps_of_script(text)
        settings["touches"] = resolve(steps, settings["fork_copies"], copies_on_move).touches
    machines = SideBySide(**settings)
    nr, line = 0, ""
    try:
        for line in text.splitlines():
            nr += machines.say(line)
    except TooManyError:
        return nr, "too many spaces"
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed that makes it is wanted
        settings.pop("touches", None)
        shown = f"{type(error).__name__}: {error}"[:500]
        return nr, f"DIVERGENCE seed {seed} {settings} at '{line}': {shown}"
    return nr, "out of memory" if machines.over else "ran to its end"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scripts", type=int, default=1 << 40)
    given = parser.parse_args()
    start, nr, seed = time.time(), 0, given.seed
    ends: Counter[str] = Counter()
    laboratory.plugins()
    while nr < given.events and seed < given.seed + given.scripts and ends["divergence"] < 20:
        taken, end = run_seed(seed)
        seed += 1
        nr += taken
        if end.startswith("DIVERGENCE"):
            print(end, flush=True)
            end = "divergence"
        ends[end] += 1
        if seed % 500 == 0:
            print(
                f"seed {seed}: {nr} events, {time.time() - start:.0f} s, {dict(ends)}", flush=True
            )
    print(
        f"{nr} events, each on up to {len(laboratory.RMAPS)} strategies, "
        f"seeds {given.seed} to {seed - 1}, {time.time() - start:.0f} s: {dict(ends)}"
    )
    raise SystemExit(ends["divergence"] > 0)


if __name__ == "__main__":
    main()
