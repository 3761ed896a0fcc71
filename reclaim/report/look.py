"""How figures look: colours that colour-blind readers can tell apart, dashes, shapes, type.

Whatever is black on white paper is `INK` here, which a page shows in the colour of its text: the
same figure serves both schemes, and print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reclaim.report.cells import BELADY, FIFO

INK = "currentColor"
# Okabe and Ito, without black (the text's) and yellow, which white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#8a8a8a"
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

WORK_COLOURS = {
    "frames scanned": INK,
    "links": "#0072B2",
    "VMAs": "#D55E00",
    "tree steps": "#CC79A7",
    "PTEs": "#009E73",
}
PHASE_COLOURS = {
    "fault": "#0072B2",
    "cow": "#56B4E9",
    "fork": "#E69F00",
    "exec": "#F0E442",
    "exit": "#CC79A7",
    "mmap": "#BBBBBB",
    "reclaim_aging": "#009E73",
    "reclaim_referenced": "#D55E00",
    "reclaim_unmap": "#882255",
    "fd": "#666666",
    "probe": "#AAAAAA",
}


@dataclass(frozen=True)
class Style:
    """How one name is drawn, wherever it is.

    Parameters
    ----------
    name : str
        Of a policy, a strategy, a phase.
    colour : str
        Of its lines and points.
    dash : sequence of int
        Lengths of dash and gap.
    shape : str
        Of its points, as Vega calls them.
    """

    name: str
    colour: str
    dash: Sequence[int] = (1, 0)
    shape: str = "circle"


def styles(names: Sequence[str]) -> list[Style]:
    """Return how some names are drawn: no two alike, up to 24; Belady in ink and FIFO in grey."""
    found = []
    place = 0
    for name in names:
        if name == BELADY:
            found.append(Style(name, INK, [4, 3], "circle"))
        elif name == FIFO:
            found.append(Style(name, GREY, [1, 0], "triangle-right"))
        else:
            round_ = place // len(COLOURS)
            found.append(
                Style(
                    name,
                    COLOURS[place % len(COLOURS)],
                    DASHES[round_ % len(DASHES)],
                    SHAPES[(place + round_) % len(SHAPES)],
                )
            )
            place += 1
    return found


def config(font_size: int = 12) -> dict[str, Any]:
    """Return what all figures share, as Vega-Lite's `config`."""
    return {
        "background": "transparent",
        "font": "system-ui, 'Helvetica Neue', Arial, sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": INK,
            "titleColor": INK,
            "domainColor": INK,
            "tickColor": INK,
            "gridColor": INK,
            "gridOpacity": 0.12,
            "labelFontSize": font_size,
            "titleFontSize": font_size,
            "titleFontWeight": "normal",
            "labelLimit": 190,
        },
        "legend": {
            "orient": "bottom",
            "columns": 4,
            "labelColor": INK,
            "titleColor": INK,
            "labelFontSize": font_size,
            "titleFontSize": font_size,
            "titleFontWeight": "normal",
            "labelLimit": 260,
        },
        "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": font_size},
        "title": {"color": INK},
        "text": {"color": INK},
        "range": {"category": list(COLOURS)},
    }
