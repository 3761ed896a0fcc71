"""What a trace reader provides: a format by name, how to recognise it, how to read it.

Readers are ordinary Python: they run once, before the machine exists. They turn a file into a
`reclaim.trace.model.Trace`: access rows in columns, rare events beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from reclaim.contract.param import Param

if TYPE_CHECKING:
    from reclaim.trace.formats import Format
    from reclaim.trace.model import Trace


class Formats:
    """The formats that reclaim parses itself, by name: what a reader may build upon."""

    def __getitem__(self, name: str) -> Format:
        """Return a format, with `detect(path, head)` and `read(path, **options)`."""
        # Parsers are loaded when a file is opened, not when plugins are listed.
        from reclaim.trace.formats import BUILTIN

        return next(known for known in BUILTIN if known.name == name)


class TraceReader:
    """A format of trace. Subclass it, and register the class with `reclaim_register_readers`.

    Attributes
    ----------
    name : str
        What `--reader` and the config call it.
    summary : str
        One line for listings.
    source : str
        Where the format is described.
    suffixes : tuple of str
        Endings of file names, with the dot: ``(".lackey", ".lk")``. Asked after `detect`; the part
        before ``.gz`` and ``.zst`` counts.
    params : dict of str to Param
        Options of `read`, which the config checks and `reclaim plugins show` lists.
    formats : Formats
        The parsers of arrow, lackey, pages and script, for a reader that only unwraps or converts:
        ``self.formats["pages"].read(path)``.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    params: ClassVar[Mapping[str, Param]] = {}
    formats: ClassVar[Formats] = Formats()

    def detect(self, path: Path, head: bytes) -> bool:
        """Return whether the content is certainly of this format; called for one reader at a time.

        Parameters
        ----------
        path : Path
            The file, or a folder of files.
        head : bytes
            Its first 4096 bytes, decompressed if it is ``.gz`` or ``.zst``; empty for a folder.
        """
        return False

    def read(self, path: Path, **options: Any) -> Trace:
        """Return the trace.

        Parameters
        ----------
        path : Path
            The file or folder.
        **options
            Values of `params`; those that were not given have their defaults.

        Raises
        ------
        TraceError
            One line: the file, the place in it, what is wrong and what was expected.
        """
        raise NotImplementedError
