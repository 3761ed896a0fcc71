"""Traces: what a program touched, in what order, and what its address spaces went through.

Reading and writing import pyarrow only when they run, so that listings stay quick.
"""

from __future__ import annotations

from reclaim.trace.model import Trace, TraceMeta
from reclaim.trace.pages import from_pages
from reclaim.trace.reading import open_trace

__all__ = ["Trace", "TraceMeta", "from_pages", "open_trace"]
