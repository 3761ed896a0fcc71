"""Is each word that a result is told in used as it is defined?

`TESTED` names every definition and the test that pins it down, here or beside its kin. Sources:
mm/rmap.c and mm/mmap.c of Linux 2.6.39 and 6.x; "measured" is with kprobes and slabinfo on 6.1 and
6.12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reclaim import rows
from reclaim.engine.resolve import Chains
from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U
from reclaim.kit import anon_vmas as layout
from reclaim.kit.pool import _FREE
from reclaim.kit.pte_chains import PteChains
from reclaim.run import PluginChoice
from reclaim.trace.model import Trace, TraceMeta
from reclaim.trace.valgrind.log import Log
from reclaim.trace.valgrind.reader import assemble
from reclaim.vm.machine import Machine
from tests.analytic import (
    test_anon_vma_chain,
    test_anon_vma_history,
    test_anonmm,
    test_placement,
    test_section_gaps,
    test_walks,
)
from tests.analytic.test_placement import chain_of, root, space_vmas, vma_word, vmas_of
from tests.laboratory import RMAPS, rmap, run, watch
from tests.unit import test_trace_lackey as lackey
from tests.unit.lackey_text import log_text

AVC = "anon_vma_chain"
ONE = "mmap p 0 1 anon private rw-\nwrite p 0\n"


def visits(script: str, strategy: Any = AVC) -> int:
    """Return the VMAs that the last probe of a script visited."""
    chosen = rmap(strategy) if isinstance(strategy, str) else strategy
    return int(run(script, chosen)["probes"][-1]["vmas_visited"])


# ---- walks --------------------------------------------------------------------------------------


def test_walk_length() -> None:
    """VMAs in the tree of the *page's* anon_vma whose interval covers the index, until mapcount.

    p has pages 0 and 1, then forks c, who copies both, cuts its VMA between them and forks g. The
    page that c copied hangs in c's anon_vma: c's upper VMA, then g's; p's is not in that tree, the
    lower VMAs do not cover the index. The page that p kept hangs in the root: p's VMA is first.
    """
    script = ONE.replace(" 1 anon", " 2 anon") + "write p 1\nfork p c\nwrite c 0..1\n"
    script += "mprotect c 0 1 r--\nfork c g\nexpect vmas 5\n"
    assert visits(script + "referenced c 1") == 2  # both map it
    assert visits(script + "write g 1\nreferenced c 1") == 1  # c's own, found first
    assert visits(script + "write c 1\nreferenced g 1") == 2  # c's VMA is met in vain
    assert visits(script + "referenced p 1") == 1
    # Without exit the root's tree hands out all three that cover the index.
    assert visits(script + "referenced p 1", rmap(AVC, early_exit=False)) == 3


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_tree_nodes_are_another_counter(n: int) -> None:
    """Nodes inspected depend on the tree's shape: at least one for each VMA handed out.

    At most all n + 1 nodes and, in the descent, as many again.
    """
    script = ONE + "".join(f"fork p c{i}\n" for i in range(n)) + "mark forked\nreferenced p 0"
    record = run(script, AVC)
    steps = record["counters"]["rmap_tree_steps"]
    assert record["counters"]["rmap_vmas_visited"] == n + 1 <= steps <= 2 * (n + 1)


@pytest.mark.parametrize("shared", ["shared", "private"])
def test_early_exit_is_not_universal(shared: str) -> None:
    """A walk stops at mapcount by a flag of the walk (mkclean has none), for files as well.

    Five map a page of a file, the first two have read it: 2 visits, or 5 without the flag.
    """
    script = "".join(f"mmap s{i} 0 1 file:lib {shared} r--\n" for i in range(5))
    script += "read s0 0\nread s1 0\nreferenced s0 0"
    assert visits(script) == 2
    assert visits(script, rmap(AVC, early_exit=False)) == 5


# ---- order --------------------------------------------------------------------------------------


def test_a_lists_order_is_stable() -> None:
    """A tree puts a VMA that was split and merged behind its equals; a list has no keys to change.

    With 3 children that all copied, the parent's page takes 4 visits of a tree (see
    test_a_merge_puts_the_parent_behind_its_children), but still 1 of a list.
    """
    script = ONE.replace(" 1 anon", " 2 anon") + "".join(f"fork p c{i}\n" for i in range(3))
    script += "".join(f"write c{i} 0\n" for i in range(3))
    script += "mprotect p 1 1 r--\nmprotect p 1 1 rw-\nexpect vmas 4\nreferenced p 0"
    assert visits(script, "linux-2.6.34") == 1
    assert visits(script, "linux-3.7") == 4


# ---- fork, exec, exit ---------------------------------------------------------------------------


def test_a_child_that_writes_first_makes_its_own_root() -> None:
    """The parent had no anon_vma to give: the child's is its own root, and the parent's too."""
    script = "mmap p 0 4 anon private rw-\nfork p c\nwrite c 1\nwrite p 1\n"
    m = watch(script, AVC)
    (above,), (below,) = vmas_of(m, 0), vmas_of(m, 1)
    mine, theirs = (vma_word(m, vma, layout.V_ANON) for vma in (below, above))
    assert chain_of(m, below) == [mine] != chain_of(m, above) == [theirs]
    assert (root(m, mine), root(m, theirs)) == (mine, theirs)
    assert run(script, AVC)["counters"]["ptes_copied"] == 0


@pytest.mark.parametrize("strategy", RMAPS)
def test_fork_copies_is_the_machines_rule(strategy: str) -> None:
    """Page tables copied for VMAs with anonymous pages, or for all, whatever the strategy.

    3 anonymous pages and 5 of a file are mapped: 3 PTEs, or 8.
    """
    script = "mmap p 0 4 anon private rw-\nwrite p 0..2\n"
    script += "mmap p 10 5 file:lib shared r--\nread p 10..14\nfork p c"
    for rule, copied in (("anon", 3), ("all", 8)):
        assert run(script, strategy, fork_copies=rule)["counters"]["ptes_copied"] == copied


def program(begins: str, *, execs: str) -> Trace:
    """Return the trace of a parent with one page and a child that writes, execs and exits."""
    parent = log_text(7, f"W1\n{begins}\n{lackey.WAIT}\nW1\n{lackey.EXIT}")
    before = log_text(8, f"{lackey.BORN}\nW1\n{execs}", parent=7).removesuffix("==8== \n")
    after = log_text(8, f"W1\n{lackey.EXIT}", parent=7, command="/bin/next")
    logs = [Log("a"), Log("b"), Log("c")]
    for log, text in zip(logs, (parent, before, after), strict=True):
        log.feed(text.encode())
        log.finish()
    return assemble(logs, 1000, TraceMeta())


def test_vfork_shares_the_space() -> None:
    """A vfork child (or CLONE_VM): no space, no PTE, no copy until exec; of fork: a PTE and a copy.

    Objects ever: vfork, a root for the parent and one behind the exec: 2 and 2 AVCs. fork: 2 AVCs
    and an anon_vma more for the child.
    """
    execs = "SYSCALL[8,1](59) sys_execve ( 0x1(/bin/next), 0x2, 0x3 )"
    counters, kinds = {}, {}
    for name, begins in (("vfork", lackey.VFORK), ("fork", lackey.FORK)):
        record = run(program(begins, execs=execs), AVC)
        counters[name], kinds[name] = record["counters"], record["rmap_objects"]
    assert [counters[n]["ptes_copied"] for n in ("vfork", "fork")] == [0, 1]
    assert [counters[n]["cow_copies"] for n in ("vfork", "fork")] == [0, 1]
    assert [kinds[n]["anon_vma"]["allocated"] for n in ("vfork", "fork")] == [2, 3]
    assert [kinds[n][AVC]["allocated"] for n in ("vfork", "fork")] == [2, 4]


def test_exec_is_exit_of_all_vmas_and_a_new_root() -> None:
    """The child's two AVCs go, its anon_vma with them; what it maps then has a root of its own."""
    script = ONE + "fork p c\nmark forked\nexec c\nmark gone\n"
    script += "mmap c 100 1 anon private rw-\nwrite c 100\n"
    record = run(script, AVC)
    marks = [*(record["marks"][name] for name in ("forked", "gone")), record]
    live = [[mark["rmap_objects"][k]["live"] for k in ("anon_vma", AVC)] for mark in marks]
    assert live == [[2, 3], [1, 1], [2, 2]]
    m = watch(script, AVC)
    (vma,) = vmas_of(m, 1)
    own = vma_word(m, vma, layout.V_ANON)
    assert chain_of(m, vma) == [own] == [root(m, own)]
    assert own != vma_word(m, vmas_of(m, 0)[0], layout.V_ANON)


