"""The worker processes of a sweep: started, spoken to, watched, killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reclaim.sweep.plan import Task
    from reclaim.sweep.worker import Order, Setup

PREPARE_SECONDS = 600.0
"""Longest that a run may take before its machine is compiled, where there is a time limit."""


@dataclass
class Doing:
    """What a worker does.

    Parameters
    ----------
    task : Task
        The run.
    began : float
        When it was told, `time.monotonic`.
    bytes_before : int
        What its process had when it was told.
    running : float or None
        Since when compiled code runs.
    share : float
        How far it is, 0 to 1.
    """

    task: Task
    began: float
    bytes_before: int = 0
    running: float | None = None
    share: float = 0.0


class Worker:
    """One worker process.

    Parameters
    ----------
    number : int
        For people, from 1.
    setup : Setup
        Sent first.
    """

    def __init__(self, number: int, setup: Setup) -> None:
        self.number = number
        self.ready = False
        self.doing: Doing | None = None
        self.pairs: set[tuple[str, str]] = set()
        self.connection, theirs = multiprocessing.Pipe()
        with theirs:
            words = [sys.executable, "-P", "-m", "reclaim.sweep.worker"]
            self._process = subprocess.Popen(
                [*words, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C at the terminal is for the parent
            )
        with contextlib.suppress(BrokenPipeError):
            self.connection.send(setup)

    def give(self, task: Task, order: Order) -> None:
        """Have a run done."""
        self.doing = Doing(task, time.monotonic(), self.own_bytes())
        self.pairs.add(task.pair)
        with contextlib.suppress(BrokenPipeError):  # it died: the pipe will say so when read
            self.connection.send(order)

    def receive(self) -> tuple[str, Any]:
        """Return the next message; ("died", how) where there will be none."""
        try:
            message: tuple[str, Any] = self.connection.recv()
        except (EOFError, OSError):
            self._process.kill()
            return "died", self._process.wait()
        return message

    def own_bytes(self) -> int:
        """Return the memory that the process shares with nobody."""
        import psutil

        with contextlib.suppress(psutil.Error):
            info = psutil.Process(self._process.pid).memory_info()
            return int(info.rss - getattr(info, "shared", 0))
        return 0

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        self.connection.close()

    def dismiss(self) -> None:
        """Let an idle worker end."""
        with contextlib.suppress(OSError):
            self.connection.send(None)

    def gone(self, seconds: float) -> None:
        """Wait for a dismissed worker, or end it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()


def died(returncode: int) -> str:
    """Return how a process died, in words."""
    import signal

    if returncode < 0:
        with contextlib.suppress(ValueError):
            return f"the worker process was killed by {signal.Signals(-returncode).name}"
        return f"the worker process was killed by signal {-returncode}"
    return f"the worker process ended with exit code {returncode}"


def connections(workers: list[Worker]) -> list[Connection]:
    """Return the ends to wait for."""
    return [worker.connection for worker in workers]
