"""Writes lackey logs, for tests."""

from __future__ import annotations

from reclaim import ids

R, W, X = ids.READ, ids.WRITE, ids.EXECUTE
LETTERS = {"R": " L", "W": " S", "M": " M", "X": "I "}


def lines(touches: str) -> bytes:
    """Return access lines for words such as R5 (a load in page 5)."""
    return "".join(f"{LETTERS[t[0]]} {int(t[1:]):05x}010,8\n" for t in touches.split()).encode()


PREAMBLE = """\
=={pid}== Lackey, an example Valgrind tool
=={pid}== Using Valgrind-3.19.0 and LibVEX; rerun with -h for copyright info
=={pid}== Command: {command}
=={pid}== Parent PID: {parent}
=={pid}==
"""


def log_text(pid: int, body: str, parent: int = 1, command: str = "/bin/prog a") -> str:
    """Return a log; in `body`, 'R5' is a load, '$ x' a syscall line of the process."""
    out = [PREAMBLE.format(pid=pid, command=command, parent=parent)]
    for line in body.strip().splitlines():
        text = line.strip()
        if not text:
            continue
        if text.startswith("$"):
            out.append(f"SYSCALL[{pid},1]{text[1:].strip()}\n")
        elif text[0] in LETTERS:
            out.append(lines(text).decode())
        else:
            out.append(f" {text}\n")
    return "".join(out) + f"=={pid}== \n"
