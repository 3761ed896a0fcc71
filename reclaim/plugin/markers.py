"""The two pluggy markers: `hookspec` for `spec.py`, `hookimpl` for plugin files."""

from __future__ import annotations

import pluggy

PROJECT = "reclaim"
ENTRY_POINT_GROUP = "reclaim.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
