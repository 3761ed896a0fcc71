"""What follows from a trace alone, found once by running it on an infinite memory.

Page ids, copies, and the order of touches do not depend on what is resident
(docs/reference/machine.md, "Identity"), and on the strategy only in whether it copies before moves.
So one pass gives the number of pages, the peak live set that ``--frames 25%`` refers to, and, for
policies that look ahead, when each touched page is touched next. Results are kept on disk under the
trace's content hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.contract.policy import Policy
from reclaim.contract.rmap import RmapStrategy
from reclaim.engine import loop
from reclaim.engine.bind import PLAIN, bind, cache_folder
from reclaim.engine.drive import Driver
from reclaim.engine.fingerprint import engine_hash
from reclaim.ids import FILE, SHM
from reclaim.jit.handle import I64
from reclaim.kit.pte_chains import PteChains
from reclaim.trace.events import ADVICE_PAGEOUT, EVICT, MADVISE, REFERENCED, TRUNCATE
from reclaim.trace.model import Trace
from reclaim.vm.evict import Looker, Referencer, Unmapper
from reclaim.vm.machine import Machine, new_machine


class Nobody(Policy):
    """Evicts nothing: memory is infinite."""

    name = "nobody"

    def select(self, m: Machine, nr_wanted: int, victims: I64, page: int) -> int:
        """Name nobody."""
        return 0


class Recorder(Nobody):
    """Writes down which page each touch is of."""

    name = "recorder"
    RECORDS = True


class Unlinked(RmapStrategy):
    """Keeps nothing, for traces that never ask.

    Chains would cost as much as `pte_chain` costs: where n processes share pages and leave one by
    one, oldest first, n squared steps for each page.
    """

    name = "unlinked"

    def walk(self, m: Machine, pfn: int, visitor: Any) -> None:
        """Find nothing; nobody walks."""


class Chains(RmapStrategy):
    """Finds PTEs for truncation, pageout and probes, who ask even of an infinite memory.

    Chains can stand in for a strategy that copies on move too: the driver is told to copy.
    """

    name = "chains"

    chains: PteChains

    def short(self, m: Machine, nr: int) -> bool:
        """Tell whether nodes run short."""
        return self.chains.short(nr)

    def room(self, m: Machine, space: int, nr_ptes: int, forks: bool) -> int:
        """Ask for a node for each PTE that fork copies."""
        return nr_ptes if forks else 2

    def link(self, m: Machine, pfn: int, pte: int, vma: int, fresh: bool) -> None:
        """Chain the PTE."""
        self.chains.add(m, pfn, pte)

    def unlink(self, m: Machine, pfn: int, pte: int, vma: int) -> None:
        """Forget the PTE."""
        self.chains.remove(m, pfn, pte)

    def move(self, m: Machine, pfn: int, old: int, new: int, vma: int) -> None:
        """Forget one PTE, chain the other."""
        self.chains.remove(m, pfn, old)
        self.chains.add(m, pfn, new)

    def walk(self, m: Machine, pfn: int, visitor: Any) -> None:
        """Walk the chain."""
        self.chains.walk(m, pfn, visitor)


@dataclass(frozen=True)
class Resolved:
    """What a trace is, whatever the memory.

    Attributes
    ----------
    nr_pages : int
        Page ids that the trace gives, copies included.
    peak_live : int
        Most frames that an infinite memory holds at once.
    nr_leaves : int
        Page-table leaves that an infinite memory ever holds at once or reuses.
    nr_touches : int
        Touches: accesses, sources of copies, pages moved through file descriptors.
    """

    nr_pages: int
    peak_live: int
    nr_leaves: int
    nr_touches: int


def file_kinds(trace: Trace) -> list[int]:
    """Return the kind of each file of a trace."""
    return [SHM if shm else FILE for shm in trace.file_is_shm]


def walks(trace: Trace) -> bool:
    """Tell whether a trace asks who maps a frame even where memory is infinite."""
    verb, advice = trace.events["verb"], trace.events["a3"]
    asks = np.isin(verb, (EVICT, REFERENCED, TRUNCATE))
    asks |= (verb == MADVISE) & (advice == ADVICE_PAGEOUT)
    return bool(asks.any())


def _run(trace: Trace, fork_all: bool, copies_on_move: bool, records: bool, plain: bool) -> Machine:
    policy = (Recorder if records else Nobody).new(0, 0, 0)
    m = new_machine(
        nr_frames=1024,
        nr_lists=0,
        nr_pages=1024,
        nr_spaces=len(trace.spaces),
        file_kinds=file_kinds(trace),
        rmap=Chains(chains=PteChains.empty(7)) if walks(trace) else Unlinked(),
        referencer=Referencer(),
        unmapper=Unmapper(),
        looker=Looker(),
    )
    m.live[r.PRESSURE] = r.INFINITE
    m.live[r.FORK_ALL] = int(fork_all)
    if records:
        m.page_of_touch = np.zeros(trace.nr_rows + 1024, dtype=np.int64)
    empty = loop.Span.of(
        np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int32)
    )
    bound = PLAIN if plain else bind(m, policy, empty, np.zeros(8, np.int64))
    driver = Driver(trace, m, policy, bound, empty)
    driver.checks_expectations = False
    driver.copies_on_move = copies_on_move
    driver.run()
    return m


def next_uses(pages: I64) -> I64:
    """Return, for each touch, the index of the next touch of its page, `rows.NEVER` if none.

    Parameters
    ----------
    pages : int64 array
        Page of each touch.
    """
    order = np.argsort(pages, kind="stable")
    again = pages[order[:-1]] == pages[order[1:]]
    following = np.full(len(pages), r.NEVER, dtype=np.int64)
    following[order[:-1][again]] = order[1:][again]
    return following


def _paths(trace: Trace, fork_all: bool, copies_on_move: bool) -> tuple[Path, Path]:
    name = hashlib.blake2b(digest_size=16)
    name.update(engine_hash() + trace.content_hash().encode() + bytes([fork_all, copies_on_move]))
    folder = cache_folder() / "resolved"
    return folder / f"{name.hexdigest()}.json", folder / f"{name.hexdigest()}.npy"


def _keep(path: Path, write: object) -> None:
    """Write a file of the cache whole or not at all; a cache that cannot be written is no error."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            if isinstance(write, np.ndarray):
                np.save(file, write)
            else:
                file.write(json.dumps(write).encode())
        Path(file.name).replace(path)


