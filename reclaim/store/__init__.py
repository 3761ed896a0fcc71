"""Records of runs on disk: appended one by one, merged, and asked with SQL.

It knows nothing of the engine, nor of how runs are made: a record is a dict of JSON values.
"""

from __future__ import annotations

from reclaim.store.store import Store

__all__ = ["Store"]
