"""Compile each kernel once, into the function that is called: link time instead of compile time.

numba makes machine code of every function it compiles and, at each level of the call graph, links
and optimises all that lies below once more. A machine is about 150 kernels of which one is ever
called from Python, so nine tenths of that work is thrown away (docs/decisions/0002-link-once.md has
the measurement). Kernels are therefore compiled by `KernelCompiler`: it stops at their LLVM code
and marks their library *interior*. A library that is not interior links, when it is finalized,
everything below it, each module once, and optimises the whole.

This leans on two internals of numba (the lowering pass and `CPUCodeLibrary.finalize`), both checked
when the module is imported; should a release move them, `AVAILABLE` is False and kernels are
compiled numba's way: slower to bind, the same machine.
"""

from __future__ import annotations

import inspect
from typing import Any

from numba.core import codegen, compiler, typed_passes
from numba.core.compiler_machinery import register_pass

_FINALIZE = codegen.CPUCodeLibrary.finalize
_EXECUTABLE = "get_executable"

AVAILABLE = (
    "_linking_libraries" in inspect.getsource(_FINALIZE)
    and _EXECUTABLE in inspect.getsource(typed_passes.BaseNativeLowering.run_pass)
    and hasattr(typed_passes, "NativeLowering")
)


def _no_executable(library: Any, fndesc: Any, env: Any) -> Any:
    """Return what numba takes for machine code: a builtin that nobody calls, unlike any other."""
    library.finalize()
    return [].append


@register_pass(mutates_CFG=True, analysis_only=False)
class _KernelLowering(typed_passes.NativeLowering):
    _name = "kernel_lowering"

    def run_pass(self, state: Any) -> bool:
        context = state.targetctx
        library = context.codegen().create_library(state.func_id.func_qualname)
        library.is_interior = True
        state.library = library
        # An attribute of the instance hides the class's method for the length of this pass.
        context.get_executable = _no_executable
        try:
            return bool(super().run_pass(state))
        finally:
            del context.get_executable


class KernelCompiler(compiler.CompilerBase):
    """numba's nopython pipeline, stopping short of machine code."""

    def define_pipelines(self) -> list[Any]:
        """Return the one pipeline: the default with its lowering replaced."""
        builder = compiler.DefaultPassBuilder
        pipeline = builder.define_nopython_pipeline(self.state)
        pipeline.passes = [
            (_KernelLowering if passed is typed_passes.NativeLowering else passed, text)
            for passed, text in pipeline.passes
        ]
        pipeline._finalized = False
        pipeline.finalize()
        return [pipeline]


def _below(library: Any) -> list[Any]:
    """Return the libraries that a library needs, each once, callers before their callees.

    The order matters: LLVM's linker leaves out a function that nothing linked so far calls.
    """
    seen: set[int] = set()
    callees_first: list[Any] = []

    def visit(needed: Any) -> None:
        if id(needed) in seen:
            return
        seen.add(id(needed))
        if getattr(needed, "is_interior", False):
            for callee in needed._linking_libraries:
                visit(callee)
        callees_first.append(needed)

    for needed in library._linking_libraries:
        visit(needed)
    return callees_first[::-1]


def _finalize(library: Any) -> None:
    if getattr(library, "is_interior", False):
        library._finalized = True
    else:
        library._linking_libraries = _below(library)
        _FINALIZE(library)


if AVAILABLE:
    codegen.CPUCodeLibrary.finalize = _finalize  # type: ignore[method-assign]
