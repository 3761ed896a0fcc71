"""Workloads that several tests count on: a star of processes, windows of a file, AIM7's tree."""

from __future__ import annotations

from typing import Any

from tests.laboratory import rmap, run


def star(n: int, nr_pages: int = 1) -> str:
    """A process that has written its pages, and n children that share them."""
    script = f"mmap p 0 {nr_pages} anon private rw-\nwrite p 0..{nr_pages - 1}\n"
    return script + "".join(f"fork p c{i}\n" for i in range(1, n + 1))


def copied_by(names: list[str]) -> str:
    return "".join(f"write {name} 0\n" for name in names)


def probe_of(script: str, strategy: str, **params: Any) -> dict[str, int]:
    """Return the last probe of a script."""
    probe: dict[str, int] = run(script, rmap(strategy, **params))["probes"][-1]
    return probe


def windows(tasks: int, nr_windows: int, pages: int) -> str:
    """Each task maps the file in so many windows; the address space has gaps, so none merge."""
    return "".join(
        f"mmap t{task} {window * 2 * pages} {pages} file:big@{window * pages} shared rw-\n"
        for task in range(tasks)
        for window in range(nr_windows)
    )


def windows_probe(
    tasks: int, nr_windows: int, pages: int, strategy: str, **params: Any
) -> dict[str, int]:
    """Return the probe of a page in the middle window, which all tasks have read."""
    middle = nr_windows // 2 * 2 * pages + pages // 3
    script = windows(tasks, nr_windows, pages)
    script += "".join(f"read t{task} {middle}\n" for task in range(tasks)) + f"evict t0 {middle}"
    record = run(script, rmap(strategy, **params))
    assert record["vmas"] == tasks * nr_windows  # what a list walks
    probe: dict[str, int] = record["probes"][0]
    return probe


def aim7(nr_children: int, nr_pages: int) -> str:
    """A parent writes its pages, forks, every child copies them all.

    Memory is full then. A stranger that writes as many pages again drives them out, first in first
    out: the parent's, then the children's.
    """
    names = [f"c{j}" for j in range(1, nr_children + 1)]
    whole = (nr_children + 1) * nr_pages
    return "".join(
        [
            f"mmap p 0 {nr_pages} anon private rw-\nwrite p 0..{nr_pages - 1}\n",
            *(f"fork p {name}\n" for name in names),
            "mark forked\n",
            *(f"write {name} 0..{nr_pages - 1}\n" for name in names),
            f"mmap z 0 {whole} anon private rw-\nmark copied\nexpect evictions 0\n",
            f"write z 0..{nr_pages - 1}\nmark parent_out\nexpect evictions {nr_pages}\n",
            f"write z {nr_pages}..{whole - 1}\nexpect evictions {whole}\n",
        ]
    )


def aim7_walks(nr_children: int, nr_pages: int, strategy: str, counter: str, **params: Any) -> Any:
    """Return the record, and the visits of all children's pages and of the parent's."""
    record = run(
        aim7(nr_children, nr_pages),
        rmap(strategy, **params),
        frames=(nr_children + 1) * nr_pages,
        check=nr_children * nr_pages < 10_000,
    )
    copied, out = (record["marks"][k]["counters"][counter] for k in ("copied", "parent_out"))
    assert record["counters"]["cow_copies"] == nr_children * nr_pages
    assert record["counters"]["rmap_walks"] == (nr_children + 1) * nr_pages
    return record, record["counters"][counter] - out, out - copied