class Exits(Chains):
    """Writes down how many PTEs a space has when one of its VMAs is unlinked, and which it is."""

    name = "exits"
    log: I64

    @classmethod
    def new(cls) -> Exits:
        return cls(chains=PteChains.empty(7), log=np.zeros(64, dtype=np.int64))

    def vma_unmap(self, m: Machine, vma: int) -> None:
        nr = self.log[0]
        space = m.vma[U(vma * rows.VMA_WORDS + rows.VMA_SPACE)]
        self.log[U(2 * nr + 1)] = m.space[U(space * rows.SPACE_WORDS + rows.SPACE_NR_PTES)]
        self.log[U(2 * nr + 2)] = m.vma[U(vma * rows.VMA_WORDS + rows.VMA_START)]
        self.log[0] = nr + 1


def test_exit_zaps_all_then_unlinks_in_order_of_address() -> None:
    """Three VMAs, mapped in another order: no PTE is left when the first is unlinked."""
    script = "".join(
        f"mmap p {at} 2 anon private rw-\nwrite p {at}..{at + 1}\n" for at in (40, 0, 20)
    )
    m = watch(script + "exit p\nmmap q 0 1 anon private rw-", PluginChoice(Exits))
    assert m.rmap.log[:7].tolist() == [3, 0, 0, 0, 20, 0, 40]


