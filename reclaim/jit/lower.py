"""What numba must know of kernels and handles. Imported when a machine is bound, never before.

A handle is an opaque pointer. Its numba type carries the class and the types of nested handles, so
that ``policy.select(m, ...)`` finds the method of the very class at compile time. A field is loaded
from the block with LLVM's *invariant* mark: blocks never change while compiled code runs.
"""

from __future__ import annotations

import inspect
import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, typeof, types
from numba.core import cgutils, typing
from numba.core.imputils import lower_constant, lower_getattr_generic
from numba.core.registry import cpu_target
from numba.core.typing.templates import AbstractTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    lower_builtin,
    models,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.numpy_support import from_dtype

from reclaim.jit.handle import Handle
from reclaim.jit.kernel import BOUNDSCHECK, Kernel, Native
from reclaim.jit.link import AVAILABLE, KernelCompiler

_WORD = ir.IntType(64)
_POINTER = ir.IntType(8).as_pointer()


def options(cold: bool) -> dict[str, Any]:
    """Compiler options of every kernel.

    Reference counting is off (`_nrt`): handles own their arrays, kernels allocate nothing. Wrappers
    for Python and C callers are left out: only the entry function is ever called from outside.
    """
    return {
        "_nrt": False,
        "boundscheck": BOUNDSCHECK,
        "error_model": "numpy",
        "forceinline": not cold,
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        **({"pipeline_class": KernelCompiler} if AVAILABLE else {}),
    }


# ---- kernels as globals -----------------------------------------------------------------------


def dispatcher_of(kernel: Kernel[Any, Any]) -> Any:
    """Return the numba dispatcher of a kernel, made at first use."""
    if kernel.dispatcher is None:
        kernel.dispatcher = njit(**options(kernel.cold))(kernel.func)
    return kernel.dispatcher


class KernelType(types.Dispatcher):
    """The type of a kernel: one copy is compiled for all constants that it is called with.

    numba would compile ``vma_get(m, vma, 3)`` and ``vma_get(m, vma, 4)`` apart. After inlining LLVM
    sees the constant all the same.
    """

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        args = tuple(types.unliteral(arg) for arg in args)
        return super().get_call_type(context, args, kws)


register_model(KernelType)(models.OpaqueModel)


@typeof_impl.register(Kernel)
def _typeof_kernel(value: Kernel[Any, Any], context: Any) -> Any:
    return KernelType(dispatcher_of(value))


