"""What stands beside the columns of a trace file: events, names, provenance, as text.

The header is one JSON document in the schema metadata under ``reclaim.trace``, so that any Arrow or
Parquet library can write it. docs/reference/trace-file.md describes every key.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from reclaim.errors import TraceError, located, nearest
from reclaim.trace import events as ev
from reclaim.trace.model import ImplicitVma, Trace, TraceMeta

VERSION = 1
KEY = b"reclaim.trace"

# Schema metadata stands in a file uncompressed, and twice.
PACK_BYTES = 1 << 14

_META_KEYS = tuple(f.name for f in fields(TraceMeta) if f.name not in ("path", "implicit_vmas"))


def pack(trace: Trace, nr_accesses: int, content_hash: str) -> bytes:
    """Return the header of a trace as the bytes that stand in the schema metadata.

    Parameters
    ----------
    trace : Trace
        Its events, names and `meta`.
    nr_accesses : int
        Accesses with repeats, which a reader should not have to add up.
    content_hash : str
        Hash of the content.
    """
    header: dict[str, Any] = {key: getattr(trace.meta, key) for key in _META_KEYS}
    header |= {
        "version": VERSION,
        "content_hash": content_hash,
        "nr_rows": trace.nr_rows,
        "nr_accesses": nr_accesses,
        "spaces": trace.spaces,
        "files": trace.files,
        "shm": [i for i, shm in enumerate(trace.file_is_shm) if shm],
        "marks": trace.marks,
        "expects": trace.expects,
        "implicit_vmas": [list(vma) for vma in trace.meta.implicit_vmas],
    }
    return _packed(header | {"events": event_lists(trace.events)})


def _packed(header: dict[str, Any]) -> bytes:
    """Return the header as JSON, with the long lists in it deflated."""
    for key in ("events", "files", "implicit_vmas"):
        text = json.dumps(header[key], separators=(",", ":")).encode()
        if len(text) > PACK_BYTES:
            del header[key]
            header[key + "_deflated"] = base64.b64encode(zlib.compress(text, 9)).decode()
    return json.dumps(header, separators=(",", ":")).encode()


def event_lists(events: ev.Events) -> list[list[int | str]]:
    """Return events as lists ``[position, verb, argument, ..., line]``, verbs by name."""
    lists: list[list[int | str]] = []
    for row in events.tolist():
        position, verb, *args, line = row
        count = len(ev.VERB_ARGS[verb])
        lists.append([position, ev.VERB_NAMES[verb], *args[:count], line])
    return lists


class Header:
    """The header of a trace file, read and checked.

    Parameters
    ----------
    path : str or Path
        The file, for messages.
    data : bytes
        What stands under `KEY`.

    Raises
    ------
    TraceError
        If it is not JSON, is of a newer version, or names an unknown verb or a wrong number of
        arguments.
    """

    def __init__(self, path: str | Path, data: bytes) -> None:
        self.path = path
        try:
            self.values = json.loads(data)
            version = int(self.values["version"])
        except (ValueError, KeyError, TypeError):
            raise self._error("is not a JSON object with a version.") from None
        if version > VERSION:
            raise self._error(f"has version {version}; this reclaim reads up to {VERSION}.")
        for key in [key for key in self.values if key.endswith("_deflated")]:
            try:
                text = zlib.decompress(base64.b64decode(self.values[key]))
                self.values[key.removesuffix("_deflated")] = json.loads(text)
            except (ValueError, zlib.error):
                raise self._error(f"holds a damaged '{key}'.") from None
        try:
            self.events = self._events()
            self.names = self._names()
            self.meta = self._meta()
        except (TypeError, ValueError, AttributeError) as error:
            raise self._error(f"does not have the documented shape: {error}.") from None

    def _error(self, text: str) -> TraceError:
        return TraceError(located(self.path, None, f"the header '{KEY.decode()}' {text}"))

    def _events(self) -> ev.Events:
        rows = []
        for number, row in enumerate(self.values.get("events", ()), start=1):
            position, name, *args = row
            if name not in ev.VERB_NAMES:
                hint = nearest(str(name), ev.VERB_NAMES)
                raise self._error(f"event {number}: unknown verb '{name}'.{hint}")
            verb = ev.VERB_NAMES.index(name)
            wanted = ev.VERB_ARGS[verb]
            if len(args) not in (len(wanted), len(wanted) + 1):
                raise self._error(
                    f"event {number}: {name} takes ({', '.join(wanted)}), not {len(args)} values."
                )
            line = args[len(wanted)] if len(args) > len(wanted) else 0
            rows.append(ev.event_row(position, verb, *args[: len(wanted)], line=line))
        events = ev.event_array(rows)
        if np.any(np.diff(events["position"]) < 0):
            raise self._error("lists events out of order: positions must not fall.")
        return events

    def _names(self) -> dict[str, Any]:
        files = tuple(str(name) for name in self.values.get("files", ()))
        shm = set(self.values.get("shm", ()))
        return {
            "spaces": tuple(str(name) for name in self.values.get("spaces", ())),
            "files": files,
            "file_is_shm": tuple(i in shm for i in range(len(files))),
            "marks": tuple(str(name) for name in self.values.get("marks", ())),
            "expects": tuple((str(n), str(v)) for n, v in self.values.get("expects", ())),
        }

    def _meta(self) -> TraceMeta:
        known = {key: self.values[key] for key in _META_KEYS if key in self.values}
        vmas = tuple(ImplicitVma(*vma) for vma in self.values.get("implicit_vmas", ()))
        return TraceMeta(**known, implicit_vmas=vmas, path=str(self.path))
