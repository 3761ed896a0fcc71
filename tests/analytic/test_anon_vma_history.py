"""Does anon_vma_chain behave as each kernel did: list or tree, and the three rules of reuse?

Checks T-A1, T-F1 to T-F3, T-F5, T-F7 and T-F9 to T-F11 for every pair of `index` and `reuse`, and
random families against `tests.analytic.history`, which knows every rule and shares no code.
"""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from reclaim.kit import anon_vmas as layout
from reclaim.vm.machine import Machine
from tests.analytic.history import History
from tests.analytic.test_placement import anon_of, chain_of, root, space_vmas, vma_word, vmas_of
from tests.laboratory import rmap, run, watch

START = "mmap p 0 {0} anon private rw-\nwrite p 0..{1}\n"
INDICES = ["list", "tree"]
RULES = ["none", "degree", "counters"]
PRESETS = {
    "linux-2.6.34": ("list", "none"),
    "linux-3.7": ("tree", "none"),
    "linux-3.19": ("tree", "degree"),
    "linux-6.12": ("tree", "counters"),
}


def start(nr_pages: int) -> str:
    return START.format(nr_pages, nr_pages - 1)


def chosen(index: str, reuse: str, **rest: Any) -> Any:
    return rmap("anon_vma_chain", index=index, reuse=reuse, **rest)


def counts(record: Any) -> tuple[int, int]:
    """Return live anon_vmas and AVCs."""
    kinds = record["rmap_objects"]
    return kinds["anon_vma"]["live"], kinds["anon_vma_chain"]["live"]


def made(record: Any) -> tuple[int, int]:
    kinds = record["rmap_objects"]
    return kinds["anon_vma"]["allocated"], kinds["anon_vma_chain"]["allocated"]


# ---- presets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name: str) -> None:
    """Which kernel had which index and which rule; the record has both names."""
    record = run(start(1), rmap(name))
    assert (record["rmap"], record["rmap_preset"]) == ("anon_vma_chain", name)
    index, reuse = PRESETS[name]
    assert record["rmap_params"] == {"index": index, "reuse": reuse, "early_exit": True}


WORDS = {"32-bit": 4, "64-bit": 8}
INT = 4


def anon_vma_bytes(name: str, word: int) -> int:
    """Add up the fields of struct anon_vma, without debug options, SMP."""
    spinlock, refcount, links = INT, INT, 2 * word
    mutex = INT + spinlock + links + word  # count, wait_lock, wait_list, owner
    # count, owner, osq, wait_lock, wait_list
    rwsem = word + word + INT + INT + links
    up = lambda size: (size + word - 1) // word * word  # noqa: E731
    return {
        "linux-2.6.34": word + spinlock + refcount + links,
        "linux-3.7": word + mutex + up(refcount) + word,
        "linux-3.19": word + rwsem + refcount + INT + word + word,
        "linux-6.12": word + rwsem + up(refcount) + word + word + word + 2 * word,
    }[name]


