"""Wasm modules as data: load, parse, check against the IC's rules, describe, rewrite.

Pure Python over bytes; the engine that runs modules is elsewhere. The usual way through:

    source = load_source("counter.wasm", wat_to_wasm=engine_assembler)
    module = parse_module(source.wasm)
    validate_module(module, system_api=table_for_width[module.is_64])
    facts, rewritten = describe(module), rewrite_module(module)
"""

from sandbox.wasm.code import FunctionSize, measure_function, notable_instructions
from sandbox.wasm.describe import ModuleFacts, describe
from sandbox.wasm.metadata import Metadata, Visibility
from sandbox.wasm.methods import HOOKS, Method, MethodKind
from sandbox.wasm.module import FuncType, Module
from sandbox.wasm.names import function_names
from sandbox.wasm.parse import parse_module
from sandbox.wasm.rewrite import (
    HEAP_IMPORT,
    GlobalSlot,
    MemorySpec,
    Rewritten,
    TableSpec,
    rewrite_module,
)
from sandbox.wasm.rules import ModuleRules
from sandbox.wasm.source import MAX_MODULE_BYTES, ModuleSource, load_source
from sandbox.wasm.validate import validate_module

__all__ = [
    "HEAP_IMPORT",
    "HOOKS",
    "MAX_MODULE_BYTES",
    "FuncType",
    "FunctionSize",
    "GlobalSlot",
    "MemorySpec",
    "Metadata",
    "Method",
    "MethodKind",
    "Module",
    "ModuleFacts",
    "ModuleRules",
    "ModuleSource",
    "Rewritten",
    "TableSpec",
    "Visibility",
    "describe",
    "function_names",
    "load_source",
    "measure_function",
    "notable_instructions",
    "parse_module",
    "rewrite_module",
    "validate_module",
]
