"""How to write a plugin for reclaim.

A **plugin** is a Python file that gives reclaim something new by name: a policy (who is evicted),
an rmap strategy (how a frame finds the PTEs that map it), a workload (a trace that is made by a
program), a reader (a format of trace), or an observer (a section of reports).
Everything that ships with reclaim is a plugin too and takes the same road;
`plugins/policies/fifo.py` is the shortest example.

There are two kinds of extension, and they never mix:

- **Hooks**, the functions of this file, are ordinary Python and run when plugins register. Each one
  hands you a callable, `register`; call it with a class, as often as you like. No hook returns
  anything, and none depends on the order in which plugins are loaded.
- **Kernels** are the methods of the class that you register. They run at each fault, each eviction
  or each access, and are compiled, so they use numbers and arrays only. They are described where
  they are defined, in `reclaim.contract`. Nothing in this file runs on the path of an access: a
  hook call costs about 1,100 ns there, a kernel about 1.

What happens, in order:

1. Plugins are found: installed ones by the entry-point group `reclaim.plugins`, then the files and
   folders that the config's `plugins` or `--plugins` name. The current directory is never searched.
2. Each file is imported and looked over. A misspelt hook, a `reclaim_*` function without
   `@hookimpl`, and a file that implements no hook are refused.
3. The hooks below are called. Each registered class is compared with its contract, and a name that
   is taken is refused, with both files in the message.
4. The run picks its policy, strategy, and workload or reader by name, and compiles only the first
   two.

A whole plugin file begins and ends like this::

    from reclaim.api import Policy, hookimpl

    class Fifo(Policy):
        name = "fifo"
        ...

    @hookimpl
    def reclaim_register_policies(register):
        register(Fifo)

To use it before it is installed: `reclaim run CONFIG --plugins my_policy.py --policy fifo`. To
ship it: name its module in your package's `pyproject.toml`, under
`[project.entry-points."reclaim.plugins"]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reclaim.plugin.markers import hookspec

if TYPE_CHECKING:
    from reclaim.contract.observer import Observer
    from reclaim.contract.policy import Policy
    from reclaim.contract.reader import TraceReader
    from reclaim.contract.rmap import RmapStrategy
    from reclaim.contract.workload import Workload

# ---------------------------------------------------------------------------------------------
# Registration: once per run of the program, before any trace is opened
# ---------------------------------------------------------------------------------------------


@hookspec
def reclaim_register_policies(register: Callable[[type[Policy]], None]) -> None:
    """Offer replacement policies: who is evicted when memory is short.

    Called
        Once per run of the program, also for listings; never during a run.
    Parameters
        `register` : takes one subclass of `reclaim.api.Policy`; call it once for each policy.
    May read, may write
        Nothing of the machine: there is none yet. Do no work here beyond naming classes.
    Returns
        Nothing.
    Raises
        `PluginError` out of `register`, when the class breaks the contract or its name is taken.
        Let it pass: it is the message that the user reads.
    Example
        ::

            @hookimpl
            def reclaim_register_policies(register):
                register(Fifo)
    """


@hookspec
def reclaim_register_rmaps(register: Callable[[type[RmapStrategy]], None]) -> None:
    """Offer rmap strategies: how the PTEs that map a frame are found.

    Called
        Once per run of the program, also for listings; never during a run.
    Parameters
        `register` : takes one subclass of `reclaim.api.RmapStrategy`; call it once for each.
    May read, may write
        Nothing of the machine: there is none yet. Do no work here beyond naming classes.
    Returns
        Nothing.
    Raises
        `PluginError` out of `register`, when the class breaks the contract or its name is taken.
    Example
        ::

            @hookimpl
            def reclaim_register_rmaps(register):
                register(PteChain)
    """


@hookspec
def reclaim_register_workloads(register: Callable[[type[Workload]], None]) -> None:
    """Offer workloads: traces that a program writes, with sizes that a config may set.

    Called
        Once per run of the program, also for listings; never while a trace is built.
    Parameters
        `register` : takes one subclass of `reclaim.api.Workload`; call it once for each workload.
    May read, may write
        Nothing. The trace is written later, in `Workload.build`, and only if a run asks for it.
    Returns
        Nothing.
    Raises
        `PluginError` out of `register`, when the class breaks the contract or its name is taken.
    Example
        ::

            @hookimpl
            def reclaim_register_workloads(register):
                register(Aim7)
    """


@hookspec
def reclaim_register_readers(register: Callable[[type[TraceReader]], None]) -> None:
    """Offer trace readers: how a file becomes accesses and events.

    Called
        Once per run of the program, also for listings; never while a file is read.
    Parameters
        `register` : takes one subclass of `reclaim.api.TraceReader`; call it once for each format.
    May read, may write
        Nothing; in particular no trace file. Detection happens later, in `TraceReader.detect`.
    Returns
        Nothing.
    Raises
        `PluginError` out of `register`, when the class breaks the contract or its name is taken.
    Example
        ::

            @hookimpl
            def reclaim_register_readers(register):
                register(Lackey)
    """


@hookspec
def reclaim_register_observers(register: Callable[[type[Observer]], None]) -> None:
    """Offer observers: sections and charts that reports get beside their own.

    Called
        Once per run of the program, also for listings; never during a run.
    Parameters
        `register` : takes one subclass of `reclaim.api.Observer`; call it once for each observer.
    May read, may write
        Nothing. Records are read later, in `Observer.sections`, and only if a report is written.
    Returns
        Nothing.
    Raises
        `PluginError` out of `register`, when the class breaks the contract or its name is taken.
    Example
        ::

            @hookimpl
            def reclaim_register_observers(register):
                register(Regret)
    """
