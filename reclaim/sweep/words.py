"""Times for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a time in its two largest units.

    Parameters
    ----------
    seconds : float
        At least 0.
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60} min"
