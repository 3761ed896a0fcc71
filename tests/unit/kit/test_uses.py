"""Does the first answer about a page tell a use from the fault, as far as that can be told?"""

from __future__ import annotations

import pytest

from reclaim.kit.uses import AGAIN, IDLE, ONCE, ask_use
from reclaim.vm.frames import frame_of
from tests.laboratory import watch

ANON = "mmap p 0 4 anon private rw-\n"
FILE = "mmap p 0 4 file:f shared rw-\n"


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        (ANON + "read p 0", ONCE),
        # One bit cannot tell the fault from what came after it.
        (ANON + "read p 0\nread p 0", ONCE),
        (ANON + "read p 0\nmadvise p 0 4 cold", IDLE),
        (ANON + "read p 0\nreferenced p 0\nread p 0", ONCE),
        # Two young PTEs are two uses.
        (FILE + "read p 0\nmmap q 0 4 file:f shared rw-\nread q 0", AGAIN),
        # A file descriptor's first use faults, its second does not, and leaves no young bit.
        ("fdread f 0 1", IDLE),
        ("fdread f 0 1\nfdread f 0 1", AGAIN),
        (FILE + "read p 0\nfdread f 0 1", AGAIN),
        # The young bit of a PTE that goes away is one, like another.
        (FILE + "read p 0\nmunmap p 0 4", ONCE),
        ("fdread f 0 1\n" + FILE + "read p 0\nmunmap p 0 4", ONCE),
    ],
)
def test_the_first_answer(script: str, answer: int) -> None:
    """`car` watches new pages and notes uses; page 0 is the only one."""
    m = watch(script, "pte_chain", by="car")
    assert ask_use(m, int(frame_of(m, 0))) == answer
    assert ask_use(m, int(frame_of(m, 0))) == IDLE


def test_a_second_answer_tells() -> None:
    """Four pages fill memory, a fifth has CAR ask about each; what is used then is used again."""
    pages = "mmap p 0 8 anon private rw-\nread p 0..4\nread p 2"
    m = watch(pages, "pte_chain", by="car", frames=4)
    assert ask_use(m, int(frame_of(m, 2))) == AGAIN
    assert ask_use(m, int(frame_of(m, 3))) == IDLE
    assert ask_use(m, int(frame_of(m, 4))) == ONCE