def resolve(
    trace: Trace, fork_copies: str, lookahead: bool, copies_on_move: bool = False
) -> tuple[Resolved, I64]:
    """Find what follows from a trace alone.

    Parameters
    ----------
    trace : Trace
        The trace.
    fork_copies : str
        "anon" or "all": the machine's rule.
    lookahead : bool
        Whether next uses are wanted; 8 bytes a touch.
    copies_on_move : bool
        What the strategy declares: whether mremap copies shared pages, which then have ids.

    Returns
    -------
    Resolved
        Sizes.
    int64 array
        Next use of each touch; empty unless wanted.

    Raises
    ------
    MachineError
        The trace cannot be run on any memory.
    """
    sizes, future = _paths(trace, fork_copies == "all", copies_on_move)
    nothing = np.zeros(0, dtype=np.int64)
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = Resolved(**json.loads(sizes.read_text()))
        if not lookahead:
            return known, nothing
        following = np.load(future, mmap_mode="r")
        if len(following) == known.nr_touches:
            return known, following
    found, following = resolve_anew(trace, fork_copies, lookahead, copies_on_move)
    if lookahead:
        _keep(future, following)
    _keep(sizes, asdict(found))
    return found, following


def resolve_anew(
    trace: Trace,
    fork_copies: str,
    lookahead: bool,
    copies_on_move: bool = False,
    plain: bool = False,
) -> tuple[Resolved, I64]:
    """Find what `resolve` finds, and keep nothing on disk: for traces that will not come again.

    With `plain` nothing is compiled, whatever the process does.
    """
    m = _run(trace, fork_copies == "all", copies_on_move, lookahead, plain)
    nr_touches = int(m.live[r.TOUCH])
    found = Resolved(
        nr_pages=int(m.live[r.NR_PAGES]),
        peak_live=m.nr_frames - int(m.live[r.LEAST_FREE]),
        nr_leaves=int(m.live[r.LEAF_TOP]),
        nr_touches=nr_touches,
    )
    nothing = np.zeros(0, dtype=np.int64)
    return found, next_uses(m.page_of_touch[:nr_touches]) if lookahead else nothing
