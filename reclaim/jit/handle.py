"""`Handle`: a bundle of arrays that compiled code receives as one pointer.

A subclass annotates its fields; each is a one-dimensional numpy array, another handle, an int, a
float or a bool. In Python they are ordinary attributes. Compiled code sees one opaque pointer to a
block of 64-bit words: two for an array (address, length), one for anything else. That is what makes
binding cheap: numba's time grows with the arrays it passes, not with what a pointer leads to
(docs/decisions/0001-handles.md).

Fields are read-only in compiled code (mutable scalars live in arrays). From Python a field may be
assigned between calls, for instance a grown array: the block is rewritten in place, so every handle
that contains this one stays valid. The handle keeps the arrays alive.

Class attributes that are ints or bools are constants in compiled code; methods are kernels.
"""

from __future__ import annotations

import typing
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]

_SCALARS = {int: "int64", float: "float64", bool: "bool"}


def _kind(annotation: Any) -> str | None:
    """Return ``"array:<dtype>"``, a scalar's name, ``"handle"``, or None for what is no field."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if typing.get_origin(annotation) is np.ndarray:
        dtype = typing.get_args(typing.get_args(annotation)[1])[0]
        return f"array:{np.dtype(dtype).name}"
    if isinstance(annotation, type) and issubclass(annotation, Handle):
        return "handle"
    return None


class Handle:
    """Base of the machine, kit structures, visitors, policies and strategies.

    Parameters
    ----------
    **fields
        One value for each annotated field. Arrays must be one-dimensional, C-contiguous and of the
        annotated dtype.

    Raises
    ------
    TypeError
        A field is missing, unknown, or not of its annotated kind.
    """

    _kinds: ClassVar[dict[str, str]] = {}
    _offsets: ClassVar[dict[str, int]] = {}
    _block: I64

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._kinds = {}  # resolved at first construction: annotations may name later classes
        cls._offsets = {}

    @classmethod
    def field_kinds(cls) -> dict[str, str]:
        """Return the kind of each field, base classes first."""
        if "_ready" not in cls.__dict__:
            offset = 0
            for name, annotation in typing.get_type_hints(cls).items():
                if typing.get_origin(annotation) is ClassVar or name.startswith("_"):
                    continue
                kind = _kind(annotation)
                if kind is None:
                    raise TypeError(
                        f"{cls.__module__}.{cls.__qualname__}.{name}: a field is an array "
                        f"(I64, I32, U8, F64), a handle, int, float or bool, not {annotation!r}"
                    )
                cls._kinds[name] = kind
                cls._offsets[name] = offset
                offset += 2 if kind.startswith("array:") else 1
            cls._words = max(offset, 1)
            cls._ready = True
        return cls._kinds

    _words: ClassVar[int] = 1
    _ready: ClassVar[bool] = False

    def __init__(self, **fields: Any) -> None:
        kinds = self.field_kinds()
        if set(fields) != set(kinds):
            raise TypeError(
                f"{type(self).__qualname__} has the fields {sorted(kinds)}, got {sorted(fields)}"
            )
        object.__setattr__(self, "_block", np.zeros(self._words, dtype=np.int64))
        for name, value in fields.items():
            setattr(self, name, value)
        arrays = [v for v in fields.values() if isinstance(v, np.ndarray) and len(v)]
        if len({array.ctypes.data for array in arrays}) < len(arrays):
            raise TypeError(
                f"{type(self).__qualname__}: two fields name the same array, but compiled code may "
                "assume that a store to one does not change the other. Copy it."
            )

    def __setattr__(self, name: str, value: Any) -> None:
        kind = self._kinds.get(name)
        if kind is None:
            raise TypeError(f"{type(self).__qualname__} has no field '{name}'")
        at = self._offsets[name]
        block = self._block
        if kind.startswith("array:"):
            ok = isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.name == kind[6:]
            if not ok or not value.flags.c_contiguous:
                raise TypeError(
                    f"{type(self).__qualname__}.{name}: a contiguous one-dimensional array of "
                    f"{kind[6:]}, not {getattr(value, 'dtype', type(value).__name__)}"
                )
            block[at] = value.ctypes.data
            block[at + 1] = value.shape[0]
        elif kind == "handle":
            block[at] = value._block.ctypes.data
            self.__dict__.pop("_numba_type", None)
        elif kind == "float64":
            block[at : at + 1].view(np.float64)[0] = value
            value = float(value)
        else:
            block[at] = int(value)
            value = bool(value) if kind == "bool" else int(value)
        self.__dict__[name] = value

    @property
    def address(self) -> int:
        """Address of the block, as compiled code receives it."""
        return int(self._block.ctypes.data)

    def nbytes(self) -> int:
        """Bytes of the arrays in this handle and in the handles within it."""
        total = 0
        for name, kind in self._kinds.items():
            value = getattr(self, name)
            total += value.nbytes if kind.startswith("array:") else 0
            total += value.nbytes() if kind == "handle" else 0
        return total
