"""Does a page hang in the anon_vma that the kernel would choose? Is every mapper found from there?

Checks T-F9, T-F10 and T-F12. The state is read from the rows as they lie in memory; the trees and
chains are gathered here, not by the plugin's code.
"""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from reclaim import rows
from reclaim.ids import ANON, LEAF_PTES, NIL
from reclaim.kit import anon_vmas as layout
from reclaim.vm.machine import Machine
from tests.laboratory import exact_rmaps, rmap, run, watch

STRATEGY = "anon_vma_chain"
PRESETS = ["linux-2.6.34", "linux-3.7", "linux-3.19", "linux-6.12"]


def vma_word(m: Machine, vma: int, column: int) -> int:
    return int(m.vma[vma * rows.VMA_WORDS + column])


def vmas_of(m: Machine, space: int) -> list[int]:
    """Return the VMAs of a space by address."""
    vma = int(m.space[space * rows.SPACE_WORDS + rows.SPACE_VMAS])
    found = []
    while vma != NIL:
        found.append(vma)
        vma = vma_word(m, vma, rows.VMA_NEXT)
    return found


def chain_of(m: Machine, vma: int) -> list[int]:
    """Return the anon_vmas that a VMA is linked with, oldest first."""
    avcs = m.rmap.groups.avcs
    found = []
    avc = vma_word(m, vma, layout.V_OLDEST) if vma_word(m, vma, layout.V_ANON) != NIL else NIL
    while avc != NIL:
        row = avc * avcs.width
        assert avcs.rows[row + layout.A_VMA] == vma
        found.append(int(avcs.rows[row + layout.A_ANON]))
        avc = int(avcs.rows[row + layout.A_NEWER])
    return found


