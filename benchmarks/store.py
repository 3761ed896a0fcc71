"""How long does a store take to answer, and how much memory?

    python -m benchmarks.store [--records 100000] [--inbox 5000]

Each question is asked by a new process, as a user would; its peak of memory is that process's.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from reclaim.store import Store, columns, files
from tests.records import record

POLICIES = ("opt", "fifo", "clock", "lru", "two_q", "arc", "lirs", "s3fifo", "sieve", "mglru")
RMAPS = ("pte_chain", "anon_vma", "anon_vma_chain", "objrmap_list")
SIZES = tuple(round(16 * 1.3**k) for k in range(10))
SEEDS = range(10)

QUESTIONS = {
    "results": "from reclaim.cli.main import main; main()",
    "results --sql": "from reclaim.cli.main import main; main()",
    "load_results": "import sys, reclaim; reclaim.load_results(sys.argv[2])",
    "whole records": "import sys\nfrom reclaim.store import Store\n"
    "print(sum(1 for _ in Store(sys.argv[2]).records()))",
    "identities": "import sys\nfrom reclaim.store import Store\n"
    "print(len(Store(sys.argv[2]).identities()))",
}
# Of this program alone: what wait4 tells begins with what its parent held.
PEAK = """
import atexit, sys
def peak():
    status = open("/proc/self/status").read()
    print(status[status.index("VmHWM"):].splitlines()[0], file=sys.stderr)
atexit.register(peak)
"""
SQL = (
    "select policy, frames, avg(miss_ratio) as miss_ratio, avg(rmap_links_visited) as links "
    "from runs group by all order by all"
)


def made(nr: int) -> Any:
    """Yield records that differ in what names them and in their counts, about 10 KB each."""
    base = record()
    chance = random.Random(1)
    number = 0
    for workload in itertools.count():
        cells = itertools.product(POLICIES, RMAPS, SIZES, SEEDS)
        for policy, rmap, frames, seed in cells:
            if number == nr:
                return
            one = copy.copy(base)
            name = f"workload-{workload:03d}"
            config = {"workload": name, "policy": policy, "rmap": rmap, "frames": frames}
            text = json.dumps([config, seed]).encode()
            counters = {key: value + number % 977 for key, value in base["counters"].items()}
            one |= config | {
                "identity": hashlib.sha256(text).hexdigest(),
                "seed": seed,
                "frames_given": frames,
                "config": config | {"seed": seed},
                "counters": counters,
                # Repeats that differ: each interval costs a test of normality, some a bootstrap.
                "derived": base["derived"] | {"miss_ratio": chance.gauss(0.3, 0.02)},
                "epochs": [counters] * 3,
            }
            number += 1
            yield one


def fill(root: Path, nr_merged: int, nr_inbox: int) -> None:
    """Make a store as appending and merging would, without waiting for the disk."""
    store = Store(root)
    records = made(nr_merged + nr_inbox)
    os.fsync = lambda _descriptor: None
    for first in range(0, nr_merged, 5000):
        some = sorted(
            itertools.islice(records, min(5000, nr_merged - first)),
            key=columns.order_of,
        )
        rows = [columns.flatten(one) for one in some]
        texts = [json.dumps(one, separators=(",", ":")) for one in some]
        table = columns.build(rows, range(first, first + len(some)), texts)
        files.write(root / "runs" / f"{first:019d}-0.parquet", files.encode(table))
    for one in records:
        store.append(one)


def ask(code: str, args: list[str]) -> tuple[float, float]:
    """Return the seconds and the peak MiB of a process that asks."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEAK + code, *args],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return time.perf_counter() - began, int(done.stderr.split()[-2]) / 1024


def report(title: str, root: Path, questions: list[str]) -> None:
    held = sum(path.stat().st_size for path in root.rglob("*.parquet")) / 2**20
    print(f"{title}, {held:.0f} MiB on disk")
    for name in questions:
        args = ["results", str(root), *(["--sql", SQL] if name.endswith("--sql") else [])]
        seconds, peak = ask(QUESTIONS[name], args)
        print(f"  {name:<15} {seconds:6.2f} s  {peak:6.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="merged records")
    parser.add_argument("--inbox", type=int, default=5_000, help="records not merged yet")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        merged, inbox = Path(folder) / "merged", Path(folder) / "inbox"
        fill(merged, given.records, 0)
        report(f"{given.records:,} merged records", merged, list(QUESTIONS))
        fill(inbox, 0, given.inbox)
        report(f"{given.inbox:,} records in the inbox", inbox, list(QUESTIONS))
        began = time.perf_counter()
        Store(inbox).compact()
        print(f"  merging         {time.perf_counter() - began:6.2f} s")
        report(f"the same {given.inbox:,}, merged", inbox, list(QUESTIONS))


if __name__ == "__main__":
    main()
