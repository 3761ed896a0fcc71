"""When was a plugin last checked, and how did it end? Kept beside the compiled machines."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reclaim.engine.bind import cache_folder
from reclaim.plugin.registry import place_of


def _path() -> Path:
    return cache_folder() / "checks.json"


def _source_hash(cls: type) -> str:
    with contextlib.suppress(OSError):
        return hashlib.blake2b(Path(place_of(cls)[0]).read_bytes(), digest_size=8).hexdigest()
    return ""


def _known() -> dict[str, Any]:
    try:
        known = json.loads(_path().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(kind: str, cls: Any, nr_checks: int, failed: Sequence[str]) -> None:
    """Keep how a check ended; a cache that cannot be written is no error."""
    known = _known()
    known[f"{kind} {cls.name}"] = {
        "source": _source_hash(cls),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "checks": nr_checks,
        "failed": list(failed),
    }
    with contextlib.suppress(OSError):
        _path().parent.mkdir(parents=True, exist_ok=True)
        _path().write_text(json.dumps(known, indent=1))


def last_check(kind: str, cls: Any) -> str:
    """Return in words how the last check of a plugin ended."""
    entry = _known().get(f"{kind} {cls.name}")
    if entry is None:
        return f"never checked here; run: reclaim check {cls.name}"
    failed = ", ".join(entry["failed"])
    ended = f"failed ({failed})" if failed else f"passed, {entry['checks']} checks"
    changed = entry["source"] != _source_hash(cls)
    return f"{ended}, {entry['when']}" + ("; its file has changed since" if changed else "")
