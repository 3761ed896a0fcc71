"""Random events by the million on small machines, everything checked after each.

``python -m tests.property.long_run --events 1000000`` prints what ran and each divergence with the
seed that repeats it: ``--seed N --scripts 1``. Each seed is one script under one policy, pressure
and size, on machines of some strategies (`worlds`), beside the oracle (`side_by_side`).
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from typing import Any, NamedTuple

from reclaim.jit.kernel import INTERPRET
from tests import laboratory
from tests.oracle.machine import resolve
from tests.oracle.policies import POLICIES
from tests.oracle.scripts import random_script
from tests.oracle.steps import steps_of_script
from tests.property.side_by_side import SideBySide, TooManyError
from tests.property.worlds import FIRST, chosen, others

PRESSURES: tuple[dict[str, Any], ...] = (
    {"pressure": "exact"},
    {"pressure": "limit"},
    {"pressure": "watermarks", "min": 1, "low": 3, "high": 5},
    {"pressure": "watermarks", "min": 1, "low": 3, "high": 5, "kswapd_every": 7}
    | {"writeback_accesses": 5},
)


NR_OTHERS = 2  # strategies beside the first, unless all are wanted
COPYING = laboratory.exact_rmaps(copies_on_move=True)


class Ended(NamedTuple):
    """How a script ended.

    Parameters
    ----------
    nr_events : int
        Events that happened, to each machine.
    end : str
        In words; beginning with DIVERGENCE if something was wrong.
    strategies : tuple of str
        Whose machines they were.
    """

    nr_events: int
    end: str
    strategies: tuple[str, ...]


def world(seed: int, whole: bool = INTERPRET, nr: int = NR_OTHERS) -> tuple[str, dict[str, Any]]:
    """Return the script of a seed, and on which machines it runs: of all strategies if `whole`."""
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
    }
    # Last, so that the rest of a seed's world does not depend on what is installed. Those who copy
    # on move have other page ids, and so worlds of their own.
    names = [FIRST, *rng.sample(others(whole), min(nr, len(others(whole))))]
    if rng.random() < 0.2:
        names = [rng.choice(COPYING)]
    settings["strategies"] = [chosen(name, rng.choice) for name in names]
    return text, settings


def run_seed(seed: int, whole: bool = INTERPRET, nr_others: int = NR_OTHERS) -> Ended:
    """Run one script; returns how it ended."""
    text, settings = world(seed, whole, nr_others)
    names = tuple(choice.cls.name for choice in settings["strategies"])
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
        return Ended(nr, "too many spaces", names)
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed that makes it is wanted
        settings.pop("touches", None)
        shown = f"{type(error).__name__}: {error}"[:500]
        return Ended(nr, f"DIVERGENCE seed {seed} {settings} at '{line}': {shown}", names)
    return Ended(nr, "out of memory" if machines.over else "ran to its end", names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scripts", type=int, default=1 << 40)
    parser.add_argument("--all", action="store_true", help="every strategy at once")
    given = parser.parse_args()
    start, nr, seed = time.time(), 0, given.seed
    ends: Counter[str] = Counter()
    events: Counter[str] = Counter()
    laboratory.plugins()
    while nr < given.events and seed < given.seed + given.scripts and ends["divergence"] < 20:
        taken = run_seed(seed, INTERPRET or given.all, 99 if given.all else NR_OTHERS)
        seed += 1
        nr += taken.nr_events
        events.update(dict.fromkeys(taken.strategies, taken.nr_events))
        end = taken.end
        if end.startswith("DIVERGENCE"):
            print(end, flush=True)
            end = "divergence"
        ends[end] += 1
        if seed % 500 == 0:
            print(
                f"seed {seed}: {nr} events, {time.time() - start:.0f} s, {dict(ends)}", flush=True
            )
    seconds = time.time() - start
    print(f"{nr} events, seeds {given.seed} to {seed - 1}, {seconds:.0f} s: {dict(ends)}")
    print(f"events of each strategy: {dict(events)}")
    raise SystemExit(ends["divergence"] > 0)


if __name__ == "__main__":
    main()
