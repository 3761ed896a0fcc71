"""Which policies can run with which reverse maps: asked before anything is read or compiled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reclaim.contract.rmap import RmapStrategy
from reclaim.errors import ConfigError


def asks_reverse_map(policy: type[Any]) -> str:
    """Return what a policy wants of the reverse map that only an exact one can do, "" if nothing.

    Parameters
    ----------
    policy : type
        The policy's class.
    """
    if "young" in policy.needs:
        return "asks it whether a frame was used"
    if "page_tables" not in policy.needs:
        return "has the machine unmap its victims through it"
    return ""


def finds_all(rmap: type[Any]) -> bool:
    """Tell whether a strategy's walks find all PTEs of any frame: then any policy can use it.

    One that is not exact may find them all and still answer otherwise than the exact ones.
    """
    return bool(rmap.exact or rmap.finds is RmapStrategy.finds)


def check_pairs(
    policies: Sequence[type[Any]],
    rmaps: Sequence[type[Any]],
    known: tuple[Iterable[type[Any]], Iterable[type[Any]]] = ((), ()),
) -> None:
    """Refuse strategies that are not exact to policies that need all PTEs of a frame.

    Parameters
    ----------
    policies, rmaps : sequence of type
        Classes; each of the first is to run with each of the second.
    known : (iterable of type, iterable of type)
        Policies and strategies to choose others from, for the message.

    Raises
    ------
    ConfigError
        One line: the pairs, why, and what to take instead.
    """
    unable = [(cls, what) for cls in policies if (what := asks_reverse_map(cls))]
    inexact = [cls for cls in rmaps if not finds_all(cls)]
    if not unable or not inexact:
        return
    pairs = ", ".join(f"{cls.name} with {rmap.name}" for cls, _ in unable for rmap in inexact)
    reasons = ", ".join(f"{cls.name} {what}" for cls, what in unable)
    which = " and ".join(rmap.name for rmap in inexact)
    able = _listed(cls.name for cls in known[0] if not asks_reverse_map(cls))
    exact = _listed(cls.name for cls in known[1] if finds_all(cls))
    raise ConfigError(
        f"cannot run {pairs}: rmap {which} cannot find all PTEs of a frame, but {reasons}. Take a "
        f"policy that walks page tables itself{able}, or an exact rmap{exact}."
    )


def _listed(names: Iterable[str]) -> str:
    found = ", ".join(sorted(names))
    return f" ({found})" if found else ""
