"""A laboratory for page reclaim: policies and reverse-mapping schemes on a simulated machine.

From Python, `run` does what ``reclaim run`` does and returns what ``--json`` prints::

    import reclaim

    records = reclaim.run("first-run", {"policies": ["clock"], "frames": "25%"})

`load_results` gives what is in a folder of results as an Arrow table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["__version__", "load_results", "run"]


def run(config: str = "first-run", changes: Mapping[str, object] | None = None) -> list[Any]:
    """Do every run that a config asks for and return their records.

    Parameters
    ----------
    config : str
        Path of a YAML file, or the name of a config that ships with reclaim.
    changes : mapping of str to object, optional
        Values by dotted key, in place of the config's, as ``--set`` takes them.

    Returns
    -------
    list of dict
        One record for each run; docs/reference/commands.md lists the fields.

    Raises
    ------
    ReclaimError
        A mistake in the config, a plugin or the trace; the message says all.
    """
    from reclaim.session import run_config

    return run_config(config, changes or {})


def load_results(folder: str | Path, where: str | None = None) -> pa.Table:
    """Return the results in a folder as an Arrow table, one flat row a run.

    Its ``to_pandas()`` gives a DataFrame, where pandas is installed; polars and DuckDB take the
    table as it is. Files that had to be skipped are named in a warning.

    Parameters
    ----------
    folder : str or Path
        Where a sweep has put them.
    where : str, optional
        A condition in SQL: ``"policy = 'clock' and frames > 1000"``.

    Returns
    -------
    pyarrow.Table
        Columns and units: docs/reference/results.md.

    Raises
    ------
    StoreError
        The folder holds no results, or the condition is not one.
    """
    import warnings

    from reclaim.store import Store

    store = Store(folder, create=False)
    table = store.table(where=where)
    for warning in store.warnings:
        warnings.warn(warning, stacklevel=2)
    return table


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # Looked up on demand: importlib.metadata would cost every command 10 ms.
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("reclaim")
        except PackageNotFoundError:
            return "0+unknown"
    raise AttributeError(f"module 'reclaim' has no attribute '{name}'")
