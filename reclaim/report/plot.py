"""Single figures as files, for papers: SVG, PNG and PDF, drawn without a browser."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reclaim.contract.observer import Observer
from reclaim.errors import ConfigError, nearest
from reclaim.report.access_map import access_map
from reclaim.report.cells import Row, Runs, sizes_of, usual_size
from reclaim.report.figures import Figure, shown
from reclaim.report.look import INK, config
from reclaim.report.observed import observed
from reclaim.report.rmap_figures import own_figures
from reclaim.report.series import chosen_runs, series

FORMATS = ("svg", "png", "pdf")
KINDS = ("misses", "gap", "work", "memory", "cost", "direct", "series", "accesses")
PANEL_WIDTH = 250
WIDTH = 520
FILTERS = ("policy", "rmap", "workload")
_BLACK = "#222222"


def find_figure(runs: Runs, kind: str, observers: Iterable[type[Observer]]) -> Figure:
    """Return the figure of a kind.

    Raises
    ------
    ConfigError
        There is no such kind, or nothing to draw.
    """
    others = {cls.name: cls for cls in observers}
    if kind not in KINDS and kind.split("-", maxsplit=1)[0] not in others:
        raise ConfigError(f"there is no figure '{kind}'.{nearest(kind, [*KINDS, *others])}")
    made: list[Figure | None]
    if kind == "series":
        made = [series(runs)]
    elif kind == "accesses":
        figure, notes = access_map(runs)
        if figure is None:
            raise ConfigError(f"accesses: nothing to draw. {' '.join(notes)}")
        made = [figure]
    elif kind in KINDS:
        made = list(own_figures(runs))
    else:
        made = [
            f
            for part in observed([others[kind.split("-", maxsplit=1)[0]]], runs)
            for f in part.figures
        ]
    for figure in made:
        if figure is not None and figure.kind == kind:
            return figure
    why = "no run has taken snapshots: set 'epochs'" if kind == "series" else "the runs have none"
    raise ConfigError(f"{kind}: nothing to draw: {why}.")


def kept(rows: Sequence[Mapping[str, Any]], column: str, wanted: Sequence[str]) -> list[Any]:
    """Return the rows that have one of some values in a column; a row without the column is kept.

    A row may have several values: a curve is of all strategies that give the same one.
    """

    def fits(row: Mapping[str, Any]) -> bool:
        value = row.get(column)
        if value is None:
            return True
        return bool(set(wanted) & set(value)) if isinstance(value, list) else value in wanted

    return [row for row in rows if fits(row)]


def narrowed(
    runs: Runs,
    figure: Figure,
    only: Mapping[str, Sequence[str]],
    size: str | None,
    choice: str | None,
) -> tuple[list[Row], str]:
    """Return the rows that a figure shows, and what was chosen, in words.

    Raises
    ------
    ConfigError
        A name that does not exist, or nothing left.
    """
    rows = shown(figure)
    for column in FILTERS:
        names = list(only.get(column, ()))
        there = {row[column] for row in runs.cells}
        for name in names:
            if name not in there:
                raise ConfigError(f"--{column}: there is no '{name}'.{nearest(name, there)}")
        if names:
            rows = kept(rows, column, names)
    said = ""
    if figure.one_size:
        sizes = sizes_of(runs.cells)
        if size is not None and size not in sizes:
            raise ConfigError(f"--size: there is no size '{size}'.{nearest(size, sizes)}")
        size = size or usual_size(runs.cells)
        rows, said = [row for row in rows if row["size"] == size], f"frames: {size}"
    if figure.choice is not None and rows:
        names = chosen_runs(rows) if figure.choice == "run" else [r[figure.choice] for r in rows]
        if choice is not None and choice not in names:
            raise ConfigError(f"--choose: there is no '{choice}'.{nearest(choice, names)}")
        said = choice or str(names[0])
        rows = [row for row in rows if row[figure.choice] == said]
    if not rows:
        raise ConfigError(f"{figure.kind}: nothing is left to draw by what was asked for.")
    return rows, said


def specification(figure: Figure, rows: Sequence[Row], said: str) -> dict[str, Any]:
    """Return a whole Vega-Lite specification: panels side by side, a legend, the data in it."""
    spec: dict[str, Any] = copy.deepcopy(figure.spec)
    spec.pop("data", None)
    if figure.facet is None:
        whole = {"width": WIDTH, **spec}
    else:
        spec["width"] = PANEL_WIDTH
        panels = {row[figure.facet] for row in rows}
        if len(panels) == 1:
            (title,) = panels
            whole = {**spec, "title": title, "width": WIDTH}
        else:
            # The layers' own data are those of the whole figure.
            whole = {
                "facet": {"field": figure.facet, "type": "nominal", "title": None, "sort": None},
                "columns": min(3, len(panels)),
                "spec": _without_data(spec),
                "resolve": {
                    "axis": {"x": "independent", "y": "independent"},
                    "scale": {"x": "independent", "y": "independent"},
                },
            }
    if said and "title" not in whole:
        whole["title"] = {"text": said, "fontWeight": "normal", "fontSize": 12}
    whole["data"] = {"values": list(rows)}
    whole["config"] = config()
    whole["$schema"] = "https://vega.github.io/schema/vega-lite/v6.json"
    text = json.dumps(whole, default=str).replace(f'"{INK}"', f'"{_BLACK}"')
    found: dict[str, Any] = json.loads(text)
    found["background"] = "white"
    return found


def _without_data(spec: dict[str, Any]) -> dict[str, Any]:
    for layer in spec.get("layer", ()):
        _without_data(layer)
    spec.pop("data", None)
    return spec


def write_plot(spec: Mapping[str, Any], path: Path) -> None:
    """Draw a specification into a file; its ending says how.

    Raises
    ------
    ConfigError
        Another ending, or a file that cannot be written.
    """
    import vl_convert

    draw: dict[str, Callable[[], str | bytes]] = {
        "svg": lambda: vl_convert.vegalite_to_svg(dict(spec)),
        "png": lambda: vl_convert.vegalite_to_png(dict(spec), scale=2),
        "pdf": lambda: vl_convert.vegalite_to_pdf(dict(spec)),
    }
    drawn = draw[format_of(path)]()
    try:
        if isinstance(drawn, str):
            path.write_text(drawn, encoding="utf-8")
        else:
            path.write_bytes(drawn)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from None


def format_of(path: Path) -> str:
    """Return which format a file's ending means.

    Raises
    ------
    ConfigError
        None of those that can be drawn.
    """
    ending = path.suffix.lstrip(".").lower()
    if ending not in FORMATS:
        raise ConfigError(f"-o {path}: figures are .svg, .png or .pdf.")
    return ending
