"""Is a class that breaks its contract refused before it is compiled, by name, file and line?

The base class here is a small one of its own, so that these tests say what the checks do, not what
the contracts of today contain.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import pytest

from reclaim.contract.param import Param
from reclaim.contract.workload import Workload
from reclaim.errors import PluginError
from reclaim.jit.kernel import kernel
from reclaim.plugin.verify import verify


class Base:
    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    params: ClassVar[dict[str, Param]] = {}
    needs: ClassVar[frozenset[str]]
    results_version: ClassVar[int] = 1

    @classmethod
    def new(cls, nr_frames: int, seed: int, **params: Any) -> Any: ...

    def fault_in(self, m: Any, pfn: int) -> None: ...

    def accessed(self, m: Any, pfn: int, nr: int) -> None: ...

    def select(self, m: Any, nr_wanted: int, victims: Any, page: int) -> int:
        raise TypeError("a policy defines select")

    def check(self, m: Any, owned: Any) -> str: ...


class Good(Base):
    name = "good"
    summary = "Does nothing well."
    source = "here"
    needs = frozenset({"young"})
    hand = 0

    def select(self, m, nr_wanted, victims, page):
        victims[self.hand] = helper(math.floor(page))
        return 1


@kernel
def helper(value):
    return value


def plain(value):
    return value


def refused(cls: type) -> str:
    with pytest.raises(PluginError) as caught:
        verify(cls, Base, "policy")
    message = str(caught.value)
    assert "\n" not in message
    assert f"({__file__}" in message
    return message


def test_a_class_that_keeps_the_contract_passes() -> None:
    verify(Good, Base, "policy")


def test_a_missing_argument_is_named() -> None:
    class Short(Good):
        name = "short"

        def select(self, m, nr_wanted, victims):
            return 0

    message = refused(Short)
    line = Short.select.__code__.co_firstlineno
    assert message == (
        f"policy 'short' ({__file__}:{line}): kernel `select` takes (m, nr_wanted, victims), the "
        "contract has (m, nr_wanted, victims, page). Missing: page. "
        "See docs/reference/contracts.md."
    )


def test_another_argument_and_another_order_are_named() -> None:
    class Extra(Good):
        def fault_in(self, m, frame):
            pass

    class Order(Good):
        def fault_in(self, pfn, m):
            pass

    assert "Missing: pfn. Not in the contract: frame." in refused(Extra)
    assert "The order differs." in refused(Order)


def test_a_misspelt_kernel_is_refused_and_a_private_method_is_not() -> None:
    class Misspelt(Good):
        def fault_inn(self, m, pfn):
            pass

    class Private(Good):
        def _fault_inn(self, m):
            pass

        def rotate(self, m):
            pass

    assert "there is no kernel `fault_inn`. Did you mean `fault_in`?" in refused(Misspelt)
    verify(Private, Base, "policy")


def test_a_kernel_without_default_must_be_there() -> None:
    class Lazy(Base):
        name, summary, source = "lazy", "s", "s"
        needs = frozenset()

    assert "has no `select(self, m, nr_wanted, victims, page)`, which has no default" in refused(
        Lazy
    )


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({"name": "Good One"}, "`name` is small letters"),
        ({"summary": ""}, "declares no `summary`"),
        ({"source": None}, "declares no `source`"),
        ({"results_version": 0}, "`results_version` is a whole number from 1 up, not 0"),
        ({"needs": ["young"]}, "declares no `needs`"),
        ({"needs": {"yuong"}}, "there is no need 'yuong'. Did you mean 'young'?"),
        ({"needs": {"accesses"}}, "has no kernel `accessed`"),
        ({"params": [1]}, "`params` is a dict"),
        ({"params": {"k": 3}}, "parameter 'k' is 3, not a Param"),
        ({"params": {"k": Param(list, 3)}}, "parameter 'k': type is int, float, bool or str"),
        ({"params": {"k": Param(int, 3, low=5)}}, "its default is not allowed: 3 is out of range"),
    ],
)
def test_declarations_are_checked(declaration: dict[str, object], message: str) -> None:
    assert message in refused(type("Bad", (Good,), {"__module__": __name__, **declaration}))


def test_names_that_do_not_exist_are_named_with_their_line() -> None:
    class Global(Good):
        def fault_in(self, m, pfn):
            if pfn > 0:
                helpr(pfn)  # noqa: F821

    message = refused(Global)
    line = Global.fault_in.__code__.co_firstlineno + 2
    assert f":{line}): kernel `fault_in` uses `helpr`, which is not defined" in message
    assert "Did you mean 'helper'?" in message


def test_a_name_inside_a_helper_of_the_file_is_found_too() -> None:
    class Deep(Good):
        def fault_in(self, m, pfn):
            broken_helper(pfn)

    assert "function `broken_helper` uses `no_such_thing`" in refused(Deep)


@kernel
def broken_helper(pfn):
    return no_such_thing(pfn)  # noqa: F821


@pytest.mark.jit_only
def test_an_ordinary_function_in_a_kernel_is_refused_but_not_in_a_check() -> None:
    class Plain(Good):
        def fault_in(self, m, pfn):
            plain(pfn)

    class Checks(Good):
        def check(self, m, owned):
            return plain("")

    message = refused(Plain)
    assert "calls `plain`, an ordinary function: put @kernel above it" in message
    assert f":{plain.__code__.co_firstlineno})" in message
    verify(Checks, Base, "policy")


def test_attributes_of_self_and_of_modules_are_looked_up() -> None:
    class Field(Good):
        def fault_in(self, m, pfn):
            self.hnad[0] = pfn

    class Module(Good):
        def fault_in(self, m, pfn):
            np.zeross(pfn)

    assert "uses `self.hnad`, which is no annotated field" in refused(Field)
    assert "Did you mean 'hand'?" in refused(Field)
    assert "uses `np.zeross`, which does not exist" in refused(Module)


def test_new_takes_what_the_machine_gives_and_the_declared_params() -> None:
    class Fine(Good):
        params: ClassVar = {"bits": Param(int, 1)}

        @classmethod
        def new(cls, nr_frames, seed, bits):
            return cls()

    class Forgot(Good):
        params: ClassVar = {"bits": Param(int, 1)}

        @classmethod
        def new(cls, nr_frames, seed):
            return cls()

    verify(Fine, Base, "policy")
    assert "`new` takes (nr_frames, seed), the contract has (nr_frames, seed, bits)" in refused(
        Forgot
    )


def test_a_misuse_of_an_accessor_without_its_need_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(m, pfn):
        return False

    ask.__module__, ask.__name__ = "reclaim.vm.walk", "referenced"
    monkeypatch.setitem(globals(), "referenced", ask)

    class Blind(Good):
        needs = frozenset()

        def fault_in(self, m, pfn):
            referenced(m, pfn)  # noqa: F821

    assert "calls `referenced`, which needs 'young': add it to `needs`" in refused(Blind)


class Made(Workload):
    name = "made"
    summary = "Writes nothing."
    source = "here"
    params: ClassVar[dict[str, Param]] = {"pages": Param(int, 1)}

    def build(self, trace, seed, pages): ...


def test_build_takes_what_it_is_given_and_the_declared_params() -> None:
    class Open(Made):
        def build(self, trace, seed, **params): ...

    class Lacks(Made):
        def build(self, trace, seed): ...

    class Extra(Made):
        def build(self, trace, seed, pages, frames): ...

    class Swapped(Made):
        def build(self, seed, trace, pages): ...

    verify(Made, Workload, "workload")
    verify(Open, Workload, "workload")
    for wrong in (Lacks, Extra, Swapped):
        with pytest.raises(PluginError, match=r"^workload 'made' .*`?build`? takes \("):
            verify(wrong, Workload, "workload")

    class Empty(Workload):
        name, summary, source = "empty", "Has no build.", "here"

    with pytest.raises(PluginError, match="has no `build"):
        verify(Empty, Workload, "workload")
