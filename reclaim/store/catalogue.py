"""Which records a store holds, in which files, and which of several attempts counts.

Built anew from the files whenever it is needed: there is no index that could be wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reclaim.store.files import Key, UnreadableError, key_of, keys_of

INBOX = "inbox"
RUNS = "runs"


class Part(NamedTuple):
    """A file that can be read, and the records in it."""

    path: Path
    merged: bool
    keys: list[Key]


@dataclass
class Catalogue:
    """Every readable file of a store, what counts in it, and which files were skipped.

    Parameters
    ----------
    parts : list of Part
        Merged files first.
    skipped : dict of Path to str
        Files that were not read, and why.
    """

    parts: list[Part] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)

    def current(self) -> dict[str, tuple[Key, int, int]]:
        """Return for each identity its latest record: key, part, row.

        The same record may be in two files, if a merge was killed before it could remove what it
        had merged: then the merged one counts.
        """
        found: dict[str, tuple[Key, int, int]] = {}
        for number, part in enumerate(self.parts):
            for row, key in enumerate(part.keys):
                before = found.get(key.identity)
                if before is None or before[0].stamp < key.stamp:
                    found[key.identity] = (key, number, row)
        return found

    def rows(self) -> list[list[int]]:
        """Return the rows of each part that count, ascending."""
        kept: list[list[int]] = [[] for _ in self.parts]
        for _key, number, row in self.current().values():
            kept[number].append(row)
        for rows in kept:
            rows.sort()
        return kept


def catalogue(root: Path, without: Collection[Path] = ()) -> Catalogue:
    """List a store's files and what they hold.

    Parameters
    ----------
    root : Path
        The store's folder.
    without : collection of Path
        Files that are known to be damaged.

    Raises
    ------
    FileNotFoundError
        A file has been merged into another meanwhile: ask again.
    """
    found = Catalogue()
    # The inbox first: what leaves it before it is listed is in a merged file by then.
    inbox = [path for path in _files(root / INBOX) if path not in without]
    for path in _files(root / RUNS):
        if path in without:
            continue
        try:
            found.parts.append(Part(path, True, keys_of(path)))
        except UnreadableError as error:
            found.skipped[path] = error.reason
    for path in inbox:
        try:
            found.parts.append(Part(path, False, [key_of(path)]))
        except UnreadableError as error:
            found.skipped[path] = error.reason
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield a folder's files by name, leaving out what is being written."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("."))
