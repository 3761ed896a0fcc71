"""Recording the page trace of a real program and its children."""

from __future__ import annotations

from reclaim.capture.record import CaptureProgress, CaptureResult, capture

__all__ = ["CaptureProgress", "CaptureResult", "capture"]
