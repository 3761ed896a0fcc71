r"""The policy contract: a policy names victims, the machine evicts them.

A policy is a class with annotated fields (its state: arrays, kit structures, ints) and methods that
are *kernels*: plain Python that is compiled into the machine. It sees frames (`pfn`) and pages
(dense ids, which outlive residency); it reads the machine through the accessors of `reclaim.api`,
and writes only its own fields, the kit lists it declared, and a frame's two policy words.

The life of a frame, as a policy sees it::

    fault_in --> (accessed)* --> select --> evicted            the page left its frame
                                        \-> putback            it could not: it is yours again
             \-> removed                                        munmap, exit, mlock, probes
    putback(UNLOCKED)                                           munlock hands it back

Kernels must not allocate, raise, or call anything but kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from reclaim.contract.param import Param
from reclaim.jit.handle import I64, Handle
from reclaim.kit.shown import shown_lists

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

NEEDS = ("young", "accesses", "lookahead", "page_tables", "samples")
"""How a policy learns of use: it asks the reverse map, it sees every hit, it knows the future, it
walks page tables itself, it is told of every k-th access.

A policy with `page_tables` unmaps PTE by PTE and names only frames that nothing maps. It is the
only kind that runs with a reverse map that is not exact.
"""

AGE_EVERY = "age_every"
"""Parameter of a policy with `age`: accesses between two calls; 0: as many as there are frames."""

SAMPLE_EVERY = "sample_every"
"""Parameter of a policy that needs `samples`: every so manyth access is sampled."""

SAMPLE_JITTER = "sample_jitter"
"""Parameter that such a policy may have: the distance is drawn anew each time, that is its mean."""


class Policy(Handle):
    """Base class of aging and replacement policies.

    Attributes
    ----------
    name, summary, source : str
        As users write it; one sentence; the paper with section, or the kernel version with file.
    family : str
        Heading under which listings show it.
    params : mapping of str to Param
        Parameters that a configuration may set; `new` receives them by name.
    needs : frozenset of str
        Of `NEEDS`. `accesses` and `lookahead` cannot be had for mapped pages in a real kernel:
        reports mark such policies as unrealisable. `samples` are those of a processor that records
        an access now and then (PEBS).
        Those with `page_tables` unmap what they evict themselves, PTE by PTE (`unmap_one`).
    nr_lists : int
        Kit lists that the policy wants (`list_at(m, 0)`, ...).
    list_names : tuple of str
        What `explain` calls the kit lists, in their order: ``("active", "inactive")``.
    results_version : int
        Raised by hand when the policy's results change on purpose.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    family: ClassVar[str] = "other"
    params: ClassVar[Mapping[str, Param]] = {}
    needs: ClassVar[frozenset[str]] = frozenset()
    nr_lists: ClassVar[int] = 0
    list_names: ClassVar[tuple[str, ...]] = ()
    results_version: ClassVar[int] = 1
    SEES_ACCESSES: ClassVar[bool] = False
    SEES_FUTURE: ClassVar[bool] = False
    RECORDS: ClassVar[bool] = False
    AGES: ClassVar[bool] = False
    SAMPLES: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.SEES_ACCESSES = bool({"accesses", "lookahead"} & cls.needs)
        cls.SEES_FUTURE = "lookahead" in cls.needs
        cls.AGES = cls.age is not Policy.age
        cls.SAMPLES = "samples" in cls.needs

    @classmethod
    def new(cls, nr_frames: int, nr_pages: int, seed: int, **params: Any) -> Self:
        """Make the state for a run. The default suits a policy whose fields are its params.

        Parameters
        ----------
        nr_frames : int
            Frames of memory.
        nr_pages : int
            Page ids that the trace gives: 0 .. nr_pages - 1.
        seed : int
            Of everything random.
        **params
            The declared parameters, checked.
        """
        return cls(**params)

    def fault_in(self, m: Machine, pfn: int, page: int, shadow: int) -> None:
        """Take a frame in: a page became resident in it.

        Called once for each frame that is given to a page: misses, fills, copies.

        Parameters
        ----------
        pfn, page : int
            The frame, and the page now in it.
        shadow : int
            What `evicted` returned when this page last left, 0 if it never did.
        """

    def accessed(self, m: Machine, pfn: int, page: int, how: int, nr: int) -> None:
        """Hear of a use of a resident page.

        Called for every access that found its page resident if the policy needs `accesses`
        (`how` = BY_PTE); for file-descriptor reads and writes (BY_FD) and for young file PTEs that
        go away (BY_ZAP) with any needs: those a kernel does see. Not called for the access that
        brought the page in, which is `fault_in`'s.

        Parameters
        ----------
        nr : int
            How many accesses in a row this stands for, at least 1.
        """

    def age(self, m: Machine) -> None:
        """Look around: a tick of time, between accesses. Nothing may be evicted here.

        Called after every `age_every` accesses (a parameter that the policy then declares), repeats
        counted, under any pressure. What it costs is counted as reclaim's.
        """

    def sampled(self, m: Machine, pfn: int, page: int, nr: int) -> None:
        """Hear of a sampled access, if the policy needs `samples` and has the page's frame.

        Called behind the access, also if that brought the page in.

        Parameters
        ----------
        nr : int
            How many of the accesses in a row were sampled, at least 1.
        """

    def select(self, m: Machine, nr_wanted: int, victims: I64, page: int) -> int:
        """Name victims: take up to `nr_wanted` frames off your lists, write them to `victims`.

        Called for each eviction (`exact`) or batch of 32. The only kernel without a default.

        Parameters
        ----------
        nr_wanted : int
            At least 1.
        victims : int64 array
            Room for `nr_wanted` frames.
        page : int
            The page that is faulting, NIL for the background reclaimer.

        Returns
        -------
        int
            How many were written. 0: nothing to evict, the run is out of memory. With a reverse map
            that cannot find a frame's PTEs no victim may be mapped.
        """
        raise TypeError("a policy defines select")

    def evicted(self, m: Machine, pfn: int) -> int:
        """Let go of a victim that is leaving; the frame still holds its page.

        Returns
        -------
        int
            The shadow to keep with the page; see `fault_in`.
        """
        return 0

    def removed(self, m: Machine, pfn: int, why: int) -> None:
        """Forget a frame that leaves other than by your choice: take it off your lists.

        Parameters
        ----------
        why : int
            FREED, TRUNCATED, MLOCK, PAGEOUT or PROBE.
        """

    def putback(self, m: Machine, pfn: int, why: int) -> None:
        """Take a frame back: a victim that could not be evicted, or one that munlock returns.

        Offer other frames first next time, or reclaim cannot make progress.

        Parameters
        ----------
        why : int
            LOCKED, WRITEBACK, NO_SWAP or UNLOCKED.
        """

    def deactivated(self, m: Machine, pfn: int) -> None:
        """Hear that a frame's page is not wanted soon (MADV_COLD); its young bits are clear."""

    def check(self, m: Machine, owned: Any) -> str:
        """Re-derive the policy's own lists, in plain Python; tests and `--check` call this.

        Parameters
        ----------
        owned : set of int
            The frames the policy ought to hold.

        Returns
        -------
        str
            What is wrong, "" if nothing.
        """
        return ""

    def explain(self, m: Machine) -> dict[str, list[int]]:
        """Show what the policy holds, in plain Python; `reclaim explain` asks after each access.

        By default its kit lists and its ghost lists. One that keeps its frames elsewhere says how
        they stand there.

        Returns
        -------
        dict of str to list of int
            Name of a list -> page ids, the next victim last.
        """
        return shown_lists(self, m, self.list_names, self.nr_lists)
