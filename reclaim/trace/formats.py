"""The formats that can be read without any plugin loaded, for library use.

The command line reads through plugins; `plugins/readers` offers these same formats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reclaim.trace import events as ev
from reclaim.trace.model import Trace
from reclaim.trace.pagelist import looks_like_pages, read_pages
from reclaim.trace.script import ACCESS_VERBS, read_script
from reclaim.trace.stored import ARROW_MAGIC, PARQUET_MAGIC, read_trace_file
from reclaim.trace.valgrind.reader import looks_like_lackey, read_lackey


def looks_like_arrow(head: bytes) -> bool:
    """Return whether a file begins as Arrow IPC or Parquet does."""
    return head.startswith((ARROW_MAGIC, PARQUET_MAGIC))


def looks_like_script(head: bytes) -> bool:
    """Return whether the first line that says anything begins with a verb of event scripts."""
    for line in head.decode("latin-1").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            return words[0] in ACCESS_VERBS or words[0] in ev.VERB_NAMES
    return False


@dataclass(frozen=True)
class Format:
    """A built-in format, with what `reclaim.contract.reader.TraceReader` asks of a reader."""

    name: str
    suffixes: tuple[str, ...]
    params: tuple[str, ...]
    detect: Callable[[Path, bytes], bool]
    read: Callable[..., Trace]


BUILTIN = (
    Format(
        "arrow",
        (".arrow", ".feather", ".ipc", ".parquet"),
        (),
        lambda _, head: looks_like_arrow(head),
        read_trace_file,
    ),
    Format(
        "lackey",
        (".lackey", ".lk"),
        ("partial", "fold_window", "quantum"),
        lambda path, head: path.is_dir() or "%p" in path.name or looks_like_lackey(head),
        read_lackey,
    ),
    Format(
        "script",
        (".events", ".script"),
        (),
        lambda _, head: looks_like_script(head),
        read_script,
    ),
    Format(
        "pages",
        (".pages", ".txt", ".csv"),
        (),
        lambda _, head: looks_like_pages(head),
        read_pages,
    ),
)
