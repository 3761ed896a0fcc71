"""Does compiled code see in a handle what Python sees: fields, constants, methods, growth?

Each small function runs as plain Python and compiled, on handles of the same state.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from reclaim.jit.handle import F64, I32, I64, U8, Handle
from reclaim.jit.kernel import U, cold, kernel, prefetch, prefetch_either
from tests.lanes import both, compiled


class Inner(Handle):
    words: I64
    step: int

    def advance(self, i: Any) -> Any:
        self.words[U(i)] += self.step
        return self.words[U(i)]

    def name(self) -> int:
        return 1


class Base(Handle):
    LIMIT = 40
    LOUD = False
    first: I64

    def limit(self) -> int:
        return self.LIMIT

    def twice(self, n: Any) -> Any:
        return self.limit() * 2 + n

    def name(self) -> int:
        return 2


class Outer(Base):
    LIMIT = 50
    LOUD = True
    small: I32
    bytes_: U8
    real: F64
    count: int
    ratio: float
    yes: bool
    no: bool
    inner: Inner
    kept: ClassVar[dict[str, int]] = {"not": 1}

    @cold
    def limit(self) -> int:
        return self.LIMIT + 1

    def deep(self, i: Any) -> Any:
        return self.inner.advance(i) + self.twice(0)


def outer(**changes: Any) -> Outer:
    fields: dict[str, Any] = {
        "first": np.arange(5),
        "small": np.arange(10, 14, dtype=np.int32),
        "bytes_": np.array([250, 251], dtype=np.uint8),
        "real": np.array([0.5, 1.5, 2.5]),
        "count": 7,
        "ratio": 0.25,
        "yes": True,
        "no": False,
        "inner": Inner(words=np.zeros(3, dtype=np.int64), step=3),
    }
    return Outer(**{**fields, **changes})


def test_fields_in_order_base_first() -> None:
    names = ["first", "small", "bytes_", "real", "count", "ratio", "yes", "no", "inner"]
    assert list(Outer.field_kinds()) == names
    assert list(Inner.field_kinds()) == ["words", "step"]


def read_all(h: Any) -> Any:
    total = h.first[U(4)] * 1000 + h.small[U(3)] * 10 + h.bytes_[U(1)]
    if h.yes:
        total += 100_000
    if h.no:
        total += 1_000_000
    return total + h.real[U(2)] * h.ratio + h.count + len(h.small) * 0.001


@pytest.mark.parametrize("run", both(read_all))
def test_reads_every_kind_of_field(run: Any) -> None:
    assert run(outer()) == pytest.approx(4000 + 130 + 251 + 100_000 + 0.625 + 7 + 0.004)
    assert run(outer(no=True, yes=False, count=-1)) == pytest.approx(
        4000 + 130 + 251 + 1_000_000 + 0.625 - 1 + 0.004
    )


def write_all(h: Any) -> Any:
    h.first[U(0)] = -(1 << 62)
    h.small[U(0)] = -5
    h.bytes_[U(0)] = 255
    h.real[U(0)] = 1e300
    return h.first[U(0)]


@pytest.mark.parametrize("run", both(write_all))
def test_writes_into_arrays(run: Any) -> None:
    h = outer()
    assert run(h) == -(1 << 62)
    values = (h.first[0], h.small[0], h.bytes_[0], h.real[0])
    assert values == (-(1 << 62), -5, 255, 1e300)


def whether(h: Any) -> Any:
    return h.yes


def real_of(h: Any) -> Any:
    return h.ratio


def test_kinds_survive_the_way_back() -> None:
    for run in both(whether):
        assert run(outer()) is True
        assert run(outer(yes=np.bool_(False))) is False
    for run in both(real_of):
        assert run(outer(ratio=1)) == 1.0
        assert isinstance(run(outer(ratio=1)), float)


def constants(h: Any) -> Any:
    return h.LIMIT + (1000 if h.LOUD else 0)


class Quiet(Base):
    pass


@pytest.mark.parametrize("run", both(constants))
def test_class_attributes_are_constants_of_the_very_class(run: Any) -> None:
    assert run(outer()) == 1050
    assert run(Quiet(first=np.zeros(1, dtype=np.int64))) == 40


def ask_names(a: Any, b: Any) -> Any:
    return a.name() * 10 + b.name()


@pytest.mark.parametrize("run", both(ask_names))
def test_two_classes_with_a_method_of_the_same_name(run: Any) -> None:
    inner, quiet = outer().inner, Quiet(first=np.zeros(1, dtype=np.int64))
    assert run(inner, quiet) == 12
    assert run(quiet, inner) == 21
    assert run(quiet, quiet) == 22


def methods(h: Any) -> Any:
    return h.twice(1)


def deep(h: Any, i: Any) -> Any:
    return h.deep(i)


def test_methods_are_found_on_the_class_of_the_receiver() -> None:
    """`twice` is the base's and calls `limit`, which Outer overrides with a cold one."""
    for run in both(methods):
        assert run(outer()) == 103
        assert run(Quiet(first=np.zeros(1, dtype=np.int64))) == 81


@pytest.mark.parametrize("run", both(deep))
def test_methods_of_nested_handles_change_their_arrays(run: Any) -> None:
    h = outer()
    assert (run(h, 1), run(h, 1), run(h, 2)) == (105, 108, 105)
    assert h.inner.words.tolist() == [0, 6, 3]


@kernel
def plus(h: Any, by: Any) -> Any:
    """Add to the first word."""
    h.first[U(0)] += by
    return h.first[U(0)]


