"""The engine: the only package that touches wasmtime.

``stack`` keeps Wasm code within a thread's stack, ``compiler`` turns rewritten modules into
compiled ones (cached on disk by ``cache``), ``instance`` is one canister's live Wasm world,
``binding`` the few C calls that must be fast, ``traps`` what a trap says, ``pointer`` the text
that a module's function points at.
"""

from sandbox.engine.compiler import Compiled, Compiler
from sandbox.engine.instance import Hooks, Instance
from sandbox.engine.traps import TrapInfo

__all__ = ["Compiled", "Compiler", "Hooks", "Instance", "TrapInfo"]
