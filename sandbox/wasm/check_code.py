"""Code: the size of the section, of each function, and instructions the IC refuses.

Source: replica ``wasm_utils/validation.rs``, ``check_code_section_size`` and
``validate_code_section``; like there, functions are judged in order and the index counts
imported functions too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.errors import ModuleRefused
from sandbox.wasm.code import measure_function, notable_instructions
from sandbox.wasm.module import ExternKind, SectionId
from sandbox.wasm.opcodes import MAX_WEIGHT_PER_BYTE, UNSUPPORTED

if TYPE_CHECKING:
    from sandbox.wasm.module import Module
    from sandbox.wasm.rules import ModuleRules


def check_code_size(module: Module, rules: ModuleRules) -> None:
    """Check the size of the code section.

    Raises: ModuleRefused.
    """
    section = module.section(SectionId.CODE)
    if section is None:
        return
    size = section.end - section.content
    if size > rules.max_code_section_bytes:
        raise ModuleRefused(
            f"Wasm module code section size of {size} "
            f"exceeds the maximum allowed size of {rules.max_code_section_bytes}."
        )


def check_code(module: Module, rules: ModuleRules) -> None:
    """Check every function body.

    Raises: ModuleRefused.
    """
    unsupported = next(
        (found for found in notable_instructions(module) if found[1] in UNSUPPORTED), None
    )
    first = len(module.imported(ExternKind.FUNCTION))
    for index, (start, end) in enumerate(module.bodies, first):
        if unsupported is not None and unsupported[0] == index:
            raise ModuleRefused(
                f"Wasm module contains a function at index {index} "
                f"with unsupported instruction {unsupported[1]}."
            )
        if _may_be_too_big(end - start, rules):
            _check_size(module, index, rules)


def _may_be_too_big(body_bytes: int, rules: ModuleRules) -> bool:
    """Say whether counting is needed: most bodies are too short to reach any limit."""
    return (
        body_bytes > rules.max_function_instructions
        or body_bytes * MAX_WEIGHT_PER_BYTE > rules.max_function_complexity
    )


def _check_size(module: Module, index: int, rules: ModuleRules) -> None:
    size = measure_function(module, index)
    if size.complexity > rules.max_function_complexity:
        raise ModuleRefused(
            f"Wasm module contains a function at index {index} "
            f"with complexity {size.complexity} "
            f"which exceeds the maximum complexity allowed {rules.max_function_complexity}."
        )
    if size.instructions > rules.max_function_instructions:
        raise ModuleRefused(
            f"Wasm module contains a function at index {index} "
            f"of size {size.instructions} "
            f"that exceeds the maximum allowed size of {rules.max_function_instructions}."
        )
