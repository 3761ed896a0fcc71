r"""A radix priority search tree over rows: the VMAs of a file from Linux 2.6.7 to 3.6.

Each interval hangs in a heap by its last page and in a radix tree by its first::

    root    [0, 90]          highest last page of all
           /       \
      [5, 60]     [70, 80]   one bit of the first page decides: left 0, right 1, highest bit first
       /            \
     ...            ...

A search for a page leaves out subtrees that end before it (their root's last page says so) and
subtrees that begin behind it (the bits of the way down say so). Of two equal last pages the smaller
first page stands higher. When the bits of the first page are used up, those of the length follow,
so that many intervals with one first page can be told apart. An interval that goes beyond what the
bits can say makes the tree one level or more deeper, from above (`_deepen`).

An interval that is in the tree already joins it on a ring (the kernel's vm_set), in order of
insertion. When the one in the tree goes, the next takes its place. Deepening changes which bits of
the length decide, but moves nobody, so that afterwards an interval may stand in the tree twice.

A *node* is seven words (`PRIO_WORDS`) anywhere in an array of 64-bit rows, named by the offset of
its first word; a *root* is two words of any array, the first NIL when the tree is empty. Insert,
remove: O(bits), whatever the number of intervals; deepening: O(bits^2), seldom. A search for the m
intervals that meet a range: O(bits + m).

Sources: E. M. McCreight, Priority Search Trees, SIAM J. Comput. 14 (1985); R. Venkatasubramanian's
mail of 21 March 2004; mm/prio_tree.c of Linux 2.6.7.
"""

from __future__ import annotations

from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel

# A node: children, parent, first and last page, neighbours on the ring of equals.
LEFT, RIGHT, PARENT, FIRST, LAST, NEXT, PREV, PRIO_WORDS = range(8)
TOP, BITS = 0, 1  # of a root
MEMBER = -2
"""In place of a parent: not in the tree, but on the ring of a node that is."""
_DONE = 2  # both children were tried
_DEPTH = 16  # bits of a place that say how deep its node stands


@kernel
def _hang(rows: I64, parent: int, side: int, child: int) -> None:
    rows[U(parent + side)] = child
    if child != NIL:
        rows[U(child + PARENT)] = parent


@kernel(cold=True)
def _replace(rows: I64, roots: I64, root: int, old: int, new: int) -> None:
    """Let `new` take the place of `old`: below its parent, above its children."""
    parent = rows[U(old + PARENT)]
    if parent == NIL:
        roots[U(root + TOP)] = new
        rows[U(new + PARENT)] = NIL
    else:
        _hang(rows, parent, LEFT if rows[U(parent + LEFT)] == old else RIGHT, new)
    _hang(rows, new, LEFT, rows[U(old + LEFT)])
    _hang(rows, new, RIGHT, rows[U(old + RIGHT)])


@kernel
def _heavier(rows: I64, node: int) -> int:
    """Return the child that stands higher in the heap, NIL for a leaf."""
    left, right = rows[U(node + LEFT)], rows[U(node + RIGHT)]
    if left == NIL or right == NIL:
        return right if left == NIL else left
    return left if rows[U(left + LAST)] >= rows[U(right + LAST)] else right


@kernel(cold=True)
def _take_out(rows: I64, roots: I64, root: int, node: int) -> None:
    """Take a node out of the tree: the heavier children below it move up by one place each."""
    last = node
    below = _heavier(rows, node)
    while below != NIL:
        last = below
        below = _heavier(rows, last)
    parent = rows[U(last + PARENT)]
    if parent == NIL:
        roots[U(root + TOP)] = NIL
        return
    rows[U(parent + (LEFT if rows[U(parent + LEFT)] == last else RIGHT))] = NIL
    while last != node:
        parent = rows[U(last + PARENT)]
        _replace(rows, roots, root, parent, last)
        last = parent


@kernel(cold=True)
def _deepen(rows: I64, roots: I64, root: int, node: int) -> None:
    """Put the interval with the highest end of all on top, with bits enough for it.

    Each bit more is one level more, down the left side, since all that is here begins with zeros.
    The levels are filled with the tops of the old tree, which are the highest of the rest.
    """
    bits = roots[U(root + BITS)]
    last = node  # of the new left side
    _hang(rows, node, LEFT, NIL)
    _hang(rows, node, RIGHT, NIL)
    rows[U(node + PARENT)] = NIL
    if rows[U(node + LAST)] >> bits != 0:
        bits += 1
    while rows[U(node + LAST)] >> bits != 0:
        bits += 1
        top = roots[U(root + TOP)]
        if top != NIL:
            _take_out(rows, roots, root, top)
            _hang(rows, last, LEFT, top)
            _hang(rows, top, LEFT, NIL)
            _hang(rows, top, RIGHT, NIL)
            last = top
    _hang(rows, last, LEFT, roots[U(root + TOP)])
    roots[U(root + TOP)] = node
    roots[U(root + BITS)] = bits


@kernel
def _join(rows: I64, node: int, before: int) -> None:
    """Put a node on a ring, in front of another."""
    previous = rows[U(before + PREV)]
    rows[U(node + PARENT)] = MEMBER
    rows[U(node + NEXT)] = before
    rows[U(node + PREV)] = previous
    rows[U(previous + NEXT)] = node
    rows[U(before + PREV)] = node


@kernel
def _equal(rows: I64, node: int, other: int) -> bool:
    return bool(
        rows[U(node + FIRST)] == rows[U(other + FIRST)]
        and rows[U(node + LAST)] == rows[U(other + LAST)]
    )


@kernel
def _outranks(rows: I64, node: int, other: int) -> bool:
    """Tell whether a node belongs above another."""
    if rows[U(node + LAST)] != rows[U(other + LAST)]:
        return rows[U(node + LAST)] > rows[U(other + LAST)]
    return rows[U(node + FIRST)] < rows[U(other + FIRST)]


