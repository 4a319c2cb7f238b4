"""The bank: charges canisters, and knows where every cycle went.

Cycles are minted when a user creates or tops up a canister; they end in a balance, on the
way between canisters, consumed (by use, per canister) or lost with a deleted canister.
Rule it keeps: invariant 10, minted = balances + reserved + in flight + consumed + lost.
Source: reference/limits_and_costs.md section 3.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sandbox import texts
from sandbox.cycles.prices import SECONDS_PER_DAY, Prices
from sandbox.cycles.usage import memory_use
from sandbox.cycles.uses import Use
from sandbox.errors import UsageError
from sandbox.execution.canister import Growth
from sandbox.messages import Outcome, Reject, reject
from sandbox.records import renew
from sandbox.system_api.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.messages import Task
    from sandbox.principal import Principal
    from sandbox.state import Settings
    from snapshot.record import Snapshot

    SnapshotsOf = Callable[[Principal], tuple[Snapshot, ...]]

MOST_CYCLES: Final = (1 << 128) - 1  # what the system API and the replica have room for
Accounts = dict["Principal", dict[Use, int]]


def checked_cycles(cycles: int) -> int:
    """Return an amount that somebody outside gives. Raises: UsageError for one that cannot be."""
    if not 0 <= cycles <= MOST_CYCLES:
        raise UsageError(f"an amount of cycles is between 0 and 2^128 - 1, not {cycles}")
    return cycles


@dataclass(frozen=True, slots=True)
class SavedBank:
    """The books at one moment."""

    minted: int
    lost: int
    consumed: Mapping[Principal, Mapping[Use, int]]


@dataclass(frozen=True, slots=True)
class CyclesReport:
    """Where the cycles of a sandbox are.

    in_flight: attached to messages, not yet accepted or refunded, and prepaid for callbacks.
    lost: of deleted canisters, and refunds that nobody could take any more.
    """

    minted: int
    balances: int
    reserved: int
    in_flight: int
    consumed: int
    lost: int

    @property
    def accounted(self) -> int:
        """The sum of all parts; equal to ``minted``."""
        return self.balances + self.reserved + self.in_flight + self.consumed + self.lost


class Bank:
    """Charges by one price list.

    snapshots_of: a canister's snapshots, which count as its memory.
    """

    def __init__(self, prices: Prices, snapshots_of: SnapshotsOf) -> None:
        self.prices = prices
        self.minted = 0
        self.lost = 0
        self._consumed: Accounts = defaultdict(_no_consumption)
        self._snapshots_of = snapshots_of
        self._memory: dict[Principal, tuple[tuple[object, ...], int]] = {}

    # --- what a canister has and may spend

    def used_bytes(self, runtime: CanisterRuntime) -> int:
        """Return the memory a canister holds, its snapshots and history included."""
        return memory_use(runtime, self._snapshots_of(runtime.state.id)).total

    def memory_bytes(self, runtime: CanisterRuntime) -> int:
        """Return the memory a canister is charged for."""
        state = runtime.state
        snapshots = self._snapshots_of(state.id)
        # Asked three times per message, and nearly always the same: the parts it depends on
        # are immutable, so comparing them is comparing references.
        key = (
            runtime.heap.size_bytes, runtime.stable.size_bytes, state.module, state.history,
            state.chunks, state.settings, tuple(item.total_size for item in snapshots),
        )  # fmt: skip
        known = self._memory.get(state.id)
        if known is not None and known[0] == key:
            return known[1]
        used = memory_use(runtime, snapshots).total
        result = max(used, state.settings.memory_allocation_bytes)
        self._memory[state.id] = (key, result)
        return result

    def idle_per_day(self, runtime: CanisterRuntime) -> int:
        """Return what a canister burns in a day by merely existing."""
        settings = runtime.state.settings
        memory = self.prices.memory(self.memory_bytes(runtime), SECONDS_PER_DAY)
        return memory + self._compute(settings.compute_allocation, SECONDS_PER_DAY)

    def threshold(self, runtime: CanisterRuntime) -> int:
        """Return the balance below which a canister is frozen."""
        if not self.prices.gib_second:
            return 0
        settings = runtime.state.settings
        needed = self.idle_per_day(runtime) * settings.freezing_threshold_s // SECONDS_PER_DAY
        return max(0, needed - runtime.state.reserved_cycles)

    def is_frozen(self, runtime: CanisterRuntime) -> bool:
        """Whether a canister has less than it must keep; it then only takes cycles."""
        return self.threshold(runtime) > runtime.state.cycles

    def liquid(self, runtime: CanisterRuntime) -> int:
        """Return what a canister may spend."""
        return max(0, runtime.state.cycles - self.threshold(runtime))

    def refuse_settings(self, runtime: CanisterRuntime, settings: Settings) -> Reject | None:
        """Refuse allocations that would freeze the canister."""
        before = runtime.state
        runtime.state = renew(before, settings=settings)
        missing = self.threshold(runtime) - before.cycles
        runtime.state = before
        if missing <= 0:
            return None
        if settings.compute_allocation > before.settings.compute_allocation:
            code, what = "IC0530", f"compute allocation to {settings.compute_allocation}%"
        elif settings.memory_allocation_bytes > before.settings.memory_allocation_bytes:
            code, what = "IC0531", f"memory allocation to {settings.memory_allocation_bytes}"
        else:
            return None
        return reject(
            code,
            f"Cannot increase {what} due to insufficient cycles. "
            f"At least {missing} additional cycles are required.",
        )

    def growth(
        self, runtime: CanisterRuntime, grown_bytes: int, balance: int, reserving_s: int
    ) -> Growth:
        """Say what growing costs a canister that would have ``balance`` cycles left.

        reserving_s: for how many seconds the new memory is to be paid in advance.
        """
        if not self.prices.gib_second:
            return Growth()
        settings = runtime.state.settings
        reserved = self.prices.memory(grown_bytes, reserving_s)
        limit = settings.reserved_cycles_limit
        excess = runtime.state.reserved_cycles + reserved - limit
        what = f"Canister cannot grow memory by {grown_bytes} bytes due to "
        if reserved and excess > 0:
            text = f"its reserved cycles limit. The current limit ({limit}) would be exceeded by "
            return Growth(Violation("IC0534", f"{what}{text}{excess}", texts.RESERVED_LIMIT))
        before = max(self.memory_bytes(runtime), settings.memory_allocation_bytes)
        after = max(before + grown_bytes, settings.memory_allocation_bytes)
        more_per_day = self.prices.memory(after - before, SECONDS_PER_DAY)
        more = more_per_day * settings.freezing_threshold_s // SECONDS_PER_DAY
        missing = self.threshold(runtime) + more + reserved - balance
        if missing > 0:
            text = f"insufficient cycles. At least {missing} additional cycles are required"
            return Growth(Violation("IC0532", f"{what}{text}", texts.TOP_UP))
        return Growth(reserved_cycles=reserved)

    # --- moving cycles

    def mint(self, amount: int) -> None:
        """Make cycles that a canister or a message is about to get."""
        self.minted += amount

    def unmint(self, amount: int) -> None:
        """Take back cycles that were meant for a message from outside and not accepted."""
        self.minted -= amount

    def lose(self, amount: int) -> None:
        """Write off what a deleted canister had."""
        self.lost += amount

    def consume(self, canister: Principal, use: Use, amount: int) -> None:
        """Book cycles that were taken from a balance as spent."""
        if amount:
            self._consumed[canister][use] += amount

    def consumed(self, canister: Principal) -> Mapping[Use, int]:
        """Return what a canister has spent so far, by use."""
        return dict(self._consumed.get(canister, _no_consumption()))

    def consumed_in_all(self) -> int:
        """Return what all canisters have spent, deleted ones too."""
        return sum(sum(account.values()) for account in self._consumed.values())

    def add(self, runtime: CanisterRuntime, amount: int) -> None:
        """Put cycles into a balance."""
        if amount:
            runtime.state = renew(runtime.state, cycles=runtime.state.cycles + amount)

    def charge(self, runtime: CanisterRuntime, amount: int, use: Use) -> Reject | None:
        """Take a fee, unless the canister would be frozen; then nothing is taken."""
        refusal = self._take(runtime, amount)
        if refusal is None:
            self.consume(runtime.state.id, use, amount)
        return refusal

    def prepay(self, runtime: CanisterRuntime, amount: int) -> Reject | None:
        """Take what an execution may cost at most; ``settle`` gives back the rest."""
        return self._take(runtime, amount)

    def settle(self, runtime: CanisterRuntime, prepaid: int, used: int) -> None:
        """Give back what an execution did not use and book what it did."""
        self.add(runtime, prepaid - used)
        self.consume(runtime.state.id, Use.INSTRUCTIONS, used)

    def charge_idle(self, runtime: CanisterRuntime, seconds: int) -> bool:
        """Take the fees for memory and compute allocation; False when the balance is used up.

        Reserved cycles go first. What cannot be paid is not owed.
        """
        memory = self.prices.memory(self.memory_bytes(runtime), seconds)
        compute = self._compute(runtime.state.settings.compute_allocation, seconds)
        return self._pay_idle(runtime, memory, Use.MEMORY) and self._pay_idle(
            runtime, compute, Use.COMPUTE_ALLOCATION
        )

    # --- executing

    def run(
        self,
        runtime: CanisterRuntime,
        task: Task,
        *,
        prepaid: int | None = None,
        bumps_version: bool = True,
    ) -> Outcome:
        """Execute a message that its canister pays for; the unused part comes back.

        prepaid: paid already, with the call whose callback this is.
        """
        is_64 = runtime.module.is_64
        if prepaid is None:
            prepaid = self.prices.execution(task.instruction_limit, is_64=is_64)
            refusal = self.prepay(runtime, prepaid)
            if refusal is not None:
                return Outcome(refusal)
        outcome = runtime.execute(task, bumps_version=bumps_version)
        used = min(prepaid, self.prices.execution(outcome.instructions, is_64=is_64))
        self.settle(runtime, prepaid, used)
        self.consume(runtime.state.id, Use.BURNED, outcome.burned_cycles)
        return outcome

    # --- anchors

    def saved(self) -> SavedBank:
        """Return the books."""
        consumed = {canister: dict(account) for canister, account in self._consumed.items()}
        return SavedBank(self.minted, self.lost, consumed)

    def restore(self, saved: SavedBank) -> None:
        """Put back what ``saved`` returned."""
        self.minted, self.lost = saved.minted, saved.lost
        self._consumed.clear()
        for canister, account in saved.consumed.items():
            self._consumed[canister].update(account)

    # --- inside

    def _compute(self, percent: int, seconds: int) -> int:
        return self.prices.compute_percent_second * percent * seconds

    def _take(self, runtime: CanisterRuntime, amount: int) -> Reject | None:
        if not amount:
            return None
        missing = self.threshold(runtime) + amount - runtime.state.cycles
        if missing > 0:
            return out_of_cycles(runtime.state.id, missing)
        runtime.state = renew(runtime.state, cycles=runtime.state.cycles - amount)
        return None

    def _pay_idle(self, runtime: CanisterRuntime, amount: int, use: Use) -> bool:
        state = runtime.state
        from_reserved = min(amount, state.reserved_cycles)
        from_balance = min(amount - from_reserved, state.cycles)
        runtime.state = renew(
            state,
            reserved_cycles=state.reserved_cycles - from_reserved,
            cycles=state.cycles - from_balance,
        )
        self.consume(state.id, use, from_reserved + from_balance)
        return from_reserved + from_balance == amount


def out_of_cycles(canister: Principal, missing: int) -> Reject:
    """Return the replica's reject of a frozen canister."""
    text = f"Canister {canister} is out of cycles: please top up the canister with at least "
    return reject("IC0207", f"{text}{missing} additional cycles")


@lru_cache(maxsize=1)
def _uses() -> tuple[Use, ...]:
    return tuple(Use)


def _no_consumption() -> dict[Use, int]:
    return dict.fromkeys(_uses(), 0)
