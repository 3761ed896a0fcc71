"""A laboratory for page reclaim: policies and reverse-mapping schemes on a simulated machine.

From Python, `run` does what ``reclaim run`` does and returns what ``--json`` prints::

    import reclaim

    records = reclaim.run("first-run", {"policies": ["clock"], "frames": "25%"})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["__version__", "run"]


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


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # Looked up on demand: importlib.metadata would cost every command 10 ms.
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("reclaim")
        except PackageNotFoundError:
            return "0+unknown"
    raise AttributeError(f"module 'reclaim' has no attribute '{name}'")
