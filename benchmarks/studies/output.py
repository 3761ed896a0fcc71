"""Where a study's table and figure go: docs/studies, from where its page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt

PAGES = Path(__file__).parents[2] / "docs/studies"
# Okabe and Ito's palette, which colour-blind readers can tell apart; the same strategy has the
# same colour in every figure.
COLOURS = {
    "full_scan": "#999999",
    "none_24": "#999999",
    "pte_chain_25": "#E69F00",
    "pte_chain": "#D55E00",
    "objrmap_list": "#CC79A7",
    "anonmm": "#009E73",
    "anon_vma": "#0072B2",
    "anon_vma_chain": "#000000",
}
OTHERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def colour(names: Sequence[str]) -> alt.Scale:
    """Return the colours of some strategies."""
    others = iter(OTHERS)
    return alt.Scale(
        domain=list(names),
        range=[COLOURS[name] if name in COLOURS else next(others) for name in names],
    )


def lines(
    rows: Sequence[Mapping[str, Any]], x: str, y: str, *, log: bool = True, width: int = 520
) -> alt.LayerChart:
    """Return a line a strategy, with points, on logarithmic axes unless told otherwise.

    Parameters
    ----------
    rows : sequence of mapping
        With the keys `rmap`, `x` and `y`; a value of 0 has no place on a logarithmic axis and is
        left out.
    x, y : str
        Keys, which are the titles of the axes too.
    """
    kind = "log" if log else "linear"
    shown = [row for row in rows if not log or row[y] > 0]
    names = list(dict.fromkeys(row["rmap"] for row in shown))
    base = alt.Chart(alt.Data(values=shown)).encode(
        x=alt.X(f"{x}:Q", scale=alt.Scale(type=kind), title=x),
        y=alt.Y(f"{y}:Q", scale=alt.Scale(type=kind), title=y),
        color=alt.Color("rmap:N", scale=colour(names), title=None),
        shape=alt.Shape("rmap:N", scale=alt.Scale(domain=names), title=None),
    )
    return (base.mark_line() + base.mark_point(size=45, filled=True)).properties(
        width=width, height=280
    )


def points(rows: Sequence[Mapping[str, Any]], y: str, column: str) -> alt.FacetChart:
    """Return a point a strategy, on a logarithmic axis, one panel for each value of `column`."""
    names = list(dict.fromkeys(row["rmap"] for row in rows))
    chart = (
        alt.Chart(alt.Data(values=list(rows)))
        .mark_point(size=110, filled=True)
        .encode(
            x=alt.X("rmap:N", sort=names, title=None, axis=alt.Axis(labels=False, ticks=False)),
            y=alt.Y(f"{y}:Q", title=y, scale=alt.Scale(type="log")),
            color=alt.Color("rmap:N", scale=colour(names), title=None, sort=names),
            shape=alt.Shape("rmap:N", scale=alt.Scale(domain=names), title=None, sort=names),
        )
    )
    below = alt.Header(labelOrient="bottom", labelFontSize=12)
    return chart.properties(width=180, height=240).facet(
        column=alt.Column(f"{column}:N", title=None, sort=None, header=below)
    )


def text_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as aligned text: names to the left, numbers to the right."""
    heads = list(rows[0])
    cells = [[_shown(row[head]) for head in heads] for row in rows]
    left = [isinstance(rows[0][head], str) for head in heads]
    widths = [max(len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(heads)]

    def line(parts: Sequence[str]) -> str:
        pairs = zip(parts, widths, left, strict=True)
        return "  ".join(p.ljust(w) if to_left else p.rjust(w) for p, w, to_left in pairs).rstrip()

    return "\n".join([line(heads), line(["-" * w for w in widths]), *(line(row) for row in cells)])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def keep(name: str, rows: Sequence[Mapping[str, Any]], chart: Any) -> None:
    """Write a study's table and figure where its page finds them."""
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / f"{name}.txt").write_text(text_table(rows) + "\n")
    styled = chart.configure_view(stroke=None).configure_axis(gridOpacity=0.25)
    styled = styled.configure(background="white").configure_axis(labelFontSize=12, titleFontSize=12)
    styled.save(str(PAGES / f"{name}.svg"))
