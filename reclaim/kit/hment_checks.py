"""How illumos's hments lie in their rows, and their lists and hash derived again, in plain Python.

An hment is a node of a tree (`reclaim.kit.tree`), whose key is the PTE that it stands for, then its
links in the ring of its page. plugins/rmaps/hment.py tells the story.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reclaim.kit.checks import mapped_ptes, used_objects
from reclaim.kit.rings import RING_WORDS, ring_nodes
from reclaim.rows import NODE_LOW, NODE_WORDS
from reclaim.vm.frames import head_of

if TYPE_CHECKING:
    from reclaim.kit.pool import Pool
    from reclaim.kit.tree_hash import TreeHash
    from reclaim.vm.machine import Machine

HMENT_LINKS = NODE_WORDS
HMENT_WORDS = HMENT_LINKS + RING_WORDS


def wrong_hments(
    m: Machine, hments: Pool, hashed: TreeHash, bucket_of: Callable[[int], int]
) -> str:
    """Return how hments differ from the page tables, their hash and their pool, "" if not.

    Parameters
    ----------
    hments, hashed : Pool, TreeHash
        Where they are, and how they are found.
    bucket_of : callable
        The bucket of a PTE.
    """
    rows = hments.rows
    listed: list[int] = []
    in_buckets, problem = hashed.nodes(rows)
    wrong = [problem] if problem else []
    for pfn, ptes in mapped_ptes(m).items():
        head = int(head_of(m, pfn))
        if head & 1:
            held = [head >> 1]
        else:
            nodes = [links - HMENT_LINKS for links in ring_nodes(rows, head >> 1)]
            listed += nodes
            held = [int(rows[node + NODE_LOW]) for node in nodes]
        if sorted(held) != ptes:
            wrong.append(f"frame {pfn} is mapped by PTEs {ptes}, its list has {held}")
    for bucket, nodes in in_buckets.items():
        keys = [int(rows[node + NODE_LOW]) for node in nodes]
        if any(bucket_of(key) != bucket for key in keys):
            wrong.append(f"bucket {bucket} holds keys of others: {keys}")
    in_hash = sorted(node for nodes in in_buckets.values() for node in nodes)
    in_use = sorted(hment * HMENT_WORDS for hment in used_objects(hments))
    if not sorted(listed) == in_hash == in_use:
        wrong.append(f"{len(listed)} hments on lists, {len(in_hash)} hashed, {len(in_use)} used")
    return "; ".join(wrong)
