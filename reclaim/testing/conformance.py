"""Which plugins a name or a file stands for, and the suite as classes that pytest collects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from reclaim.errors import PluginError, nearest
from reclaim.plugin.manager import load_plugins
from reclaim.plugin.pairs import asks_reverse_map, check_pairs, finds_all
from reclaim.plugin.registry import Registry, place_of
from reclaim.run import PluginChoice
from reclaim.testing.promises import COMPILED, PROMISES
from reclaim.testing.suite import Outcome, Subject, partners, run_suite


def find(target: str, paths: Sequence[Path] = ()) -> tuple[Registry, list[tuple[str, Any]]]:
    """Return the policies and strategies that a name, or a file, stands for.

    Parameters
    ----------
    target : str
        The name of a policy, a strategy or a preset; or a plugin file, for all that it registers.
    paths : sequence of Path
        Further plugin files.

    Returns
    -------
    Registry
        Everything that is installed, and those.
    list of (str, PluginChoice)
        "policy" or "rmap", and the plugin.

    Raises
    ------
    PluginError
        There is none, or a file that cannot be used.
    """
    file = Path(target)
    is_file = file.suffix == ".py" or file.exists()
    registry = load_plugins([*paths, *([file] if is_file else [])])
    catalogs = (("policy", registry.policies), ("rmap", registry.rmaps))
    if not is_file:
        found = [(k, PluginChoice(*c.choose(target, {}))) for k, c in catalogs if target in c]
        if not found:
            names = [name for _, catalog in catalogs for name in catalog.names()]
            raise PluginError(f"there is no policy or rmap '{target}'.{nearest(target, names)}")
        return registry, found
    inside = file.resolve()
    found = [
        (kind, PluginChoice(*catalog.choose(cls.name, {})))
        for kind, catalog in catalogs
        for cls in catalog.classes()
        if inside == (place := Path(place_of(cls)[0]).resolve()) or inside in place.parents
    ]
    if not found:
        raise PluginError(f"{target}: registers no policy and no rmap, so there is none to check.")
    return registry, found


def subjects(
    registry: Registry, kind: str, own: PluginChoice, others: Sequence[str] = ()
) -> list[Subject]:
    """Return the pairs in which a plugin is checked.

    Parameters
    ----------
    registry : Registry
        Where the others are.
    kind : str
        "policy" or "rmap".
    own : PluginChoice
        The plugin.
    others : sequence of str
        Strategies for a policy, policies for a strategy; none for the usual ones.
    """
    catalog = registry.rmaps if kind == "policy" else registry.policies
    chosen = [PluginChoice(*catalog.choose(name, {})) for name in others]
    found = [
        Subject(kind, own, other) if kind == "policy" else Subject(kind, other, own)
        for other in chosen or partners(registry, kind, own)
    ]
    for subject in found:
        check_pairs([subject.policy.cls], [subject.rmap.cls])
    return found


def matrix(registry: Registry) -> list[Subject]:
    """Return every policy on every strategy with which it can run."""
    policies = [PluginChoice(*registry.policies.choose(n, {})) for n in registry.policies]
    rmaps = [PluginChoice(*registry.rmaps.choose(n, {})) for n in registry.rmaps]
    return [
        Subject("policy", policy, rmap)
        for policy in policies
        for rmap in rmaps
        if finds_all(rmap.cls) or not asks_reverse_map(policy.cls)
    ]


class _Conformance:
    """What both classes share: one test for each promise."""

    KIND: ClassVar[str]
    events: ClassVar[int] = 1000
    seed: ClassVar[int] = 0
    lanes: ClassVar[tuple[str, ...]] = ("jit",)
    others: ClassVar[tuple[str, ...]] = ()
    _ended: ClassVar[dict[str, list[tuple[str, Outcome]]]]

    @classmethod
    def plugin(cls) -> Any:
        """Return what is on trial: a class, a name, or a file."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make a test of each promise; pytest calls this."""
        if "promise" in metafunc.fixturenames:
            names = [n for n in PROMISES[self.KIND] if self.lanes or n not in COMPILED]
            metafunc.parametrize("promise", names)

    def test_keeps(self, promise: str) -> None:
        """Fail with the smallest script that shows how a promise is broken."""
        wrong = [(who, one) for who, one in self._all()[promise] if not one.passed]
        text = "\n".join(
            f"{who}: {one.promise}\n{one.text}\n{one.world}\n{one.script}" for who, one in wrong
        )
        assert not wrong, text

    @classmethod
    def _all(cls) -> dict[str, list[tuple[str, Outcome]]]:
        """Run the suite once for all tests of the class."""
        if "_ended" not in cls.__dict__:
            target = cls.plugin()
            if isinstance(target, type):
                installed: Any = target
                module_file = place_of(target)[0]
                known = load_plugins()
                catalog = known.policies if cls.KIND == "policy" else known.rmaps
                name = installed.name
                target = name if name in catalog else module_file
                keep = name
            else:
                keep = ""
            registry, found = find(str(target))
            cls._ended = {}
            for kind, own in found:
                if kind != cls.KIND or (keep and own.cls.name != keep):
                    continue
                for subject in subjects(registry, kind, own, cls.others):
                    for one in run_suite(
                        registry, subject, seed=cls.seed, events=cls.events, lanes=cls.lanes
                    ):
                        cls._ended.setdefault(one.check, []).append((subject.label, one))
        return cls._ended


class PolicyConformance(_Conformance):
    """Checks a policy: subclass it in a test file, and name the policy.

    Attributes
    ----------
    policy : type, str or Path
        The class, the name of an installed policy, or a plugin file.
    others : tuple of str
        Strategies to run on; `pte_chain` unless given.
    events, seed, lanes
        As in `run_suite`; ``lanes = ()`` compiles nothing.
    """

    KIND = "policy"
    policy: ClassVar[Any]

    @classmethod
    def plugin(cls) -> Any:
        """Return the policy."""
        return cls.policy


class RmapConformance(_Conformance):
    """Checks a strategy: subclass it in a test file, and name the strategy.

    Attributes
    ----------
    rmap : type, str or Path
        The class, the name of an installed strategy, or a plugin file.
    others : tuple of str
        Policies to run under; `clock` and `lru` unless given.
    events, seed, lanes
        As in `run_suite`.
    """

    KIND = "rmap"
    rmap: ClassVar[Any]

    @classmethod
    def plugin(cls) -> Any:
        """Return the strategy."""
        return cls.rmap
