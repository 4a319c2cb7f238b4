"""The messages a canister is entered with, made from what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.messages import Closure, Reply, Task
from sandbox.system_api.table import Context
from sandbox.wasm.methods import MethodKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.principal import Principal
    from sandbox.world.traffic import Callback, CallContext, Request, Response, SystemTask

    Outstanding = Mapping[Principal, int]


def call_task(runtime: CanisterRuntime, request: Request, outstanding: Outstanding) -> Task:
    """Return the execution of a method. Requires: the module has it."""
    method = runtime.module.methods[request.method]
    is_update = method.kind is MethodKind.UPDATE
    return Task(
        run=method.export_name,
        context=Context.UPDATE if is_update else Context.REPLICATED_QUERY,
        instruction_limit=runtime.machine.limits.update_instructions,
        argument=request.argument,
        caller=request.sender,
        method=request.method,
        keeps=is_update,
        available_cycles=request.cycles,
        deadline_ns=request.deadline_ns,
        outstanding=outstanding,
    )


def system_task(runtime: CanisterRuntime, task: SystemTask, outstanding: Outstanding) -> Task:
    """Return the execution of a heartbeat, timer or low-memory hook."""
    return Task(
        task.export,
        task.context,
        runtime.machine.limits.update_instructions,
        method=task.export,
        outstanding=outstanding,
    )


def callback_task(
    runtime: CanisterRuntime,
    context: CallContext,
    callback: Callback,
    response: Response,
    outstanding: Outstanding,
) -> Task:
    """Return the execution of a reply or reject callback."""
    answer = response.answer
    is_reply = isinstance(answer, Reply)
    return Task(
        run=callback.call.on_reply if is_reply else callback.call.on_reject,
        context=Context.REPLY if is_reply else Context.REJECT,
        instruction_limit=runtime.machine.limits.update_instructions,
        argument=answer.data if isinstance(answer, Reply) else answer.message_to_canisters.encode(),
        caller=context.caller,
        answered=context.is_answered,
        available_cycles=context.available_cycles,
        refunded_cycles=response.refund,
        reject_code=0 if isinstance(answer, Reply) else int(answer.code),
        deadline_ns=context.request.deadline_ns if context.request else 0,
        counter_base=context.instructions,
        outstanding=outstanding,
    )


def cleanup_task(runtime: CanisterRuntime, context: CallContext, cleanup: Closure) -> Task:
    """Return the execution of a cleanup callback."""
    return Task(
        run=cleanup,
        context=Context.CLEANUP,
        instruction_limit=runtime.machine.limits.update_instructions,
        caller=context.caller,
        answered=context.is_answered,
    )
