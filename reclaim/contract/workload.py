"""What a workload provides: a trace that is made, not recorded.

Workloads are ordinary Python: they run once, before the machine exists, and write what their
processes do into a `reclaim.trace.builder.TraceBuilder`. Each re-enacts a complaint that somebody
once had about a reverse map, so that it can be seen which schemes deserve it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from reclaim.contract.param import Param

if TYPE_CHECKING:
    from reclaim.trace.builder import TraceBuilder


class Workload:
    """A generated trace. Subclass it, and register it with `reclaim_register_workloads`.

    Attributes
    ----------
    name : str
        What `--trace` and the config call it.
    summary : str
        One line for listings.
    source : str
        Who complained, where and when.
    family : str
        What its processes do most: "fork", "mmap", "file".
    params : mapping of str to Param
        Sizes; `build` receives them by name.
    results_version : int
        Raised by hand when the same parameters make another trace than before.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    family: ClassVar[str] = "other"
    params: ClassVar[Mapping[str, Param]] = {}
    results_version: ClassVar[int] = 1

    def build(self, trace: TraceBuilder, seed: int, **params: Any) -> None:
        """Write the trace. The same seed and parameters write the same one.

        Parameters
        ----------
        trace : TraceBuilder
            Empty; takes spaces, files, events, accesses and marks. Set a mark at the end of each
            phase, so that comparisons can say what each of them cost.
        seed : int
            Of everything random: ``numpy.random.default_rng(seed)``.
        **params
            The declared parameters, checked.

        Raises
        ------
        TraceError
            Out of the builder, for what no program could do. Let it pass.
        ConfigError
            Parameters that do not fit together.
        """
        raise NotImplementedError