@kernel(cold=True)
def plus_twice(h: Any, by: Any) -> Any:
    return plus(h, by) + plus(h, by)


def kernels(h: Any) -> Any:
    prefetch(h.first, 1 << 50)  # any integer
    prefetch_either(h.first[0] > 0, h.first, -(1 << 50), h.first, 1)
    return plus_twice(h, 3) + plus_twice(h, h.LIMIT)


@pytest.mark.parametrize("run", both(kernels))
def test_kernels_call_kernels(run: Any) -> None:
    assert run(outer()) == 3 + 6 + 56 + 106


def size_and_last(h: Any) -> Any:
    return len(h.first) * 1000 + h.first[U(len(h.first) - 1)]


def inner_size(h: Any) -> Any:
    return len(h.inner.words) * 1000 + h.inner.words[U(len(h.inner.words) - 1)]


def test_growth_in_place() -> None:
    """A handle's array may be replaced between calls; those that contain the handle see it."""
    for run, run_inner in zip(both(size_and_last), both(inner_size), strict=True):
        h = outer()
        address = h.address
        assert run(h) == 5004
        h.first = np.arange(100)
        assert run(h) == 100_099
        assert run_inner(h) == 3000
        h.inner.words = np.full(50, 9)
        assert run_inner(h) == 50_009
        h.inner = Inner(words=np.full(2, 8), step=1)
        assert run_inner(h) == 2008
        assert h.address == address


def test_scalars_may_change_between_calls() -> None:
    for run in both(read_all):
        h = outer()
        before = run(h)
        h.count = 8
        h.ratio = 0.0
        assert run(h) == pytest.approx(before + 1 - 0.625)


class OtherInner(Inner):
    def advance(self, i: Any) -> Any:
        return -1


class Holder(Handle):
    inner: Inner  # the base, as a machine says of its strategy


def advance(h: Any) -> Any:
    return h.inner.advance(0)


def test_the_class_of_a_nested_handle_decides() -> None:
    for run in both(advance):
        words = np.zeros(1, dtype=np.int64)
        assert run(Holder(inner=Inner(words=words, step=4))) == 4
        h = Holder(inner=OtherInner(words=words, step=4))
        assert run(h) == -1
        h.inner = Inner(words=words, step=4)  # another class: another type
        assert run(h) == 8


class Empty(Handle):
    def answer(self) -> int:
        return 42


def answer(h: Any) -> Any:
    return h.answer()


@pytest.mark.parametrize("run", both(answer))
def test_a_handle_without_fields(run: Any) -> None:
    assert run(Empty()) == 42


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": np.zeros(3, dtype=np.int32)}, "Outer.first: .* int64, not int32"),
        ({"small": np.zeros(3)}, "Outer.small: .* int32, not float64"),
        ({"first": [1, 2]}, "Outer.first: .* int64, not list"),
        ({"first": np.zeros((2, 2), dtype=np.int64)}, "one-dimensional"),
        ({"first": np.arange(10)[::2]}, "contiguous"),
        ({"bytes_": np.zeros(3, dtype=np.int8)}, "uint8, not int8"),
        ({"count": "many"}, None),
        ({"nothing": 1}, "has the fields"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str | None) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        outer(**changes)


def test_missing_and_unknown_fields_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Inner has the fields \['step', 'words'\], got"):
        Inner(words=np.zeros(1, dtype=np.int64))
    with pytest.raises(TypeError, match="Outer has no field 'more'"):
        outer().more = 1


class Wrong(Handle):
    text: str


def test_an_annotation_that_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.text: a field is an array .* not <class 'str'>"):
        Wrong(text="x")


def test_a_refused_assignment_changes_nothing() -> None:
    h = outer()
    with pytest.raises(TypeError):
        h.first = np.zeros(3)
    for run in both(size_and_last):
        assert run(h) == 5004


def test_bytes_of_all_arrays_nested_ones_too() -> None:
    assert outer().nbytes() == 5 * 8 + 4 * 4 + 2 + 3 * 8 + 3 * 8


REDEFINED = """
class Mine(Handle):
    size: int

    def get(self):
        return self.size + {0}
"""


def get(h: Any) -> Any:
    return h.get()


def test_a_class_defined_anew_under_its_name() -> None:
    """As in a notebook: the old one's compiled methods are not taken for the new one's."""
    made = []
    for number in (10, 20):
        names = {"Handle": Handle, "__name__": __name__}
        exec(REDEFINED.format(number), names)
        made.append(names["Mine"](size=1))
    for run in both(get):
        assert [run(h) for h in [*made, made[0]]] == [11, 21, 11]


HELD = Inner(words=np.zeros(1, dtype=np.int64), step=1)


def uses_a_global() -> Any:
    return HELD.step


@pytest.mark.jit_only
def test_a_handle_is_no_global_of_kernels() -> None:
    with pytest.raises(Exception, match="passed to kernels, never a global"):
        compiled(uses_a_global)()


def sets_a_field(h: Any) -> Any:
    h.count = 3
    return 0


@pytest.mark.jit_only
def test_fields_are_read_only_in_compiled_code() -> None:
    with pytest.raises(Exception, match="count"):
        compiled(sets_a_field)(outer())


def no_such_thing(h: Any) -> Any:
    return h.missing


@pytest.mark.jit_only
def test_an_unknown_attribute_does_not_compile() -> None:
    with pytest.raises(Exception, match="missing"):
        compiled(no_such_thing)(outer())
