"""One order for the logs of many processes, by a rule that depends on nothing but the logs.

Lackey prints no time, so the true order is lost. The rule: processes take turns of `quantum` rows,
in order of creation; a child joins behind the others at its fork; who called vfork waits until the
child execs or exits; wait4 and waitid return after the child they report has exited.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from reclaim.trace.valgrind.files import Descriptors
from reclaim.trace.valgrind.log import NO_CHILDREN, NOT_TOLD, Call, Log
from reclaim.trace.valgrind.replay import Process, Replay

_CLONE_VM, _CLONE_VFORK = 0x100, 0x4000
_P_PID = 1


def rule(quantum: int) -> str:
    """Return the name of the interleaving, as it stands in a trace's metadata."""
    return (
        f"round-robin, {quantum} rows a turn in order of creation; a child starts at its fork; a "
        "vfork parent waits for the child's exec or exit; wait4 and waitid return after the exit "
        "of the child they report"
    )


@dataclass(eq=False)
class _Task:
    """A process on its way through its logs, one log for each image."""

    pid: int
    logs: list[Log]
    process: Process | None = None
    log: int = 0
    row: int = 0
    call: int = 0
    shares: bool = False
    finished: bool = False
    # Children that no wait has reported yet.
    children: list[_Task] = field(default_factory=list)
    # Goes on when `enough` of these have finished, or (vfork) the one has exec'd.
    waits_for: list[_Task] = field(default_factory=list)
    enough: int = 0
    waits_for_exec: bool = False


