"""Logs of valgrind's lackey: one file, or a folder with one file for each process.

Record with ``--tool=lackey --trace-mem=yes --basic-counts=no --trace-syscalls=yes
--trace-children=yes --log-file=DIR/log.%p``; `reclaim capture` does that and reads while it runs.

Source: docs/reference/capture.md; lackey/lk_main.c of valgrind 3.19.
"""

from __future__ import annotations

from reclaim.api import Param, TraceReader, hookimpl


class Lackey(TraceReader):
    """A folder or a name with %p is read as the logs of the processes of one recording."""

    name = "lackey"
    summary = "valgrind lackey logs, one for each process"
    source = "valgrind 3.19, lackey/lk_main.c"
    suffixes = (".lackey", ".lk")
    params = {
        "partial": Param(bool, False, text="Accept a log that is cut off, up to the cut."),
        "fold_window": Param(
            int,
            1,
            low=1,
            high=256,
            unit="pages",
            text="Fold touches of the last so many distinct pages of a process into their rows.",
        ),
        "quantum": Param(
            int,
            1000,
            low=1,
            unit="rows",
            text="Rows of one process before the next runs, where the log gives no order.",
        ),
    }

    def detect(self, path, head):
        return self.formats["lackey"].detect(path, head)

    def read(self, path, **options):
        return self.formats["lackey"].read(path, **options)


@hookimpl
def reclaim_register_readers(register):
    register(Lackey)