@pytest.mark.parametrize("width", WORDS)
@pytest.mark.parametrize("name", PRESETS)
def test_t_a1_sizes_of_each_kernel(name: str, width: str) -> None:
    """AVC 24 / 48 bytes with a list, 32 / 64 with a tree; anon_vma by the fields it had.

    The AVC: two pointers, a list node for the VMA's chain, and a list node (2 words) or an rb_node
    with its subtree's end (4). Published: anon_vma 20 / 32 in 2.6.39, 52 / 96 in 6.x. A slab's
    stride is a pointer more, since the anon_vma has a constructor and is RCU-typed: 104 in slabinfo
    of 6.1 and 6.12 (39 in a page), 40 in that of 2.6.36 (102 in a page).
    """
    word = WORDS[width]
    avc = (2 + 2 + (2 if name == "linux-2.6.34" else 4)) * word
    anon = anon_vma_bytes(name, word)
    published = {"linux-2.6.34": {4: 20, 8: 32}, "linux-6.12": {4: 52, 8: 96}}
    assert anon == published.get(name, {}).get(word, anon)
    record = run(start(1) + "fork p c", rmap(name), layout=width)
    assert record["rmap_bytes"]["live"] == 2 * anon + 3 * avc
    strategy = rmap(name).cls.new(**rmap(name).all_params())
    slab = strategy.slab_bytes(width)
    strides = {"anon_vma_chain": avc, "anon_vma": anon + word}
    assert slab == {kind: 4096 / (4096 // stride) for kind, stride in strides.items()}
    if width == "64-bit" and name in published:
        assert 4096 // slab["anon_vma"] == {"linux-2.6.34": 102, "linux-6.12": 39}[name]


# ---- fork and exit ------------------------------------------------------------------------------


def live_chain(depth: int) -> tuple[str, list[str]]:
    names = ["p", *(f"g{n}" for n in range(1, depth + 1))]
    return "".join(f"fork {above} {below}\n" for above, below in pairwise(names)), names


@pytest.mark.parametrize("reuse", RULES)
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 10, 100])
def test_t_f1_chain_of_living_generations(index: str, reuse: str, depth: int) -> None:
    """Depth d: d + 1 anon_vmas, (d + 1)(d + 2) / 2 AVCs by every rule: nobody is abandoned."""
    script, _ = live_chain(depth)
    record = run(start(1) + script, chosen(index, reuse))
    assert counts(record) == made(record) == (depth + 1, (depth + 1) * (depth + 2) // 2)


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("reuse", RULES)
def test_t_f2_fork_and_exit_for_ever(index: str, reuse: str) -> None:
    """Forrest's loop, 100 generations.

    Without reuse generation n holds n + 1 of each, and 5,151 AVCs are made. By counters: (2, 2),
    (3, 3) for good, 300 AVCs ever. By degree, derived by hand: generation 3 finds A1 with one child
    and no VMA, degree 1, and takes it (degree 2); generation 4 finds A2, which has nobody, degree
    0; generation 5 A1 again; so (3, 3), and 1 + 2 + 3 x 99 = 300 AVCs too.
    """
    history = History(index, reuse, "p", 1)
    script, expected, above = start(1), {}, "p"
    for n in range(1, 101):
        script += f"fork {above} g{n}\nexit {above}\nmark g{n}\n"
        history.fork(above, f"g{n}")
        history.exit(above)
        expected[f"g{n}"] = (n + 1, n + 1) if reuse == "none" else ((2, 2) if n == 1 else (3, 3))
        assert history.counts() == expected[f"g{n}"]
        above = f"g{n}"
    record = run(script, chosen(index, reuse))
    assert {name: counts(mark) for name, mark in record["marks"].items()} == expected
    by_hand = sum(n + 1 for n in range(101)) if reuse == "none" else 1 + 2 + 3 * 99
    assert by_hand == {"none": 5151, "degree": 300, "counters": 300}[reuse]
    assert made(record)[1] == history.links_made == by_hand
    assert made(record)[0] == history.groups_made == (101 if reuse == "none" else 3)


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("reuse", RULES)
def test_t_f3_a_living_chain_whose_ancestors_exit(index: str, reuse: str) -> None:
    """101 and 101 remain with one VMA; ten generations later still, or ten more without reuse."""
    script, names = live_chain(100)
    history = History(index, reuse, "p", 1)
    for above, below in pairwise(names):
        history.fork(above, below)
    for name in names[:-1]:
        script += f"exit {name}\n"
        history.exit(name)
    script += "mark alone\n"
    assert history.counts() == (101, 101)
    for n in range(101, 111):
        script += f"fork g{n - 1} g{n}\nexit g{n - 1}\n"
        history.fork(f"g{n - 1}", f"g{n}")
        history.exit(f"g{n - 1}")
    record = run(start(1) + script, chosen(index, reuse))
    assert counts(record["marks"]["alone"]) == (101, 101)
    later = (111, 111) if reuse == "none" else (101, 101)
    assert counts(record) == history.counts() == later


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("reuse", RULES)
def test_t_f5_double_fork(index: str, reuse: str) -> None:
    """A thousand times a child and a grandchild that both exit: back to 1 and 1 by every rule."""
    script = start(1)
    for n in range(1000):
        script += f"fork p c{n}\nfork c{n} g{n}\nexit c{n}\nexit g{n}\n"
    record = run(script, chosen(index, reuse))
    assert counts(record) == (1, 1)
    assert made(record) == (1 + 2 * 1000, 1 + 5 * 1000)


# ---- walks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize(("index", "visits"), [("list", 1000), ("tree", 1)])
def test_t_f7_split_into_a_thousand_pieces(index: str, visits: int, k: int) -> None:
    """999 k new AVCs. The page of the last piece: 1,000 visits of a list, 1 of a tree, 1 PTE.

    The list hands out every piece of the page's own anon_vma, in or out of range.
    """
    script, names = live_chain(k - 1)
    who = names[-1]
    script = start(1000) + script + f"write {who} 999\nmark whole\n"
    script += "".join(f"mprotect {who} {page} 1 r--\n" for page in range(1, 1000, 2))
    record = run(script + f"evict {who} 999", chosen(index, "none"))
    assert counts(record)[1] - counts(record["marks"]["whole"])[1] == 999 * k
    probe = record["probes"][0]
    assert (probe["vmas_visited"], probe["ptes_probed"], probe["ptes_hit"]) == (visits, 1, 1)


def test_locks_of_list_and_tree() -> None:
    """A list: a lock for each link made or cut; a tree: the root's, once for each VMA.

    Child of a chain of 4, then its exit. List: 5 links made (4 cloned, 1 own) and 5 cut. Tree: 1
    and 1. A walk that asks takes a lock, from 5.19 on only tries to.
    """
    script, names = live_chain(3)
    script = start(1) + script + f"mark before\nfork {names[-1]} c\nmark forked\nexit c\n"
    for name, (at_fork, at_exit) in {"linux-2.6.34": (5, 5), "linux-3.7": (1, 1)}.items():
        record = run(script, rmap(name))
        before, forked = (record["marks"][mark]["counters"] for mark in ("before", "forked"))
        assert forked["locks"] - before["locks"] == at_fork
        assert record["counters"]["locks"] - forked["locks"] == at_exit
    for name in PRESETS:
        work = run(start(1) + "mark ready\nreferenced p 0", rmap(name))
        ready = work["marks"]["ready"]["counters"]
        tried = int(name == "linux-6.12")
        assert work["counters"]["trylocks"] - ready["trylocks"] == tried
        assert work["counters"]["locks"] - ready["locks"] == 2 - tried  # and the page table's


# ---- placement ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_t_f9_placement_in_each_kernel(name: str) -> None:
    """Made or copied: the VMA's own. Read from swap: the root, unless 5.19 knows the only holder.

    Written from swap by the only holder, or reused by it: the VMA's own, in every kernel.
    """

    def places(script: str) -> tuple[int, int, int]:
        m = watch("mmap p 0 4 anon private rw-\nwrite p 0..3\nfork p c\n" + script, rmap(name))
        (area,) = vmas_of(m, 1)
        own = vma_word(m, area, layout.V_ANON)
        assert own != root(m, own)
        return anon_of(m, 1, 0), own, root(m, own)

    anon, own, _ = places("write c 0\n")
    assert anon == own
    anon, _, top = places("evict p 0\nread c 0\n")
    assert anon == top
    anon, own, top = places("write c 0\nevict c 0\nread c 0\n")
    assert anon == (own if name == "linux-6.12" else top)
    anon, own, _ = places("write c 0\nevict c 0\nwrite c 0\n")
    assert anon == own
    anon, own, _ = places("exit p\nwrite c 0\nexpect wp_reuses 1\n")
    assert anon == own


# ---- the invariant ------------------------------------------------------------------------------

TWICE = """
    fork P p1; exit P; fork p1 p2; exit p1; fork p2 p3; fork p2 p4; fork p3 p5; exit p4; fork p5 p6
"""


def unequal(m: Machine) -> bool:
    """Tell whether two VMAs have one anon_vma and other chains."""
    chains = defaultdict(set)
    for vma in space_vmas(m):
        chains[vma_word(m, vma, layout.V_ANON)].add(tuple(chain_of(m, vma)))
    return any(len(different) > 1 for different in chains.values())


@pytest.mark.parametrize("reuse", RULES)
def test_t_f10_the_degree_rule_adopts_twice(reuse: str) -> None:
    """After the sequence two VMAs have one anon_vma and unequal chains, by degree only.

    The anon_vma that p3 adopted has no child and one VMA: degree 1. When p4 has left, p6 takes it
    as well. Every mapper is still found: 4 sharers, 4 PTEs.
    """
    events = [event.split() for event in TWICE.strip().split("; ")]
    history = History("tree", reuse, "P", 1)
    for verb, *names in events:
        getattr(history, verb)(*names)
    script = start(1).replace("p 0", "P 0") + "\n".join(" ".join(event) for event in events)
    m = watch(script, chosen("tree", reuse))
    assert unequal(m) == history.ambiguous() == (reuse == "degree")
    record = run(script + "\nevict p2 0", chosen("tree", reuse))
    assert counts(record) == history.counts()
    assert record["probes"][0]["ptes_hit"] == record["probes"][0]["mapcount"] == 4


# ---- random families ----------------------------------------------------------------------------


def family(seed: int, index: str, reuse: str, verbs: list[str]) -> tuple[str, Any, History]:
    """Return a random script, what is expected at each mark and probe, and the model at its end."""
    rng = random.Random(seed)
    history = History(index, reuse, "p", 6)
    script, expected, probes = [start(6)], {}, []
    alive = ["p"]
    for n in range(120):
        who, verb, page = rng.choice(alive), rng.choice(verbs), rng.randrange(6)
        readonly = any(a.readonly and a.first <= page <= a.last for a in history.areas[who])
        if verb == "exit" and len(alive) > 1:
            alive.remove(who)
            history.exit(who)
            script.append(f"exit {who}")
        elif verb == "fork" and len(alive) < 14:
            alive.append(f"c{n}")
            history.fork(who, f"c{n}")
            script.append(f"fork {who} c{n}")
        elif verb == "protect":
            history.protect(who, page, readonly=not readonly)
            script.append(f"mprotect {who} {page} 1 {'rw-' if readonly else 'r--'}")
        elif not readonly:
            history.write(who, page)
            script.append(f"write {who} {page}")
        asked, page = rng.choice(alive), rng.randrange(6)
        probes.append(history.visits(asked, page))
        script.append(f"referenced {asked} {page}\nmark m{n}")
        expected[f"m{n}"] = history.counts()
    return "\n".join(script), (expected, probes), history


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reuse", RULES)
@pytest.mark.parametrize("index", INDICES)
def test_random_families_beside_the_model(index: str, reuse: str, seed: int) -> None:
    """Fork, exit, split, merge, copy, reuse: AVCs, anon_vmas and visits after every event."""
    verbs = ["fork", "fork", "exit", "exit", "protect", "write"]
    script, (expected, probes), history = family(seed, index, reuse, verbs)
    record = run(script, chosen(index, reuse))
    assert {name: counts(mark) for name, mark in record["marks"].items()} == expected
    assert [probe["vmas_visited"] for probe in record["probes"]] == probes
    assert made(record) == (history.groups_made, history.links_made)


@pytest.mark.parametrize("reuse", RULES)
def test_t_f11_anon_vmas_by_vmas(reuse: str) -> None:
    """anon_vmas over *peak* VMAs in random trees of fork and exit: below 3 where there is reuse.

    Over the VMAs alive now no bound holds (T-F3). Without reuse none holds at all: see T-F2.
    """
    worst = 0.0
    for seed in range(20):
        script, (expected, _), _ = family(seed, "tree", reuse, ["fork", "exit"])
        record = run(script, chosen("tree", reuse))
        peak, alive = 1, 1
        for name, mark in record["marks"].items():
            peak = max(peak, mark["vmas"])
            alive = counts(mark)[0]
            assert counts(mark) == expected[name]
            worst = max(worst, alive / peak)
    print(f"{reuse}: at most {worst:.2f} anon_vmas for each VMA at the peak")
    assert worst <= 3 or reuse == "none"
