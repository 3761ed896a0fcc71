"""Does the builder write what a script of the same events says, and refuse what cannot be?"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from reclaim import ids
from reclaim.errors import TraceError
from reclaim.trace.builder import TraceBuilder
from reclaim.trace.model import TraceMeta
from reclaim.trace.script import parse_script


def test_each_verb_is_the_scripts() -> None:
    b = TraceBuilder()
    a = b.space("a")
    b.mmap(a, 0x100, 8)
    b.mmap(a, 0x200, 4, "r--", file=b.file("lib"), offset=2)
    b.mmap(a, 0x300, 4, "rwx", file=b.shm("seg"), shared=True)
    b.write(a, 0x100, 8)
    b.mark("built")
    child = b.fork(a, "child")
    b.read(child, 0x100, 4, repeat=3)
    b.execute(child, 0x300)
    b.touch([a, child], [0x101, 0x102], [ids.READ, ids.WRITE], [1, 7])
    b.mprotect(a, 0x100, 2, "r--")
    b.madvise(a, 0x102, 2, "cold")
    b.mlock(a, 0x100, 1)
    b.munlock(a, 0x100, 1)
    b.mremap(a, 0x104, 2, 0x400)
    b.munmap(a, 0x200, 4)
    b.fdread(b.file("lib"), 1, 3)
    b.fdwrite(b.file("lib"), 0, 1)
    b.truncate(b.file("lib"), 2)
    b.evict(a, 0x101)
    b.referenced(a, 0x102)
    b.exec(child)
    b.exit(child)
    b.mark("done")
    script = """
        mmap a 0x100 8 anon private rw-
        mmap a 0x200 4 file:lib@2 private r--
        mmap a 0x300 4 shm:seg@0 shared rwx
        write a 0x100..0x107
        mark built
        fork a child
        read child 0x100..0x103 x3
        exec_page child 0x300
        read a 0x101
        write child 0x102 x7
        mprotect a 0x100 2 r--
        madvise a 0x102 2 cold
        mlock a 0x100 1
        munlock a 0x100 1
        mremap a 0x104 2 0x400
        munmap a 0x200 4
        fdread lib 1 3
        fdwrite lib 0 1
        truncate lib 2
        evict a 0x101
        referenced a 0x102
        exec child
        exit child
        mark done
    """
    built = b.trace()
    assert built.content_hash() == parse_script(script).content_hash()
    assert built.meta == TraceMeta(source="generated")
    assert [column.dtype for column in (built.asid, built.vpn, built.op, built.nr)] == [
        np.int32,
        np.int64,
        np.uint8,
        np.int32,
    ]


@pytest.mark.parametrize("seed", range(5))
def test_columns_grow_without_loss(seed: int) -> None:
    """Ranges and arrays of all lengths, against lists; the first columns hold 4096 rows."""
    chance = random.Random(seed)
    b = TraceBuilder()
    spaces = [b.space(f"s{i}") for i in range(3)]
    rows: list[tuple[int, int, int, int]] = []
    for _ in range(60):
        space, start, length = (
            chance.choice(spaces),
            chance.randrange(1 << 30),
            chance.choice((1, 2, 100, 3000)),
        )
        repeat = chance.choice((1, 5))
        if chance.random() < 0.5:
            op = chance.choice((ids.READ, ids.WRITE, ids.EXECUTE))
            write = {ids.READ: b.read, ids.WRITE: b.write, ids.EXECUTE: b.execute}[op]
            write(space, start, length, repeat)
            rows += [(space, start + i, op, repeat) for i in range(length)]
        else:
            pages = [chance.randrange(1 << 36) for _ in range(length)]
            b.touch(space, pages, repeat=repeat)
            rows += [(space, page, ids.READ, repeat) for page in pages]
    trace = b.trace()
    got = zip(*(c.tolist() for c in (trace.asid, trace.vpn, trace.op, trace.nr)), strict=True)
    assert list(got) == rows
    assert b.nr_rows == len(rows) > 4096


def test_a_name_may_come_back_after_exit_and_a_fork_without_name_gets_its_number() -> None:
    b = TraceBuilder()
    first = b.space("a")
    b.mmap(first, 0, 1)
    assert b.fork(first) == 1
    b.exit(first)
    assert b.space("a") == 2
    assert b.trace().spaces == ("a", "p1", "a")


def test_a_trace_taken_early_does_not_change() -> None:
    b = TraceBuilder()
    b.read(b.space("a"), 0, 3)
    early = b.trace()
    before = early.content_hash()
    b.read(0, 7, 10)
    assert early.nr_rows == 3
    assert early.content_hash() == before


MISTAKES: list[tuple[Callable[[TraceBuilder], object], str]] = [
    (lambda b: b.space("a"), "address space 'a' exists already"),
    (lambda b: b.fork(0, "a"), "address space 'a' exists already"),
    (lambda b: b.read(1, 0), "there is no address space 1"),
    (lambda b: b.read(-1, 0), "there is no address space -1"),
    (lambda b: (b.exit(0), b.read(0, 0)), "address space 'a' has exited"),
    (lambda b: (b.exit(0), b.touch(0, [1, 2])), "address space 'a' has exited"),
    (lambda b: (b.exit(0), b.fork(0)), "address space 'a' has exited"),
    (lambda b: b.read(0, 0, 0), "at least 1 page, not 0"),
    (lambda b: b.read(0, -1), "is not in 0 .."),
    (lambda b: b.mmap(0, ids.MAX_VPN - 1, 2), "is not in 0 .."),
    (lambda b: b.mremap(0, 0, 4, 3), "overlaps"),
    (lambda b: b.read(0, 0, 1, repeat=0), "repeat count 0"),
    (lambda b: b.touch(0, [1, -1]), "row 2: page -1"),
    (lambda b: b.touch(0, [1], op=3), "row 1: op 3"),
    (lambda b: b.touch([0, 1], [1, 1]), "row 2: space 1"),
    (lambda b: b.touch([0, 0], [1, 1, 1]), "column space has 2 values, another has 3"),
    (lambda b: b.touch(0, [1.5]), "column page is of float64"),
    (lambda b: b.mmap(0, 0, 1, "rw"), "'rw' is no protection"),
    (lambda b: b.mmap(0, 0, 1, "wr-"), "'wr-' is no protection"),
    (lambda b: b.mmap(0, 0, 1, shared=True), "a shared mapping needs"),
    (lambda b: b.mmap(0, 0, 1, file=3), "there is no file 3"),
    (lambda b: b.madvise(0, 0, 1, "clod"), "unknown advice 'clod'. Did you mean 'cold'?"),
    (lambda b: (b.file("x"), b.shm("x")), "'x' is a file already, not a shm object"),
    (lambda b: (b.mark("x"), b.mark("x")), "mark 'x' is set already"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[text for _, text in MISTAKES])
def test_a_mistake_is_refused_at_once(
    mistake: Callable[[TraceBuilder], object], message: str
) -> None:
    b = TraceBuilder()
    b.space("a")
    with pytest.raises(TraceError) as caught:
        mistake(b)
    assert message in str(caught.value)
