"""Opening a trace of any format: which reader takes it, and reading it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Protocol

from reclaim.errors import TraceError, located, nearest
from reclaim.trace.inputs import plain_suffix, read_head
from reclaim.trace.model import Trace


class Reader(Protocol):
    """What opening needs of a reader; `reclaim.contract.reader.TraceReader` is one."""

    @property
    def name(self) -> str:
        """What `--reader` calls it."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Endings of file names."""

    @property
    def params(self) -> Collection[str]:
        """Names of the options of `read`."""

    @property
    def detect(self) -> Callable[[Path, bytes], bool]:
        """Whether (path, first bytes) is of this format."""

    @property
    def read(self) -> Callable[..., Trace]:
        """Path and options to trace."""


def open_trace(
    path: str | Path,
    registry_readers: Iterable[Callable[[], Reader]] | None = None,
    reader: str | None = None,
    **options: Any,
) -> Trace:
    """Return the trace of a file, or of a folder of logs.

    Parameters
    ----------
    path : str or Path
        The file or folder.
    registry_readers : iterable of TraceReader classes, optional
        The readers that plugins registered (``registry.readers.classes()``). Default: the built-in
        formats only.
    reader : str, optional
        Name of the reader to use. Default: the one that recognises the content, else the one whose
        suffix the name has.
    **options
        The reader's `params`.

    Raises
    ------
    TraceError
        If there is no such file, no reader takes it, the reader has no such option, or reading
        fails.
    """
    path = Path(path)
    readers: list[Reader]
    if registry_readers is None:
        from reclaim.trace.formats import BUILTIN

        readers = list(BUILTIN)
    else:
        readers = [cls() for cls in registry_readers]
    if not path.exists() and "%p" not in path.name:
        raise TraceError(located(path, None, "no such file or folder."))
    chosen = _named(readers, reader) if reader else _detect(readers, path)
    for name in options:
        if name not in chosen.params:
            hint = nearest(name, chosen.params) or " It has none."
            raise TraceError(f"reader '{chosen.name}' has no option '{name}'.{hint}")
    return chosen.read(path, **options)


def _named(readers: list[Reader], name: str) -> Reader:
    for reader in readers:
        if reader.name == name:
            return reader
    hint = nearest(name, [reader.name for reader in readers])
    raise TraceError(f"there is no reader '{name}'.{hint}")


def _detect(readers: list[Reader], path: Path) -> Reader:
    head = read_head(path) if path.exists() else b""
    for reader in readers:
        if reader.detect(path, head):
            return reader
    suffix = plain_suffix(path)
    for reader in readers:
        if suffix and suffix in reader.suffixes:
            return reader
    names = ", ".join(sorted(reader.name for reader in readers))
    raise TraceError(
        located(path, None, f"no reader recognises it ({names}); name one with --reader.")
    )
