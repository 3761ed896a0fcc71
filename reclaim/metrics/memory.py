"""How much memory a run will take, said before it starts.

An estimate from the trace: every page touched gets an id, every 512 pages around them a leaf.
Copies made by copy-on-write and the strategy's objects come on top; both are small beside these.
"""

from __future__ import annotations

from dataclasses import dataclass

from reclaim.errors import MachineError

FRAME_BYTES = 100
"""Of a frame: its row of 64 bytes, and room for the policy's and the strategy's words."""

PAGE_BYTES = 64
LEAF_BYTES = 4096 + 64
LOOKAHEAD_BYTES = 8
ROW_BYTES = 17


@dataclass(frozen=True)
class Estimate:
    """Bytes that a run will take, by what they are for."""

    frames: int
    pages: int
    page_tables: int
    lookahead: int
    trace: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.frames + self.pages + self.page_tables + self.lookahead + self.trace

    def text(self) -> str:
        """Return the estimate in one line, with its three largest parts."""
        names = ("frames", "pages", "page_tables", "lookahead", "trace")
        parts = sorted(((getattr(self, n), n.replace("_", " ")) for n in names), reverse=True)
        shown = ", ".join(f"{name} {megabytes(size)}" for size, name in parts[:3] if size)
        return f"memory: about {megabytes(self.total)} ({shown}, ...), and the plugins' own"


def megabytes(size: int) -> str:
    """Return bytes for people, in megabytes unless they are few."""
    if size < 1e5:
        return f"{size / 1e3:.1f} kB"
    return f"{size / 1e6:.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"


def estimate(
    *,
    frames: int,
    pages: int,
    leaves: int,
    rows: int,
    lookahead: bool = False,
    in_memory: bool = True,
) -> Estimate:
    """Return the bytes that a run over a trace will take.

    Parameters
    ----------
    frames : int
        Frames of the machine.
    pages, leaves : int
        Distinct pages that the trace touches, and the page-table leaves that cover them.
    rows : int
        Access rows of the trace.
    lookahead : bool
        Whether the policy needs the future (8 bytes per access row).
    in_memory : bool
        Whether the trace's columns are loaded, not mapped from disk.
    """
    return Estimate(
        frames=frames * FRAME_BYTES,
        pages=pages * PAGE_BYTES,
        page_tables=leaves * LEAF_BYTES,
        lookahead=rows * LOOKAHEAD_BYTES if lookahead else 0,
        trace=rows * ROW_BYTES if in_memory else 0,
    )


def refuse_too_large(needed: Estimate, available: int) -> None:
    """Raise if a run cannot fit.

    Raises
    ------
    MachineError
        With what is needed, what there is, and what takes most.
    """
    if needed.total > available:
        raise MachineError(
            f"not enough memory: {needed.text()}; {megabytes(available)} are free. Use a smaller "
            "trace, fewer frames, or a machine with more memory."
        )