def space_vmas(m: Machine) -> list[int]:
    """Return every VMA of every live space."""
    return [
        vma
        for space in range(len(m.space) // rows.SPACE_WORDS)
        if m.space[space * rows.SPACE_WORDS + rows.SPACE_ALIVE]
        for vma in vmas_of(m, space)
    ]


def own(m: Machine, space: int) -> int:
    """Return the own anon_vma of the only VMA of a space."""
    (vma,) = vmas_of(m, space)
    return vma_word(m, vma, layout.V_ANON)


def root(m: Machine, anon: int) -> int:
    return int(m.rmap.groups.anons.rows[anon * m.rmap.groups.anons.width + layout.ROOT])


def mappings(m: Machine) -> dict[int, list[tuple[int, int]]]:
    """Return frame -> (space, vpn) of every PTE that maps it, by reading all page tables."""
    found = defaultdict(list)
    for leaf in range(1, int(m.live[rows.LEAF_TOP])):
        space = int(m.leaf[leaf * rows.LEAF_WORDS + rows.LEAF_SPACE])
        if space == NIL:
            continue
        base = int(m.leaf[leaf * rows.LEAF_WORDS + rows.LEAF_BASE])
        entries = m.pte[leaf * LEAF_PTES : (leaf + 1) * LEAF_PTES]
        for slot in (entries & 1).nonzero()[0]:
            found[int(entries[slot]) >> 8].append((space, base + int(slot)))
    return found


def anon_of(m: Machine, space: int, vpn: int) -> int:
    """Return the anon_vma that the page behind an address hangs in."""
    for pfn, places in mappings(m).items():
        if (space, vpn) in places:
            return int(m.frame[pfn * rows.FRAME_WORDS + rows.FRAME_HEAD])
    raise AssertionError(f"{space}:{vpn} is not mapped")


P, C = 0, 1
SHARED = "mmap p 0 4 anon private rw-\nwrite p 0..3\nfork p c\n"


def test_t_f9_a_new_page_and_a_copy_are_the_vmas_own() -> None:
    """A page made by a fault, or by copy-on-write, goes to the VMA's own anon_vma."""
    m = watch(SHARED + "write c 0\nmunmap c 3 1\nmmap c 10 4 anon private rw-\n", STRATEGY)
    child = vma_word(m, vmas_of(m, C)[0], layout.V_ANON)
    assert child != own(m, P)
    assert anon_of(m, P, 0) == anon_of(m, P, 1) == own(m, P)
    assert anon_of(m, C, 1) == own(m, P)  # inherited: it stays where it was made
    assert anon_of(m, C, 0) == child


@pytest.mark.parametrize("reader", ["p", "c"])
def test_t_f9_a_shared_page_read_back_from_swap_goes_to_the_root(reader: str) -> None:
    """Nobody knows who else holds it, and the child's anon_vma could die first (LWN 383162)."""
    m = watch(SHARED + f"evict p 0\nread {reader} 0\n", STRATEGY)
    assert anon_of(m, "pc".index(reader), 0) == root(m, own(m, C)) == own(m, P)


def test_t_f9_from_swap_by_a_grandchild_shared_with_its_parent() -> None:
    """Made by the child, the page hangs in the child's anon_vma; from swap it goes to the root.

    p's VMA covers the index and is visited in vain.
    """
    script = SHARED + "write c 0\nfork c g\nevict c 0\nread g 0\n"
    m = watch(script, STRATEGY)
    assert anon_of(m, 2, 0) == own(m, P)
    probe = run(script + "read c 0\nevict g 0", STRATEGY)["probes"][-1]
    assert (probe["vmas_visited"], probe["ptes_hit"]) == (3, 2)


def test_t_f9_from_swap_by_the_only_holder() -> None:
    """6.x: an exclusive swap entry; the page goes to the VMA's own anon_vma, whoever made it."""
    m = watch(SHARED + "write c 0\nevict c 0\nread c 0\n", STRATEGY)
    assert anon_of(m, C, 0) == own(m, C) != own(m, P)
    m = watch(SHARED + "evict p 0\nexit p\nread c 0\n", STRATEGY)
    assert anon_of(m, C, 0) == own(m, C) != root(m, own(m, C))


def test_t_f9_a_reused_page_becomes_the_writers_own() -> None:
    """The parent made the page and left it; the child's write finds nobody else and keeps it."""
    m = watch(SHARED + "exit p\nread c 0\n", STRATEGY)
    assert anon_of(m, C, 0) == root(m, own(m, C))
    m = watch(SHARED + "exit p\nwrite c 0\nexpect wp_reuses 1\n", STRATEGY)
    assert anon_of(m, C, 0) == own(m, C) != root(m, own(m, C))


def test_t_f9_a_hit_in_the_swap_cache_keeps_its_place() -> None:
    """The child brings the page in, the parent's fault finds it in memory: nothing moves."""
    m = watch(SHARED + "evict p 0\nread c 0\nread p 0\n", STRATEGY)
    assert anon_of(m, C, 0) == anon_of(m, P, 0) == own(m, P)


# ---- the invariant ------------------------------------------------------------------------------


def reachable(m: Machine) -> None:
    """Every VMA that maps an anonymous page is linked with the page's anon_vma, at its index."""
    chains = {vma: chain_of(m, vma) for vma in space_vmas(m)}
    for pfn, places in mappings(m).items():
        page = int(m.frame[pfn * rows.FRAME_WORDS + rows.FRAME_PAGE]) * rows.PAGE_WORDS
        if m.page[page + rows.PAGE_BACKING] & 3 != ANON:
            continue
        anon = int(m.frame[pfn * rows.FRAME_WORDS + rows.FRAME_HEAD])
        index = int(m.page[page + rows.PAGE_INDEX])
        for space, vpn in places:
            (vma,) = (
                v
                for v in vmas_of(m, space)
                if vma_word(m, v, rows.VMA_START) <= vpn <= vma_word(m, v, rows.VMA_LAST)
            )
            assert anon in chains[vma]
            offset = index - vma_word(m, vma, rows.VMA_PGOFF)
            assert vma_word(m, vma, rows.VMA_START) + offset == vpn


def holds(m: Machine) -> None:
    """Every mapper is reachable; equal anon_vmas, equal chains."""
    reachable(m)
    by_own = defaultdict(set)
    for vma in space_vmas(m):
        chain = chain_of(m, vma)
        if chain:
            by_own[vma_word(m, vma, layout.V_ANON)].add(frozenset(chain))
            assert vma_word(m, vma, layout.V_ANON) in chain
            assert len(set(chain)) == len(chain)
    assert all(len(different) == 1 for different in by_own.values())


def test_t_f10_where_the_degree_rule_of_3_19_fails() -> None:
    """The sequence after which one counter for children and VMAs adopts one anon_vma twice.

    Linux 3.19 to 5.x: two VMAs with one anon_vma and unequal chains, and then a wrong merge. With
    two counters (2022, 2555283eb40d) equal anon_vmas have equal chains throughout.
    """
    script = """
        mmap P 0 4 anon private rw-
        write P 0..3
        fork P p1
        exit P
        fork p1 p2
        exit p1
        fork p2 p3
        fork p2 p4
        fork p3 p5
        exit p4
        fork p5 p6
        """
    watch(script, STRATEGY, lambda m, _verb: holds(m))


EVENTS = [
    "fork",
    "fork",
    "exit",
    "write",
    "write",
    "split",
    "move",
    "evict",
    "evict",
    "read",
    "read",
]


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("seed", range(6))
def test_t_f10_random_families(seed: int, name: str) -> None:
    """After every event of random forks, exits, touches, splits, moves and evictions.

    Chains may differ by the degree rule of 3.19; every mapper is reachable in every kernel.
    """
    rng = random.Random(seed)
    script = ["mmap s0 0 8 anon private rw-", "write s0 0..7"]
    alive, born = ["s0"], 1
    for _ in range(120):
        who = rng.choice(alive)
        kind = rng.choice(EVENTS)
        page = rng.randrange(8)
        if kind == "fork" and len(alive) < 12:
            script.append(f"fork {who} s{born}")
            alive.append(f"s{born}")
            born += 1
        elif kind == "exit" and len(alive) > 1:
            script.append(f"exit {who}")
            alive.remove(who)
        elif kind == "split":
            script.append(f"mprotect {who} {page} 1 {rng.choice(['r--', 'rw-', 'rw-'])}")
        elif kind == "move":
            script += [f"mremap {who} {page} 1 50", f"mremap {who} 50 1 {page}"]
        elif kind == "evict":
            script.append(f"evict {who} {page}")
        elif kind == "read":  # back from swap, where a sharer's own anon_vma would be wrong
            script.append(f"read {who} {page}")
        else:
            script += [f"mprotect {who} {page} 1 rw-", f"write {who} {page}"]
    look = reachable if name == "linux-3.19" else holds
    watch("\n".join(script), rmap(name), lambda m, _verb: look(m))


@pytest.mark.parametrize("strategy", [*exact_rmaps(), *PRESETS])
def test_t_f12_a_shared_page_is_found_at_both_addresses(strategy: str) -> None:
    """Fork, then mremap in the child: the moved VMA keeps its page index, so both are found.

    No page is copied; anonmm (2004), which finds pages by address, would copy each of the 5.
    """
    run(
        """
        mmap p 0 5 anon private rw-
        write p 0..4
        fork p c
        mremap c 0 5 1000
        expect ptes_moved 5
        expect cow_copies 0
        referenced c 1002
        expect probe.mapcount 2
        expect probe.ptes_hit 2
        evict p 2
        expect probe.ptes_hit 2
        read p 2
        read c 1002                 # the same page: one read from swap
        expect swap_ins 1
        referenced p 2
        expect probe.ptes_hit 2
        """,
        strategy,
    )
