"""How long does the report of many records take, and how much memory?

    python -m benchmarks.report [--records 100000]

The store is the one of `benchmarks.store`: about 10 KB a record, merged. A new process writes the
page, as a user would; its peak of memory is that process's.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.store import ask, fill


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="merged records")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, page = Path(folder) / "results", Path(folder) / "report.html"
        fill(store, given.records, 0)
        code = "from reclaim.cli.main import main; main()"
        seconds, peak = ask(code, ["report", str(store), "-o", str(page)])
        size = page.stat().st_size / 2**20
        print(f"{given.records:,} records: {seconds:.2f} s, {peak:.0f} MiB; page {size:.1f} MiB")


if __name__ == "__main__":
    main()
