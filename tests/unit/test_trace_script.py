"""A script becomes the trace it describes; each mistake is named where it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reclaim import ids
from reclaim.errors import TraceError
from reclaim.trace import events as ev
from reclaim.trace.events import event_row
from reclaim.trace.script import parse_script, read_script

EVERYTHING = """\
# every verb once
mmap a 0x10 16 anon private rw-
mmap a 64 8 file:lib.so@3 private r-x
mmap a 80 4 shm:heap shared rw-
mmap a 90 1 anon shared rw-
fork a b            # child
read a 16
write b 17..19 x3
exec_page a 64
mremap a 80 4 100
mprotect a 0x10 4 r--
madvise a 64 8 dontneed
mlock a 16 1
munlock a 16 1
fdread lib.so 0 2
fdwrite other 1 1
evict a 64
referenced a 64
truncate other 0
mark here
expect cow_copies 3
exec b
exit b
munmap a 64 8
mmap b 0 1 anon private rw-
"""


def test_every_verb() -> None:
    trace = parse_script(EVERYTHING)
    rw = ids.PROT_READ | ids.PROT_WRITE
    assert trace.spaces == ("a", "b", "b")
    assert trace.files == ("lib.so", "heap", "anon-shared:5", "other")
    assert trace.file_is_shm == (False, True, True, False)
    assert trace.vpn.tolist() == [16, 17, 18, 19, 64]
    assert trace.asid.tolist() == [0, 1, 1, 1, 0]
    assert trace.op.tolist() == [ids.READ, *[ids.WRITE] * 3, ids.EXECUTE]
    assert trace.nr.tolist() == [1, 3, 3, 3, 1]
    assert (trace.nr_rows, trace.nr_accesses) == (5, 11)
    assert trace.marks == ("here",)
    assert trace.expects == (("cow_copies", "3"),)
    assert trace.events.tolist() == [
        event_row(0, ev.MMAP, 0, 16, 16, -1, 0, rw, line=2),
        event_row(0, ev.MMAP, 0, 64, 8, 0, 3, ids.PROT_READ | ids.PROT_EXEC, line=3),
        event_row(0, ev.MMAP, 0, 80, 4, 1, 0, rw | ids.MAP_SHARED, line=4),
        event_row(0, ev.MMAP, 0, 90, 1, 2, 0, rw | ids.MAP_SHARED, line=5),
        event_row(0, ev.FORK, 0, 1, line=6),
        event_row(5, ev.MREMAP, 0, 80, 4, 100, line=10),
        event_row(5, ev.MPROTECT, 0, 16, 4, ids.PROT_READ, line=11),
        event_row(5, ev.MADVISE, 0, 64, 8, ev.ADVICE_DONTNEED, line=12),
        event_row(5, ev.MLOCK, 0, 16, 1, line=13),
        event_row(5, ev.MUNLOCK, 0, 16, 1, line=14),
        event_row(5, ev.FDREAD, 0, 0, 2, line=15),
        event_row(5, ev.FDWRITE, 3, 1, 1, line=16),
        event_row(5, ev.EVICT, 0, 64, line=17),
        event_row(5, ev.REFERENCED, 0, 64, line=18),
        event_row(5, ev.TRUNCATE, 3, 0, line=19),
        event_row(5, ev.MARK, 0, line=20),
        event_row(5, ev.EXPECT, 0, line=21),
        event_row(5, ev.EXEC, 1, line=22),
        event_row(5, ev.EXIT, 1, line=23),
        event_row(5, ev.MUNMAP, 0, 64, 8, line=24),
        event_row(5, ev.MMAP, 2, 0, 1, -1, 0, rw, line=25),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("raed a 1", "unknown verb 'raed'. Did you mean 'read'?"),
        ("read b 1", "address space 'b' is not defined"),
        ("read a", "read takes 'read SPACE PAGE[..PAGE] [xN]', not 1 words"),
        ("read a one", "'one' is not a page number"),
        ("read a -1", "page number -1 is not in 0"),
        ("read a 9..8", "runs backwards"),
        ("read a 0..0xfffffffff", "at most"),
        ("read a 1 3", "'3' is not a repeat count such as x3"),
        ("read a 1 x0", "at least 1"),
        ("mmap a 0 1 anonymous private rw-", "'anonymous' is not a backing"),
        ("mmap a 0 1 anon mine rw-", "neither private nor shared"),
        ("mmap a 0 1 anon private wr-", "not flags such as rw-"),
        ("mmap a 0 0 anon private rw-", "at least 1 page"),
        ("mmap a 0xfffffffff 2 anon private rw-", "ends above"),
        ("mmap a 0 1 shm:f private rw-", "'f' is a file already"),
        ("munmap z 0 1", "address space 'z' is not defined"),
        ("mremap a 0 4 2", "overlaps"),
        ("madvise a 0 1 dontned", "Did you mean 'dontneed'?"),
        ("fork a a", "exists already"),
        ("mark m", "stands already on line 3"),
        ("expect misses many", "'many' is not a number"),
    ],
)
def test_mistakes_are_located(line: str, message: str) -> None:
    text = f"mmap a 0 8 anon private rw-\nmmap a 8 8 file:f@0 private r--\nmark m\n{line}\n"
    with pytest.raises(TraceError) as caught:
        parse_script(text, "my.events")
    assert str(caught.value).startswith("my.events:4: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_space_after_exit_is_undefined() -> None:
    with pytest.raises(TraceError, match=r":3: address space 'a' is not defined. It has exited"):
        parse_script("mmap a 0 1 anon private rw-\nexit a\nread a 0\n")


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        read_script(tmp_path / "none.events")
    binary = tmp_path / "binary.events"
    binary.write_bytes(b"# fine\n\xff\xfe\n")
    with pytest.raises(TraceError, match=":2: an event script is UTF-8"):
        read_script(binary)


def test_hash_ignores_comments_and_sees_content() -> None:
    first = parse_script(EVERYTHING)
    assert parse_script("# more\n" + EVERYTHING.replace("# child", "")).content_hash() != ""
    renamed = parse_script(EVERYTHING.replace("expect cow_copies 3", "expect cow_copies 4"))
    assert renamed.content_hash() != first.content_hash()
    commented = parse_script(EVERYTHING.replace("# child", "# other"))
    assert commented.content_hash() == first.content_hash()


def test_batches_cover_the_rows() -> None:
    trace = parse_script("mmap a 0 100 anon private rw-\nwrite a 0..99\n")
    batches = list(trace.batches(rows=30))
    assert [b.start for b in batches] == [0, 30, 60, 90]
    assert np.concatenate([b.vpn for b in batches]).tolist() == list(range(100))
