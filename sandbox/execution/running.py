"""Running a message's code: over which instance, and when once more over another one.

The first instance may have too little address space for stable memory. One that keeps a profile
has frames of its own on Wasm's stack: what needs more of that, or would show less of it in a
backtrace, is run again without. So a message ends the same with and without a profile.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from sandbox.engine import TrapInfo
from sandbox.engine.probe import CallTree
from sandbox.execution import exchange
from sandbox.execution.embodiment import Embodiment
from sandbox.execution.failures import no_function
from sandbox.system_api.table import MODE_NAMES

if TYPE_CHECKING:
    from sandbox.engine import Instance
    from sandbox.execution.exchange import Surroundings
    from sandbox.execution.log import CanisterLog
    from sandbox.execution.machine import Machine
    from sandbox.memory import Region
    from sandbox.messages import Task
    from sandbox.state import CanisterState
    from sandbox.system_api.violations import Violation


class Running(Embodiment):
    """A canister whose code can run; what became of it is for the subclass to judge."""

    def __init__(
        self, machine: Machine, state: CanisterState, heap: Region, stable: Region, log: CanisterLog
    ) -> None:
        super().__init__(machine, state, heap, stable, log)
        self._counted = 0  # instructions in the profile, when the message is run without it

    def _run_to_end(self, task: Task) -> tuple[Instance, TrapInfo | Violation | None]:
        """Run a message's code; return the instance that shows what it did, too."""
        self._is_profiled = True
        first_line = self.log.next_index
        instance = self.live()
        trap = self._run(instance, task)
        while trap is not None and self._is_run_again(instance, task, trap):
            self.log.forget_from(first_line)
            instance = self.live()
            trap = self._run(instance, task)
        return instance, trap

    def _is_run_again(self, instance: Instance, task: Task, trap: TrapInfo | Violation) -> bool:
        """Whether a trap was the instance's fault; then another one is to be made."""
        if exchange.wants_stable_capacity(instance.mail):
            if instance.probe is not None:
                self._uncount(task)
            self._needs_all_stable = True
        elif instance.probe is not None and isinstance(trap, TrapInfo) and trap.is_cut_short:
            self._is_profiled = False
            self._counted = instance.instructions_used()
        else:
            return False
        self.discard()
        return True

    def _uncount(self, task: Task) -> None:
        """Take the run that was stopped for lack of stable memory out of the profile.

        The tree it is in has earlier messages as well, so it runs over a new instance once more:
        what that one's tree has is taken off. It is rare: afterwards the canister has all the room.
        """
        self.discard()
        alone = self.live()
        self._run(alone, task)
        self.machine.profiling.take_back(alone)

    def _count_rest(self, task: Task, instructions: int, pages: int, for_pages: int) -> None:
        """Let a profile have what was used without it, if the message ended so.

        instructions: all but those for pages.
        """
        if not self._is_profiled:
            self._is_profiled = True
            rest = instructions - self._counted
            calls = CallTree.of_entry(self._entry_of(task), rest, pages, for_pages)
            self.machine.profiling.deliver(self.state.id, self.module, calls)

    def _run(self, instance: Instance, task: Task) -> TrapInfo | Violation | None:
        exchange.write_task(instance.mail, task, self._surroundings(instance, task))
        if instance.probe is not None:
            instance.entry = self._entry_of(task)
            if instance.probe.is_full:
                self.machine.profiling.collect_from(instance)
        if isinstance(task.run, str):
            return instance.run(task.run, task.instruction_limit)
        result = instance.run_table(task.run.function, task.run.env, task.instruction_limit)
        return no_function(task.run) if isinstance(result, str) else result

    def _entry_of(self, task: Task) -> str:
        is_start = task.run == self.module.shape.start_export
        return task.run if isinstance(task.run, str) and not is_start else MODE_NAMES[task.context]

    @abstractmethod
    def _surroundings(self, instance: Instance, task: Task) -> Surroundings:
        """Return what the message finds around it."""