@intrinsic
def _unsigned(typing_context: Any, i: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.cast(builder, args[0], signature.args[0], types.uint64)

    return types.uint64(i), codegen


def _element(context: Any, builder: Any, array_type: Any, array: Any, i: Any, i_type: Any) -> Any:
    """Return the address of an array's element, as a pointer to bytes."""
    data = context.make_array(array_type)(context, builder, array).data
    index = context.cast(builder, i, i_type, types.intp)
    return builder.bitcast(builder.gep(data, [index]), _POINTER)


def _ask_for(builder: Any, address: Any) -> None:
    """Prefetch the cache line at an address, to be read, into the nearest cache."""
    flag = ir.IntType(32)
    function_type = ir.FunctionType(ir.VoidType(), [_POINTER, flag, flag, flag])
    function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0i8")
    builder.call(function, [address, flag(0), flag(3), flag(1)])


@intrinsic
def _prefetch(typing_context: Any, array: Any, i: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _ask_for(builder, _element(context, builder, signature.args[0], args[0], args[1], i))
        return context.get_dummy_value()

    return types.void(array, i), codegen


@intrinsic
def _prefetch_either(typing_context: Any, first: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one = _element(context, builder, signature.args[1], args[1], args[2], i)
        other = _element(context, builder, signature.args[3], args[3], args[4], j)
        chosen = context.cast(builder, args[0], signature.args[0], types.boolean)
        _ask_for(builder, builder.select(chosen, one, other))
        return context.get_dummy_value()

    return types.void(first, a, i, b, j), codegen


_NATIVES = {"U": _unsigned, "prefetch": _prefetch, "prefetch_either": _prefetch_either}


@typeof_impl.register(Native)
def _typeof_native(value: Native, context: Any) -> Any:
    return cpu_target.typing_context.resolve_value_type(_NATIVES[value.__name__])


# ---- arrays of handles -------------------------------------------------------------------------


class FieldArray(types.Array):
    """An array that is a field of a handle: no other field names the same memory.

    LLVM is told so by a tag on each access (type-based alias analysis). Without it a store to one
    array, of all the counters to begin with, makes it read every other one again.
    """

    def __init__(self, dtype: Any, tag: str) -> None:
        self.tag = tag
        super().__init__(dtype, 1, "C", name=f"field({tag}, {dtype})")

    @property
    def key(self) -> Any:
        """What makes two of these types the same."""
        return self.dtype, self.tag


register_model(FieldArray)(models.ArrayModel)


def _place(context: Any, builder: Any, array_type: Any, array: Any, kind: Any, index: Any) -> Any:
    """Return the address of an element, with numpy's meaning of a negative index."""
    struct = context.make_array(array_type)(context, builder, array)
    length = cgutils.unpack_tuple(builder, struct.shape, 1)[0]
    at = context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)
    if kind.signed:
        negative = builder.icmp_signed("<", at, at.type(0))
        at = builder.select(negative, builder.add(at, length), at)
    if BOUNDSCHECK:
        cgutils.do_boundscheck(context, builder, at, length, 0)
    return builder.gep(struct.data, [at])


def _tagged(builder: Any, instruction: Any, tag: str) -> Any:
    module = builder.module
    root = module.add_metadata(["reclaim"])
    kind = module.add_metadata([tag, root, _WORD(0)])
    instruction.set_metadata("tbaa", module.add_metadata([kind, kind, _WORD(0)]))
    return instruction


@lower_builtin(operator.getitem, FieldArray, types.Integer)
def _get_element(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array_type, kind = signature.args
    place = _place(context, builder, array_type, args[0], kind, args[1])
    return _tagged(builder, builder.load(place), array_type.tag)


@lower_builtin(operator.setitem, FieldArray, types.Integer, types.Any)
def _set_element(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array_type, kind, value_type = signature.args
    value = context.cast(builder, args[2], value_type, array_type.dtype)
    place = _place(context, builder, array_type, args[0], kind, args[1])
    _tagged(builder, builder.store(value, place), array_type.tag)
    return context.get_dummy_value()


# ---- handles ----------------------------------------------------------------------------------


_CLASSES: dict[str, list[type[Handle]]] = {}


def _name_of(cls: type[Handle]) -> str:
    """Return what tells a class from all others of this process.

    numba takes types of one name for one type. A class that was defined anew, in a notebook or by
    a reload, has its predecessor's name and another number.
    """
    name = f"{cls.__module__}.{cls.__qualname__}"
    namesakes = _CLASSES.setdefault(name, [])
    if cls not in namesakes:
        namesakes.append(cls)
    number = namesakes.index(cls)
    return f"{name}#{number}" if number else name


class HandleType(types.Type):
    """The type of a handle: its class, and the types of the handles within it."""

    def __init__(self, cls: type[Handle], nested: tuple[tuple[str, HandleType], ...]) -> None:
        self.cls = cls
        self.nested = dict(nested)
        inner = ",".join(f"{name}={kind.name}" for name, kind in nested)
        super().__init__(name=f"{_name_of(cls)}({inner})")

    def field(self, name: str) -> Any:
        """Return the numba type of a field, or None."""
        kind = self.cls.field_kinds().get(name)
        if kind is None:
            return None
        if kind.startswith("array:"):
            tag = f"{_definer(self.cls, name)}.{name}"
            return FieldArray(from_dtype(np.dtype(kind[6:])), tag)
        if kind == "handle":
            return self.nested[name]
        return {"int64": types.int64, "float64": types.float64, "bool": types.boolean}[kind]


def _definer(cls: type[Handle], name: str) -> str:
    """Return the class that annotates a field, so that subclasses share its tag."""
    owner = next(base for base in cls.__mro__ if name in inspect.get_annotations(base))
    return f"{owner.__module__}.{owner.__qualname__}"


register_model(HandleType)(models.OpaqueModel)


@typeof_impl.register(Handle)
def typeof_handle(value: Handle, context: Any) -> HandleType:
    """Type of a handle; kept with it, since a call types its arguments each time."""
    known = value.__dict__.get("_numba_type")
    if known is None:
        nested = tuple(
            (name, typeof_handle(getattr(value, name), context))
            for name, kind in value.field_kinds().items()
            if kind == "handle"
        )
        known = HandleType(type(value), nested)
        value.__dict__["_numba_type"] = known
    return known


@unbox(HandleType)
def _unbox_handle(kind: HandleType, obj: Any, c: Any) -> NativeValue:
    address = c.pyapi.object_getattr_string(obj, "address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return NativeValue(pointer)


def _load(context: Any, builder: Any, block: Any, word: int, as_type: Any) -> Any:
    """Load a word of the block; invariant, so that LLVM may lift it out of loops."""
    at = builder.gep(builder.bitcast(block, _WORD.as_pointer()), [_WORD(word)])
    value = builder.load(builder.bitcast(at, as_type.as_pointer()))
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


def _method(cls: type[Handle], name: str) -> Any:
    """Return the dispatcher of a method of a class, one per class that the method is found on."""
    function = getattr(cls, name)
    memo: dict[str, Any] = cls.__dict__.get("_dispatchers") or {}
    if not memo:
        type.__setattr__(cls, "_dispatchers", memo)
    if name not in memo:
        memo[name] = njit(**options(getattr(function, "__reclaim_cold__", False)))(function)
    return memo[name]


def _make_method(name: str) -> type[AbstractTemplate]:
    class MethodTemplate(AbstractTemplate):
        key = (HandleType, name)

        def generic(self, args: Any, kws: Any) -> Any:
            this: Any = self.this  # type: ignore[attr-defined]
            dispatcher = KernelType(_method(this.cls, name))
            signature = dispatcher.get_call_type(self.context, (this, *args), kws)
            return signature.as_method()

    return MethodTemplate


_LOWERED: set[str] = set()


def _lower_method(name: str) -> None:
    """Teach numba to call methods of this name; the class is in the type of the receiver."""
    if name in _LOWERED:
        return
    _LOWERED.add(name)

    @lower_builtin((HandleType, name), HandleType, types.VarArg(types.Any))
    def call(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        dispatcher = KernelType(_method(signature.args[0].cls, name))
        function = context.get_function(dispatcher, signature)
        result = function(builder, args)
        for library in function.libs:
            context.active_code_library.add_linking_library(library)
        return result


@infer_getattr
class _HandleAttributes(typing.templates.AttributeTemplate):
    key = HandleType

    def generic_resolve(self, this: HandleType, name: str) -> Any:  # type: ignore[override]
        kind = this.field(name)
        if kind is not None:
            return kind
        value = getattr(this.cls, name, None)
        if isinstance(value, bool):
            return types.boolean
        if isinstance(value, int):
            return types.int64
        if callable(value):
            _lower_method(name)
            return types.BoundFunction(_make_method(name), this)
        return None


@lower_getattr_generic(HandleType)
def _lower_field(context: Any, builder: Any, kind: HandleType, block: Any, name: str) -> Any:
    field = kind.field(name)
    if field is None:
        value = getattr(kind.cls, name)
        if callable(value):
            return block
        as_type = types.boolean if isinstance(value, bool) else types.int64
        return context.get_constant(as_type, value)
    word = kind.cls._offsets[name]
    if isinstance(field, types.Array):
        item = context.get_data_type(field.dtype)
        size = context.get_abi_sizeof(item)
        array = context.make_array(field)(context, builder)
        length = _load(context, builder, block, word + 1, _WORD)
        array.data = _load(context, builder, block, word, item.as_pointer())
        array.meminfo = ir.Constant(array.meminfo.type, None)
        array.parent = ir.Constant(array.parent.type, None)
        array.nitems = length
        array.itemsize = _WORD(size)
        array.shape = cgutils.pack_array(builder, [length])
        array.strides = cgutils.pack_array(builder, [_WORD(size)])
        return array._getvalue()
    if isinstance(field, HandleType):
        return _load(context, builder, block, word, _POINTER)
    if field is types.float64:
        return _load(context, builder, block, word, ir.DoubleType())
    value = _load(context, builder, block, word, _WORD)
    if field is types.boolean:
        return builder.icmp_unsigned("!=", value, _WORD(0))
    return value


@lower_constant(HandleType)
def _no_constant(context: Any, builder: Any, kind: HandleType, value: Any) -> Any:
    raise TypeError(f"{kind}: a handle is passed to kernels, never a global of theirs")


def signature_of(arguments: Any) -> tuple[Any, ...]:
    """Return the numba types of the arguments of an entry."""
    return tuple(typeof(argument) for argument in arguments)
