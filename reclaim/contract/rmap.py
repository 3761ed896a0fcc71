"""The strategy contract: link, unlink, VMA events, and one walk that finds a frame's PTEs.

A strategy answers one question, *which PTEs map this frame?*, and pays for the answer when links
are made, when VMAs change, at fork, and at the walk. It keeps what it needs in its own pools, in
one word per frame (`head_of`), twenty words per VMA row, four per file and four per space. What is
done at each PTE is the visitor's business (`reclaim.vm.evict`).

Kernels must not allocate: before an event the machine asks `room`, before a fault `short`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from reclaim.contract.param import Param
from reclaim.jit.handle import Handle

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


class RmapStrategy(Handle):
    """Base class of reverse-mapping strategies.

    Attributes
    ----------
    name, summary, source : str
        As users write it; one sentence; kernel version with file, mail, or paper.
    params : mapping of str to Param
        Parameters that a configuration may set; `new` receives them by name.
    presets : mapping of str to mapping of str to value
        Names under which a configuration may choose the strategy with some parameters set, for
        versions of a kernel: ``{"linux-3.7": {"index": "tree"}}``. A name is small letters, digits,
        ``_``, ``-`` and ``.``; no strategy and no other preset has it.
    exact : bool
        The walk finds every PTE that maps the frame, whichever frame it is. Exact strategies give
        identical faults and victims under the same policy and trace; only their work and bytes
        differ. Others run only with policies that need `page_tables`; see `finds`.
    driven_by : str
        For a strategy that is not exact: the policy that knows how to reclaim with it.
    copies_on_move : bool
        A page that several PTEs hold cannot be found at two addresses, so mremap first copies such
        pages for the mover (`reclaim.vm.unshare`). Page ids, and so faults and victims, then differ
        from those of other strategies; among themselves those that copy are interchangeable.
    growth : mapping of str to (float, float)
        What the essay claims, as exponents: operation -> (growth with the number of processes that
        share a VMA, growth with fork depth). Operations: "fork" and "exit" of one process (exits
        oldest first), "walk_shared" (a page that all map), "walk_own" (a page that one of them has
        copied for itself), "objects" (alive at the end). A study fits them and a test compares.
    results_version : int
        Raised by hand when the strategy's results change on purpose.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    params: ClassVar[Mapping[str, Param]] = {}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    exact: ClassVar[bool] = True
    driven_by: ClassVar[str] = ""
    copies_on_move: ClassVar[bool] = False
    growth: ClassVar[Mapping[str, tuple[float, float]]] = {}
    results_version: ClassVar[int] = 1

    @classmethod
    def new(cls, **params: Any) -> Self:
        """Make the empty state for a run; the default suits fields that are params."""
        return cls(**params)

    # ---- room ---------------------------------------------------------------------------------

    def short(self, m: Machine, nr: int) -> bool:
        """Tell whether any pool holds fewer than `nr` free objects."""
        return False

    def room(self, m: Machine, space: int, nr_ptes: int, forks: bool) -> int:
        """Return how many objects of any one pool an event may take.

        Parameters
        ----------
        space : int
            The space that it changes, or forks from.
        nr_ptes : int
            PTEs it may copy or move, at most.
        forks : bool
            Whether it is a fork.

        What `space_open`, `space_fork` and the VMA events take is part of it.
        """
        return 0

    # ---- PTEs ---------------------------------------------------------------------------------

    def prepare(self, m: Machine, vma: int) -> None:
        """Get ready for an anonymous page in a VMA (the kernel's anon_vma_prepare)."""

    def link(self, m: Machine, pfn: int, pte: int, vma: int, fresh: bool) -> None:
        """Hear that a PTE maps a frame now.

        Parameters
        ----------
        pfn, pte, vma : int
            The frame, the entry, and its VMA. The frame's mapcount includes it already.
        fresh : bool
            The mapper is the only sharer of an anonymous page.
        """

    def unlink(self, m: Machine, pfn: int, pte: int, vma: int) -> None:
        """Hear that a PTE maps a frame no longer; not called for links a visitor dropped."""

    def unlink_all(self, m: Machine, space: int) -> None:
        """Hear that exit or exec is about to empty a space.

        `unlink` of each of its PTEs follows; a strategy that has let go of all of them here may
        pass over those.
        """

    def move(self, m: Machine, pfn: int, old: int, new: int, vma: int) -> None:
        """Hear that mremap moved a mapping from one entry to another, now in `vma`."""

    def reuse(self, m: Machine, pfn: int, pte: int, vma: int) -> None:
        """Hear that the only sharer of a page has written to it: the page is its own now."""

    # ---- address spaces -----------------------------------------------------------------------

    def space_open(self, m: Machine, space: int) -> None:
        """Hear of an empty address space: new, or the same one after exec. Its words are zero."""

    def space_fork(self, m: Machine, parent: int, child: int) -> None:
        """Hear, in place of `space_open`, of a child still empty; VMAs and PTEs follow."""

    def space_close(self, m: Machine, space: int) -> None:
        """Hear that exit or exec ends an address space; its PTEs and VMAs are gone already."""

    # ---- VMAs ---------------------------------------------------------------------------------

    def vma_map(self, m: Machine, vma: int) -> None:
        """Hear of a new VMA, now in its space."""

    def vma_fork(self, m: Machine, parent: int, child: int) -> None:
        """Hear that fork made `child` from `parent`; PTEs follow through `link`."""

    def vma_copy(self, m: Machine, vma: int, copy: int) -> None:
        """Hear that a split or mremap made a second VMA that shares the pages of the first."""

    def vma_unmap(self, m: Machine, vma: int) -> None:
        """Hear that a VMA goes; its PTEs are empty already."""

    def vma_resize_begin(self, m: Machine, vma: int) -> None:
        """Hear that a VMA's range is about to change: take it out of whatever is keyed by it."""

    def vma_resize_end(self, m: Machine, vma: int) -> None:
        """Hear that a VMA's range has changed."""

    def may_merge(self, m: Machine, left: int, right: int) -> bool:
        """Tell whether two neighbours, alike for the machine, may become one VMA."""
        return True

    def vma_merge(self, m: Machine, left: int, right: int) -> None:
        """Hear that `left` is about to take over `right`, whose row then goes."""

    # ---- the walk -----------------------------------------------------------------------------

    def walk(self, m: Machine, pfn: int, visitor: Handle) -> None:
        """Call ``visitor.visit(m, pte)`` for each PTE that maps a frame, until it says STOP.

        The frame has at least one mapping. Read PTEs through `maps`, so that looks are counted. On
        DROP forget the link in place.
        """
        raise TypeError("a strategy defines walk")

    def finds(self, m: Machine, pfn: int) -> bool:
        """Tell whether a walk finds every PTE of a frame, if the strategy is not exact.

        Where it says no, nobody asks: such a frame leaves memory when its last PTE has been
        unmapped by itself. Truncation walks a file's pages whatever this says.
        """
        return True

    def hint(self, m: Machine, pfn: int) -> None:
        """Prefetch what a walk of this frame will read first; `pfn` may be a list's sentinel."""

    # ---- Python, not compiled -----------------------------------------------------------------

    def objects(self) -> dict[str, tuple[int, int, int]]:
        """Return kind -> (live, peak, allocations ever), kinds named as the kernel's slabs."""
        return {}

    def object_bytes(self, layout: str) -> dict[str, int]:
        """Return kind -> bytes of one object under a layout ("32-bit" or "64-bit")."""
        return {}

    def slab_bytes(self, layout: str) -> dict[str, float]:
        """Return kind -> bytes of slab for each object: the page divided by what fits into it.

        By default an object takes its own bytes.
        """
        return dict(self.object_bytes(layout))

    def walk_lines(self, work: Mapping[str, int]) -> float:
        """Return how many cache lines of 64 bytes a walk's work touches, at most.

        Parameters
        ----------
        work : mapping of str to int
            Counters of walks, by name. By default each link, VMA, tree node and PTE is a line.
        """
        names = ("rmap_links_visited", "rmap_vmas_visited", "rmap_tree_steps", "ptes_probed")
        return float(sum(work.get(name, 0) for name in names))

    def fixed_bytes(self, layout: str) -> dict[str, int]:
        """Return what the scheme adds whether used or not: bytes per "frame", "vma", "mm"."""
        return {}

    def check(self, m: Machine) -> str:
        """Re-derive the strategy's structures; return what is wrong, "" if nothing."""
        return ""
