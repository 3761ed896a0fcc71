"""Tables as plain text of at most 100 columns: the same in a terminal, a pipe and a log."""

from __future__ import annotations

from collections.abc import Collection, Sequence

WIDTH = 100


def plain(heads: Sequence[str], rows: Sequence[Sequence[str]], names: Collection[int]) -> str:
    """Return rows as lines of text under their heads.

    Parameters
    ----------
    heads : sequence of str
        Of the columns.
    rows : sequence of sequence of str
        Cells.
    names : collection of int
        Columns of names: to the left, and cut where the lines would be too long. The others are
        numbers, which stay whole.
    """
    whole = [tuple(heads), *(tuple(row) for row in rows)]
    widths = [max(len(row[i]) for row in whole) for i in range(len(heads))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= WIDTH else " "
    for _ in range(sum(widths) + len(gap) * (len(widths) - 1) - WIDTH):
        widths[max(names, key=lambda i: widths[i])] -= 1
    lines = [
        gap.join(_cell(row[i], widths[i], i in names) for i in range(len(heads))) for row in whole
    ]
    rule = gap.join("-" * width for width in widths)
    return "\n".join(line.rstrip() for line in [lines[0], rule, *lines[1:]])


def _cell(text: str, width: int, name: bool) -> str:
    text = text if len(text) <= width else text[: width - 1] + "~"
    return text.ljust(width) if name else text.rjust(width)
