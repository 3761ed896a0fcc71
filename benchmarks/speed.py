"""How fast is the engine, beside what is possible and what others do?

    python -m benchmarks.speed                 # 20 M accesses, a few minutes
    python -m benchmarks.speed --rows 2e6 --pages 1e5 --repeat 1

For each of three traces and each size of memory, in one process, on the same accesses:

bare        touch one page-table entry for each access; nothing else
ceiling     CLOCK and LRU as one hand-written loop with the engine's memory layout and prefetches
engine      the policy as a plugin with pte_chain, everything counted, as `reclaim run` does it
peer        libcachesim's native policy of that name, in C, as it comes
fitted      the same with its hash table made to fit the cache, which it does not do by itself

Times are of the loop alone, without compiling, reading or building tables. Misses must agree
between all that claim to be the same algorithm, else the comparison is void and the command fails;
where the peer follows other rules than the paper (`peers.OTHER_RULES`) its misses are not compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import ceiling, peers
from benchmarks.engine import Engine, as_trace
from benchmarks.workload import Workload, workloads

POLICIES = tuple(peers.FACTORIES)
CEILING = 0.6


@dataclass(frozen=True)
class Line:
    """One line of a table; times in ns an access, None where there is nothing to time."""

    policy: str
    size: float
    miss_ratio: float
    engine: float | None
    ceiling: float | None
    peer: float | None
    fitted: float | None
    disagreement: str

    def times(self, other: float | None) -> float | None:
        """Return how many times as fast the engine is as `other` nanoseconds."""
        return other / self.engine if other and self.engine else None


def medians(
    repeat: int, timed: dict[str, Callable[[], tuple[Any, ...]]]
) -> dict[str, tuple[float, int]]:
    """Return name -> (median seconds, misses) of repeated runs, which must all miss alike.

    Taken in turn, so that a neighbour who slows the machine down for a while slows all of them.
    """
    results: dict[str, list[tuple[Any, ...]]] = {name: [] for name in timed}
    for _ in range(repeat):
        for name, once in timed.items():
            results[name].append(once())
    for name, runs in results.items():
        misses = {run[1] for run in runs}
        assert len(misses) == 1, f"repeated runs of {name} differ in misses: {misses}"
    return {
        name: (statistics.median(run[0] for run in runs), runs[0][1])
        for name, runs in results.items()
    }


class Bench:
    """Everything timed on one workload."""

    def __init__(self, work: Workload, engine: Engine | None, peer: bool, repeat: int) -> None:
        self.work, self.engine, self.peer, self.repeat = work, engine, peer, repeat
        self.rows = len(work.vpn)
        self.trace = as_trace(work)

    def line(self, policy: str, size: float, path: Any) -> Line:
        """Time a policy at one size of memory, a part of all pages."""
        nr_frames = max(2, int(self.work.nr_pages * size))
        timers: dict[str, Callable[[], tuple[Any, ...]]] = {}
        if self.engine is not None:
            engine = self.engine
            timers["engine"] = lambda: engine.time_policy(policy, self.trace, nr_frames)
        if policy in ceiling.LOOPS:
            timers["ceiling"] = lambda: ceiling.time_loop(policy, self.work, nr_frames)
        for name in ("peer", "fitted") if self.peer else ():
            args = (policy, path, nr_frames, self.rows, name == "fitted")
            timers[name] = lambda args=args: peers.time_policy(*args)
        timed = medians(self.repeat, timers)
        misses = {name: found for name, (_, found) in timed.items()}
        differs = ", ".join(f"{name} {found:,}" for name, found in misses.items())
        alike = set() if policy in peers.OTHER_RULES else set(misses.values())
        return Line(
            policy,
            size,
            next(iter(misses.values())) / self.rows if misses else 0.0,
            *(
                timed[name][0] / self.rows * 1e9 if name in timed else None
                for name in ("engine", "ceiling", "peer", "fitted")
            ),
            disagreement=differs if len(alike) > 1 else "",
        )


def shown(value: float | None, form: str) -> str:
    return format(value, form) if value is not None else "-"


COLUMNS = ("memory", "misses", "M/s", "engine", "ceiling", "peer", "fitted")
RATIOS = ("x ceiling", "x peer", "x fitted")


def print_table(lines: list[Line]) -> None:
    print(f"{'policy':<10}" + "".join(f"{name:>{len(name) + 3}}" for name in COLUMNS + RATIOS))
    for line in lines:
        cells = (
            f"{line.size:.0%}",
            f"{line.miss_ratio:.1%}",
            shown(1e3 / line.engine if line.engine else None, ".0f"),
            *(shown(ns, ".1f") for ns in (line.engine, line.ceiling, line.peer, line.fitted)),
            shown(line.times(line.ceiling), ".2f"),
            *(shown(line.times(ns), ".1f") for ns in (line.peer, line.fitted)),
        )
        row = zip(COLUMNS + RATIOS, cells, strict=True)
        print(f"{line.policy:<10}" + "".join(f"{cell:>{len(name) + 3}}" for name, cell in row))
        if line.disagreement:
            print(f"          MISSES DIFFER: {line.disagreement}")


def wanted(line: Line) -> float:
    """Return how many times as fast as its peer a policy should be, at that size of memory."""
    small = line.size <= 0.01
    if line.policy in ("fifo", "clock", "lru"):
        return 2.5 if small else 4.0
    return 2.0 if small else 3.0


def print_misses(lines: list[Line]) -> None:
    """Name what falls short of the aims: of the peer as it comes, and 0.6 of the ceiling."""
    for line in lines:
        peer, top = line.times(line.peer), line.times(line.ceiling)
        who = f"below the aim: {line.policy} at {line.size:.0%},"
        if peer is not None and peer < wanted(line):
            print(f"{who} {peer:.1f} times its peer, not {wanted(line):g}")
        if top is not None and top < CEILING:
            print(f"{who} {top:.2f} of the ceiling, not {CEILING:g}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole = {"type": lambda text: int(float(text))}
    parser.add_argument("--rows", default=20_000_000, **whole, help="accesses (20 M)")
    parser.add_argument("--pages", default=1_000_000, **whole, help="pages (1 M)")
    parser.add_argument("--sizes", default="1,10,50", help="memory, %% of all pages")
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--traces", default="1,2,3", help="1 plain, 2 writes, 3 address spaces")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the median counts")
    parser.add_argument("--no-engine", action="store_true")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there as well")
    return parser.parse_args()


def main() -> int:
    """Time everything and print one table for each trace; 1 if misses disagree."""
    options = arguments()
    sizes = [float(size) / 100 for size in options.sizes.split(",")]
    engine = None if options.no_engine else Engine()
    if engine is not None:
        engine.warm_up(options.policies.split(","))
    print(f"{options.rows:,} accesses, zipf(1.0) over {options.pages:,} pages; ns an access,")
    print(f"median of {options.repeat}; x: how many times as fast as the ceiling, as the peer")
    if not options.no_peer:
        reading = peers.time_reading(options.rows) / options.rows * 1e9
        print(f"the peer reads binary records from memory; at most {reading:.1f} ns of its time")
    document: list[dict[str, Any]] = []
    chosen = [int(number) - 1 for number in options.traces.split(",")]
    for work in [workloads(options.rows, options.pages)[number] for number in chosen]:
        bare = medians(options.repeat, {"": lambda work=work: (ceiling.time_bare(work), 0)})[""][0]
        bare_ns = bare / options.rows * 1e9
        print(f"\n{work.name}: bare loop {bare_ns:.1f} ns ({1e3 / bare_ns:,.0f} M/s)", flush=True)
        bench = Bench(work, engine, not options.no_peer, options.repeat)
        with peers.written(work) as path:
            lines = [
                bench.line(policy, size, path)
                for policy in options.policies.split(",")
                for size in sizes
            ]
        print_table(lines)
        print_misses(lines)
        document.append(
            {"trace": work.name, "bare_ns": bare_ns, "lines": [asdict(line) for line in lines]}
        )
    if options.json:
        whole = {"rows": options.rows, "pages": options.pages, "tables": document}
        Path(options.json).write_text(json.dumps(whole, indent=1) + "\n")
    return int(any(line["disagreement"] for table in document for line in table["lines"]))


if __name__ == "__main__":
    sys.exit(main())
