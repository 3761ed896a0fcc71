"""Does an endless memory find the same numbers whether or not somebody asks who maps a frame?"""

from __future__ import annotations

import pytest

from reclaim.engine.resolve import Chains, Unlinked, resolve, walks
from reclaim.trace.model import Trace
from reclaim.trace.script import parse_script

FAMILY = """
    mmap a 0x100 20 anon private rw-
    mmap a 0x200 8 file:lib@0 shared rw-
    write a 0x100..0x113
    fork a b
    write b 0x100..0x107
    read b 0x200..0x203
    fork b c
    write c 0x104..0x10b
    exit a
    read c 0x100..0x113
"""


def sized(text: str) -> tuple[int, int, int]:
    found, _ = resolve(parse_script(text), "anon", lookahead=False)
    return found.nr_pages, found.peak_live, found.nr_leaves


@pytest.mark.parametrize(
    "line", ["evict d 0x1", "referenced d 0x1", "madvise d 0x1 1 pageout", "truncate lib 8"]
)
def test_a_question_that_finds_nothing_changes_nothing(line: str) -> None:
    quiet = FAMILY + "mmap d 0x1 1 anon private rw-\n"
    assert not walks(parse_script(quiet))
    assert walks(parse_script(quiet + line))
    # 20 + 8 + 8 anonymous pages and 4 of the file, all alive at once before the first exit; a leaf
    # of a and c, two of b, who read the file, and the one that stays empty.
    assert sized(quiet) == sized(quiet + line) == (40, 40, 5)


def test_advice_that_moves_nobody_asks_nobody() -> None:
    text = FAMILY + "madvise b 0x100 4 cold\nmadvise b 0x104 4 dontneed\n"
    assert not walks(parse_script(text))


def test_a_trace_without_events_asks_nobody() -> None:
    nothing: Trace = parse_script("")
    assert not walks(nothing)


def test_only_one_of_the_two_keeps_anything() -> None:
    assert "chains" in Chains.field_kinds()
    assert not Unlinked.field_kinds()


def test_there_is_room_for_the_touches_of_copies_and_of_the_hits_behind_them() -> None:
    """Each write of a child touches the parent's page too: 2,000 touches more than accesses."""
    text = "mmap p 0 2000 anon private rw-\nwrite p 0..1999\nfork p c\nwrite c 0..1999\n"
    resolved, _ = resolve(parse_script(text + "read p 0..1999"), "anon", True, False)
    assert resolved.nr_touches == 4 * 2000