@kernel(cold=True)
def prio_insert(rows: I64, roots: I64, root: int, node: int) -> None:
    """Insert a node, whose FIRST and LAST are set, behind all equals.

    Parameters
    ----------
    rows : int64 array
        Where nodes live.
    roots, root : int64 array, int
        The two words that hold the tree.
    node : int
        Offset of the node; its other words are written.
    """
    rows[U(node + NEXT)] = node
    rows[U(node + PREV)] = node
    at = roots[U(root + TOP)]
    if at == NIL:
        roots[U(root + BITS)] = 1
    if at == NIL or rows[U(node + LAST)] >> roots[U(root + BITS)] != 0:
        _deepen(rows, roots, root, node)
        return
    fresh = node
    bit = roots[U(root + BITS)] - 1
    by_length = False
    while True:
        # Only the fresh one joins: what is carried down has a ring of its own.
        if node == fresh and _equal(rows, node, at):
            _join(rows, node, at)
            return
        if _outranks(rows, node, at):
            # The node stays here; what stood here is carried on downward.
            _replace(rows, roots, root, at, node)
            at, node = node, at
        key = rows[U(node + FIRST)]
        if by_length:
            key = rows[U(node + LAST)] - key
        side = RIGHT if (key >> bit) & 1 != 0 else LEFT
        below = rows[U(at + side)]
        if below == NIL:
            _hang(rows, node, LEFT, NIL)
            _hang(rows, node, RIGHT, NIL)
            _hang(rows, at, side, node)
            return
        at = below
        bit -= 1
        if bit < 0:
            bit = roots[U(root + BITS)] - 1
            by_length = True


@kernel(cold=True)
def prio_insert_beside(rows: I64, node: int, like: int) -> None:
    """Insert a node that equals another which is here: what fork does (vma_prio_tree_add).

    It comes right behind `like`, or behind all equals when `like` is the one in the tree.
    """
    rows[U(node + FIRST)] = rows[U(like + FIRST)]
    rows[U(node + LAST)] = rows[U(like + LAST)]
    _join(rows, node, rows[U(like + NEXT)] if rows[U(like + PARENT)] == MEMBER else like)


@kernel(cold=True)
def prio_remove(rows: I64, roots: I64, root: int, node: int) -> None:
    """Take a node out; the next of its equals, if there are any, takes its place."""
    following, previous = rows[U(node + NEXT)], rows[U(node + PREV)]
    if rows[U(node + PARENT)] != MEMBER:
        if following == node:
            _take_out(rows, roots, root, node)
            return
        _replace(rows, roots, root, node, following)
    rows[U(previous + NEXT)] = following
    rows[U(following + PREV)] = previous


@kernel
def _reaches(rows: I64, child: int, bits: int, depth: int, low: int, high: int) -> bool:
    """Tell whether a subtree at a depth, 0 for the root, may hold what meets [low, high]."""
    if child == NIL or rows[U(child + LAST)] < low:
        return False
    free = bits - depth if depth < bits else 0  # bits of the first page that are still open
    return rows[U(child + FIRST)] >> free << free <= high


@kernel(cold=True)
def _search(
    rows: I64, bits: int, node: int, depth: int, low: int, high: int, steps: I64, at: int
) -> int:
    """Return where the next tree node behind a node that meets [low, high] stands, NIL if none."""
    side = LEFT
    while True:
        child = NIL
        if side == LEFT and _reaches(rows, rows[U(node + LEFT)], bits, depth + 1, low, high):
            child = rows[U(node + LEFT)]
        elif side != _DONE and _reaches(rows, rows[U(node + RIGHT)], bits, depth + 1, low, high):
            child = rows[U(node + RIGHT)]
        if child != NIL:
            steps[U(at)] += 1
            node = child
            depth += 1
            side = LEFT
            if rows[U(node + FIRST)] <= high:
                return node << _DEPTH | depth
        else:
            parent = rows[U(node + PARENT)]
            if parent == NIL:
                return NIL
            side = RIGHT if rows[U(parent + LEFT)] == node else _DONE
            node = parent
            depth -= 1


@kernel
def prio_node(place: int) -> int:
    """Return the node of a place; a place is what `prio_first` and `prio_next` return."""
    return place >> _DEPTH


@kernel(cold=True)
def prio_first(rows: I64, roots: I64, root: int, low: int, high: int, steps: I64, at: int) -> int:
    """Return the place of the first node that meets [low, high], NIL if none.

    The order is the kernel's: a node, its equals, what hangs left of it, what hangs right.

    Parameters
    ----------
    rows, roots, root
        As for `prio_insert`.
    low, high : int
        The range asked for, inclusive.
    steps, at : int64 array, int
        A counter word that grows by the tree nodes inspected; equals on a ring are none.
    """
    top = roots[U(root + TOP)]
    if top == NIL:
        return NIL
    steps[U(at)] += 1
    if rows[U(top + LAST)] < low:
        return NIL
    if rows[U(top + FIRST)] <= high:
        return top << _DEPTH
    return _search(rows, roots[U(root + BITS)], top, 0, low, high, steps, at)


@kernel(cold=True)
def prio_next(
    rows: I64, roots: I64, root: int, place: int, low: int, high: int, steps: I64, at: int
) -> int:
    """Return the place of the next node behind a place that meets [low, high], NIL if none."""
    following = rows[U(prio_node(place) + NEXT)]
    depth = place & ((1 << _DEPTH) - 1)
    if rows[U(following + PARENT)] == MEMBER:
        return following << _DEPTH | depth
    return _search(rows, roots[U(root + BITS)], following, depth, low, high, steps, at)
