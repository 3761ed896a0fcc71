"""What observers add to a report, checked before it gets into the page."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reclaim.contract.observer import Chart, Observer, Section
from reclaim.errors import PluginError, ReclaimError
from reclaim.report.cells import Runs
from reclaim.report.figures import ROWS, Figure
from reclaim.report.look import Style, styles

OUTSIDE = ("url", "href")
"""Keys by which a specification reaches out of the page."""


@dataclass(frozen=True)
class Observed:
    """A section of an observer.

    Parameters
    ----------
    title, text : str
        Plain text.
    figures : list of Figure
        Its charts.
    """

    title: str
    text: str
    figures: list[Figure]


def observed(observers: Iterable[type[Observer]], runs: Runs) -> list[Observed]:
    """Return the sections of some observers.

    Raises
    ------
    PluginError
        One of them fails, returns what is no section, or a chart that reaches out of the page.
    """
    found = []
    for cls in observers:
        sections = _sections(cls, runs)
        for i, section in enumerate(sections):
            found.append(_checked(cls, section, runs, first=i == 0))
    return found


def _who(cls: type[Observer]) -> str:
    code = vars(cls)["sections"].__code__
    return f"observer '{cls.name}' ({code.co_filename}:{code.co_firstlineno})"


def _sections(cls: type[Observer], runs: Runs) -> Sequence[Section]:
    try:
        return list(cls().sections(runs))
    except ReclaimError:
        raise
    except Exception as error:
        reason = traceback.format_exception_only(error)[-1].strip()
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise PluginError(
            f"{_who(cls)}: failed at {last.filename}:{last.lineno}: {reason}"
        ) from error


def _checked(cls: type[Observer], section: Any, runs: Runs, *, first: bool) -> Observed:
    if not isinstance(section, Section):
        raise PluginError(f"{_who(cls)}: gave {section!r}; `sections` returns a list of Section.")
    figures: list[Figure] = []
    for i, chart in enumerate(section.charts):
        if not isinstance(chart, Chart):
            raise PluginError(f"{_who(cls)}: gave {chart!r}; a section's charts are Chart(...).")
        if not isinstance(chart.spec, Mapping) or "data" in chart.spec:
            raise PluginError(
                f"{_who(cls)}: '{chart.title}': the specification is a dict without `data`; rows "
                "go "
                "into Chart.rows."
            )
        reaching = _reaching(chart.spec)
        if reaching:
            raise PluginError(
                f"{_who(cls)}: '{chart.title}': the specification has `{reaching}`, but a report "
                "loads "
                "nothing from outside. Put the data into Chart.rows."
            )
        kind = cls.name if first and i == 0 else f"{cls.name}-{section.title}-{i + 1}"
        spec = {"data": {"name": ROWS}, "height": 260, **copy.deepcopy(dict(chart.spec))}
        _dress(spec, runs)
        rows = list(chart.rows)
        figures.append(
            Figure(kind, chart.title, chart.text, spec, rows, f"{cls.name}-{len(figures)}")
        )
    return Observed(section.title, section.text, figures)


def _dress(part: Any, runs: Runs) -> None:
    """Draw policies and strategies as the page's own figures do, where a chart leaves it open."""
    if isinstance(part, list):
        for inner in part:
            _dress(inner, runs)
    if not isinstance(part, dict):
        return
    for channel, encoding in part.get("encoding", {}).items():
        column = encoding.get("field") if isinstance(encoding, dict) else None
        if channel in _RANGES and column in ("policy", "rmap") and "scale" not in encoding:
            drawn = styles(sorted({row[column] for row in runs.cells}))
            encoding["scale"] = {
                "domain": [style.name for style in drawn],
                "range": [_RANGES[channel](style) for style in drawn],
            }
    for inner in part.values():
        _dress(inner, runs)


_RANGES: dict[str, Callable[[Style], Any]] = {
    "color": lambda style: style.colour,
    "shape": lambda style: style.shape,
    "strokeDash": lambda style: list(style.dash),
}


def _reaching(part: Any) -> str | None:
    """Return the first key that names something outside the page."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key in OUTSIDE:
                return str(key)
            if found := _reaching(value):
                return found
    elif isinstance(part, list | tuple):
        for value in part:
            if found := _reaching(value):
                return found
    return None
