"""For those who write plugins: the conformance suite, as a function and as pytest classes."""

from __future__ import annotations

from reclaim.testing.conformance import PolicyConformance, RmapConformance
from reclaim.testing.suite import Outcome, Subject, run_suite

__all__ = ["Outcome", "PolicyConformance", "RmapConformance", "Subject", "run_suite"]
