"""Every policy of the oracle machine by the name of the policy that it is to decide like."""

from __future__ import annotations

from collections.abc import Callable

from tests.oracle.bits import Nru, PebsLru
from tests.oracle.policies import POLICIES, Policy

TWINS: dict[str, Callable[..., Policy]] = {
    **POLICIES,
    "nru": Nru,
    "pebs_lru": PebsLru,
}
"""Called with the policy's parameters."""