class Interleave:
    """Replays processes by the rule.

    Parameters
    ----------
    logs : list of Log
        All logs; those of one pid in order of their images.
    quantum : int
        Rows a turn.
    cwd : str
        Working directory of the first process, "" if unknown.
    """

    def __init__(self, logs: list[Log], quantum: int, cwd: str = "") -> None:
        self.replay = Replay()
        self.quantum = quantum
        self.cwd = cwd
        self.nr_missing = 0
        self._tasks = _tasks(logs)
        # A pid may be used again: the earliest process that has not begun.
        self._unborn: dict[int, deque[_Task]] = {}
        for task in self._tasks:
            self._unborn.setdefault(task.pid, deque()).append(task)
        self._queue: deque[_Task] = deque()

    def run(self) -> Replay:
        """Replay everything and return what came of it."""
        for task in self._roots():
            self._begin_alone(task)
        while True:
            self._run_queue()
            left = next((task for task in self._tasks if task.process is None), None)
            if left is None:
                return self.replay
            # Its parent's log does not tell of it (cut off, or without syscalls).
            self._begin_alone(left)

    def _roots(self) -> list[_Task]:
        born = {
            call.result
            for task in self._tasks
            for log in task.logs
            for call in log.calls
            if call.name in ("fork", "vfork", "clone")
        }
        return [task for task in self._tasks if task.pid not in born]

    def _begin_alone(self, task: _Task) -> None:
        self._unborn[task.pid].remove(task)
        name = _name(task.logs[0])
        descriptors = Descriptors()
        descriptors.cwd = self.cwd
        task.process = Process(self.replay.start_image(name), descriptors, name)
        self._queue.append(task)

    def _run_queue(self) -> None:
        """Give turns until every task that began has finished."""
        while self._queue:
            ready = next((t for t in self._queue if not _blocked(t)), None)
            if ready is None:
                # Each waits for another: only a log that is cut off does that.
                ready = self._queue[0]
            ready.waits_for = []
            self._queue.remove(ready)
            self._turn(ready)
            if not ready.finished:
                self._queue.append(ready)

    def _turn(self, task: _Task) -> None:
        """Replay up to a quantum of rows; less if the task has to wait, or ends."""
        left = self.quantum
        while left > 0 and not task.finished and not task.waits_for:
            log = task.logs[task.log]
            stop = log.calls[task.call].position if task.call < len(log.calls) else None
            end = log.folder.nr_rows if stop is None else stop
            if task.row < end:
                upto = min(end, task.row + left)
                self._rows(task, upto)
                left -= upto - task.row
                task.row = upto
            elif stop is not None:
                task.call += 1
                self._call(task, log.calls[task.call - 1])
            else:
                self._end_of_log(task)

    def _rows(self, task: _Task, upto: int) -> None:
        assert task.process is not None
        vpn, op, nr = task.logs[task.log].rows()
        part = slice(task.row, upto)
        self.replay.rows(task.process.space, vpn[part], op[part], nr[part])

    def _end_of_log(self, task: _Task) -> None:
        """Go on with the next image, or end the process."""
        assert task.process is not None
        if task.log + 1 < len(task.logs):
            task.log, task.row, task.call = task.log + 1, 0, 0
            self._exec(task)
            return
        task.finished = True
        if not task.shares and not task.logs[-1].cut:
            self.replay.exit(task.process.space)

    def _exec(self, task: _Task) -> None:
        assert task.process is not None
        process, name = task.process, _name(task.logs[task.log])
        if task.shares:
            process.space = self.replay.start_image(name)
            task.shares = False
        else:
            process.space = self.replay.exec(process.space, name)
        process.descriptors.exec()
        process.name = name

    def _call(self, task: _Task, call: Call) -> None:
        assert task.process is not None
        if call.name in ("fork", "vfork", "clone"):
            self._fork(task, call)
        elif call.name in ("wait4", "waitid"):
            self._wait(task, call)
        else:
            self.replay.call(task.process, call)

    def _wait(self, task: _Task, call: Call) -> None:
        """Let a wait return after the exit that it reported."""
        pid = call.result
        if call.result == NOT_TOLD or call.name == "waitid":
            by_pid = call.args[:1] == (_P_PID,) if call.name == "waitid" else call.args[0] > 0
            pid = call.args[call.name == "waitid"] if by_pid else NOT_TOLD
        running = [child for child in task.children if not child.finished]
        if call.result == NO_CHILDREN:
            task.waits_for, task.enough = running, len(running)
        elif pid == NOT_TOLD:
            # Some child: it may be one that has finished already.
            if len(running) == len(task.children):
                task.waits_for, task.enough = running, 1
            self._report(task, next((c for c in task.children if c.finished), None))
        else:
            child = next((child for child in task.children if child.pid == pid), None)
            if child is not None and not child.finished:
                task.waits_for, task.enough = [child], 1
            self._report(task, child)
        task.waits_for_exec = False

    def _report(self, task: _Task, child: _Task | None) -> None:
        if child is not None:
            task.children.remove(child)

    def _fork(self, task: _Task, call: Call) -> None:
        assert task.process is not None
        waiting = self._unborn.get(call.result)
        if not waiting:
            self.nr_missing += 1
            return
        child = waiting.popleft()
        flags = call.args[0] if call.name == "clone" and call.args else 0
        shares = call.name == "vfork" or bool(flags & _CLONE_VM)
        parent = task.process
        space = parent.space if shares else self.replay.fork(parent.space, parent.name)
        child.process = Process(space, parent.descriptors.fork(), parent.name)
        child.shares = shares
        if not child.logs[0].forked:
            # Its exec began the log anew: what it did before is not known.
            self._exec(child)
        elif call.name == "vfork" or flags & _CLONE_VFORK:
            task.waits_for, task.enough, task.waits_for_exec = [child], 1, True
        task.children.append(child)
        self._queue.append(child)


def _blocked(task: _Task) -> bool:
    done = sum(
        other.finished or (task.waits_for_exec and other.log > 0) for other in task.waits_for
    )
    return bool(task.waits_for) and done < task.enough


def _name(log: Log) -> str:
    words = log.command.split()
    return PurePosixPath(words[0]).name if words else str(log.pid)


def _tasks(logs: list[Log]) -> list[_Task]:
    """Group logs by process: a log that does not end in exec ends its process."""
    tasks: list[_Task] = []
    open_tasks: dict[int, _Task] = {}
    for log in logs:
        task = open_tasks.get(log.pid)
        if task is not None and task.logs[-1].execs and not log.forked:
            task.logs.append(log)
        else:
            tasks.append(_Task(log.pid, [log]))
            open_tasks[log.pid] = tasks[-1]
    return tasks
