"""What an observer provides: sections of a report, made from the records of finished runs.

Observers are ordinary Python: they run when a report is written, after all runs are over. They read
records and return sections; they cannot change what is counted, nor write into the page itself:
their texts are escaped, and what they draw is a specification in Vega-Lite.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol


class Records(Protocol):
    """What an observer may read: finished runs, in the order of the store."""

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return one dict a run with these columns of the view `runs`; None where it has no value.

        `policy`, `rmap` and `workload` are the names by which the page filters; they are there
        whether asked for or not.
        """

    def whole(self, limit: int) -> Iterator[Mapping[str, Any]]:
        """Yield whole records, at most `limit`: epochs, phases and distributions are only there."""


@dataclass(frozen=True)
class Chart:
    """A figure.

    Parameters
    ----------
    title : str
        What it shows.
    text : str
        How to read it: units, what is averaged over, what is left out.
    spec : mapping
        A specification in Vega-Lite without `data`; it may name nothing outside the page.
    rows : sequence of mapping
        Its data. Rows with `policy`, `rmap` or `workload` follow the page's filters.
    """

    title: str
    text: str
    spec: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Parameters
    ----------
    title : str
        Its heading.
    text : str
        What it is about.
    charts : sequence of Chart
        Its figures.
    """

    title: str
    text: str
    charts: Sequence[Chart] = ()


class Observer:
    """Sections for reports. Subclass it, and register it with `reclaim_register_observers`.

    Attributes
    ----------
    name : str
        What ``--observer`` and ``reclaim plot`` call it.
    summary : str
        One line for listings.
    source : str
        Where the question comes from.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""

    def sections(self, records: Records) -> Sequence[Section]:
        """Return sections, none where the records have nothing to say.

        Parameters
        ----------
        records : Records
            Finished runs. Ask for the columns that are needed: there may be 100,000 runs.
        """
        raise NotImplementedError
