"""What tests of the execution core share: sandboxes, and single messages in any context.

A message here goes straight to ``CanisterRuntime.execute``, below routing, so that every
context can be entered with any surroundings. Compiled code is kept in the checkout's cache.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox import Sandbox
from sandbox.engine import Compiler
from sandbox.engine.cache import CompileCache
from sandbox.limits import MAINNET, Limits
from sandbox.messages import Reject, Reply, Task
from sandbox.system_api.table import Context

if TYPE_CHECKING:
    from sandbox import Canister
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.memory import RegionKind
    from sandbox.messages import Outcome

CHECKOUT: Final = Path(__file__).resolve().parents[1]
WAT: Final = CHECKOUT / "wat"
_READ_ONLY: Final = (
    Context.QUERY | Context.COMPOSITE_QUERY | Context.COMPOSITE_REPLY | Context.COMPOSITE_REJECT
    | Context.COMPOSITE_CLEANUP | Context.TRANSFORM | Context.INSPECT
)  # fmt: skip


@cache
def compiler() -> Compiler:
    """Return the compiler of all tests: each module is compiled once."""
    return Compiler(CompileCache(CHECKOUT / ".cache" / "compiled"))


def open_sandbox(*, memory: RegionKind = "auto", limits: Limits = MAINNET) -> Sandbox:
    return Sandbox(memory=memory, limits=limits, compiler=compiler())


def runtime_of(canister: Canister) -> CanisterRuntime:
    return canister.sandbox.world.existing(canister.id)


def execute(
    canister: Canister,
    name: str,
    context: Context = Context.UPDATE,
    *,
    limit: int = 1_000_000_000,
    **task: Any,
) -> Outcome:
    """Run a public method (or hook) as if the context were this one."""
    runtime = runtime_of(canister)
    method = runtime.module.methods.get(name)
    task.setdefault("keeps", not context & _READ_ONLY)
    task.setdefault("is_replicated", not context & _READ_ONLY)
    export = name if method is None else method.export_name
    return runtime.execute(Task(export, context, limit, method=name, **task))


def failure_of(outcome: Outcome) -> Reject:
    assert outcome.failure is not None, "the message was meant to fail"
    return outcome.failure


def reply_of(outcome: Outcome) -> bytes:
    assert outcome.failure is None, outcome.failure
    assert isinstance(outcome.answer, Reply), outcome.answer
    return outcome.answer.data


def wat(source: str) -> bytes:
    """Return WebAssembly text as a sandbox takes it."""
    return source.encode()
