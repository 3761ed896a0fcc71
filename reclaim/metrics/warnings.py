"""What a reader of a result must know before believing it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

UNREALISABLE = {
    "accesses": "sees every access",
    "lookahead": "knows the future",
}


def warnings_of(
    counters: Mapping[str, int], *, frames: int, policy: str, needs: Collection[str]
) -> list[str]:
    """Return what is odd about a run, a sentence each.

    Parameters
    ----------
    counters : mapping of str to int
        Counters by name, over all phases.
    frames : int
        Frames of the machine.
    policy : str
        The policy's name.
    needs : collection of str
        How the policy learns of use.
    """
    warnings = []
    if not counters["minor_faults"] + counters["major_faults"] + counters["fills"]:
        warnings.append(
            f"the policy saw nothing: no page became resident, so {policy} had nothing to manage. "
            "Does the trace have accesses?"
        )
    elif not counters["evictions"]:
        warnings.append(
            f"never evicted: {frames} frames hold all that was ever live, so every policy does the "
            "same. Give fewer frames."
        )
    for need, words in UNREALISABLE.items():
        if need in needs:
            warnings.append(
                f"{policy} {words}, which no kernel can for mapped pages: a yardstick, not a "
                "candidate."
            )
    return warnings