def test_exit_unlinks_each_chain_from_the_newest_link() -> None:
    """Freed last in, first out: a pool's free list, read backwards, is the order of unlinking.

    g's VMAs at 0 and 20 have the chains p, c, g. By address, newest to oldest, but g's own
    anon_vmas are left empty, and what hangs in those goes in a second pass over the VMA.
    """
    script = "".join(f"mmap p {at} 2 anon private rw-\nwrite p {at}\n" for at in (20, 0))
    script += "fork p c\nfork c g\n"
    chains: list[list[int]] = []

    def look(m: Machine, _verb: int) -> None:
        if m.space[2 * rows.SPACE_WORDS + rows.SPACE_ALIVE] and len(vmas_of(m, 2)) == 2:
            chains[:] = [links(m, vma) for vma in vmas_of(m, 2)]

    def links(m: Machine, vma: int) -> list[int]:
        pool, avc, found = m.rmap.groups.avcs, vma_word(m, vma, layout.V_NEWEST), []
        while avc != NIL:
            found.append(avc)
            avc = int(pool.rows[avc * pool.width + layout.A_OLDER])
        return found

    m = watch(script + "exit g\n", AVC, look)
    (low_g, low_c, low_p), (high_g, high_c, high_p) = chains
    pool = m.rmap.groups.avcs
    freed, at = [], int(pool.state[_FREE])
    while at != NIL:
        freed.insert(0, at)
        at = int(pool.rows[at * pool.width])
    assert freed == [low_c, low_p, low_g, high_c, high_p, high_g]
    assert len(space_vmas(m)) == 4


# ---- where each definition is tested ------------------------------------------------------------

TESTED: dict[str, Callable[..., None]] = {
    "walk length": test_walk_length,
    "tree nodes inspected": test_tree_nodes_are_another_counter,
    "walk length of a list, and beside a model": (
        test_anon_vma_history.test_random_families_beside_the_model
    ),
    "two walks for each reclaimed page": test_walks.test_t_e2_two_walks_a_page,
    "early exit is not universal": test_early_exit_is_not_universal,
    "star, shared by all: 4 and 16": test_walks.test_star_shared_by_all,
    "star, only the last child n + 1, the first 2": test_walks.test_star_left_to_one_child,
    "star, parent's own page 1": test_walks.test_star_after_all_have_copied,
    "order within equal intervals": test_walks.test_star_left_to_one_child,
    "which a merge changes": test_walks.test_a_merge_puts_the_parent_behind_its_children,
    "which a split changes": test_section_gaps.test_a_split_alone_inserts_again,
    "but not in a list": test_a_lists_order_is_stable,
    "order of a file's tree": test_walks.test_order_of_a_files_tree,
    "Rik's 2, without exit": test_walks.test_t_e_anon_vma_chain_without_exit,
    "which is 1.0 with exit": test_walks.test_t_e1_a_part_is_copied,
    "1.000 and 1001 with exit": test_section_gaps.test_t_e1_a_thousand_children,
    "fork of an untouched VMA": (
        test_anon_vma_chain.test_a_vma_that_was_never_written_gives_the_child_nothing
    ),
    "a child that writes first": test_a_child_that_writes_first_makes_its_own_root,
    "copied page tables": test_fork_copies_is_the_machines_rule,
    "vfork and CLONE_VM": test_vfork_shares_the_space,
    "exec": test_exec_is_exit_of_all_vmas_and_a_new_root,
    "exit: PTEs, then VMAs by address": test_exit_zaps_all_then_unlinks_in_order_of_address,
    "exit: chains newest first": test_exit_unlinks_each_chain_from_the_newest_link,
    "partial munmap": test_anon_vma_chain.test_a_hole_in_the_middle_as_measured,
    "swap-in: cache hit": test_placement.test_t_f9_a_hit_in_the_swap_cache_keeps_its_place,
    "swap-in: shared": test_placement.test_t_f9_a_shared_page_read_back_from_swap_goes_to_the_root,
    "swap-in: only holder": test_placement.test_t_f9_from_swap_by_the_only_holder,
    "swap-in, by kernel": test_anon_vma_history.test_t_f9_placement_in_each_kernel,
    "size and stride": test_anon_vma_history.test_t_a1_sizes_of_each_kernel,
    "fixed bytes": test_section_gaps.test_fixed_costs_count_too,
    "a live chain of 8": test_anon_vma_chain.test_a_living_chain_of_eight_as_measured,
    "at most 3k": test_section_gaps.test_at_most_3k_anon_vmas,
    "anonmm copies at mremap": test_anonmm.test_t_f12_one_copy_for_each_shared_page,
    "equal anon_vmas, unequal chains": (
        test_anon_vma_history.test_t_f10_the_degree_rule_adopts_twice
    ),
}


@pytest.mark.parametrize("definition", TESTED)
def test_each_definition_is_tested(definition: str) -> None:
    """The named function is one that pytest runs, and says what it checks."""
    test = TESTED[definition]
    assert test.__name__.startswith("test_")
    assert test.__doc__ is not None
