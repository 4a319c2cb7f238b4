"""Remembering a whole world and bringing it back: what anchors and restore points are made of.

Everything that outlives a message goes through ``save`` and ``rewind`` (invariant 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.cycles import SavedBank
    from sandbox.execution.canister import CanisterRuntime, Capture
    from sandbox.principal import Principal
    from sandbox.state import LogRecord
    from sandbox.world.mocks import SavedMocks
    from sandbox.world.outcalls import SavedOutcalls
    from sandbox.world.points import Past
    from sandbox.world.statistics import Counts
    from sandbox.world.traffic import Traffic
    from sandbox.world.world import World
    from snapshot.shelf import Saved


@dataclass(frozen=True, slots=True)
class SavedCanister:
    """One canister as it was."""

    runtime: CanisterRuntime
    capture: Capture
    log: tuple[tuple[LogRecord, ...], int]


@dataclass(frozen=True, slots=True)
class SavedWorld:
    """A whole sandbox as it was.

    counters: bytes drawn for canisters and for the order, and until when canisters have paid.
    queried: the counts of ``sandbox.world.statistics``.
    past: the restore points there were; None in a restore point.
    """

    canisters: dict[Principal, SavedCanister]
    traffic: Traffic
    snapshots: Saved
    now_ns: int
    next_canister: int
    bank: SavedBank
    mocks: SavedMocks
    outcalls: SavedOutcalls
    stopping: frozenset[Principal]
    counters: tuple[int, int, int]
    queried: Mapping[Principal, Counts] = field(default_factory=dict)
    past: Past | None = None


def save(world: World, earlier: SavedWorld | None = None) -> SavedWorld:
    """Remember everything but the past; the canisters' pages are not copied.

    earlier: what was saved before; canisters that are as they were then cost nothing.
    """
    known = {} if earlier is None else earlier.canisters
    return SavedWorld(
        {id_: _saved(it, known.get(id_)) for id_, it in world.canisters.items()},
        world.router.saved(),
        world.snapshots.saved(),
        world.clock.now_ns,
        world.next_canister,
        world.bank.saved(),
        world.mocks.saved(),
        world.outcalls.saved(),
        frozenset(world.stopping),
        (world.random.drawn, world.order.drawn, world.paid_until_ns),
        world.queried.saved(),
    )


def rewind(world: World, saved: SavedWorld) -> None:
    """Make everything but the past as it was saved; costs the pages changed since."""
    for id_, runtime in list(world.canisters.items()):
        kept = saved.canisters.get(id_)
        if kept is None or kept.runtime is not runtime:
            runtime.discard()
    world.canisters.clear()
    for id_, item in saved.canisters.items():
        if item.runtime.state is not item.capture.state:
            item.runtime.restore(item.capture)
        item.runtime.log.restore(item.log)
        world.canisters[id_] = item.runtime
    world.router.restore(saved.traffic)
    world.snapshots.restore(saved.snapshots)
    world.clock.now_ns = saved.now_ns
    world.next_canister = saved.next_canister
    world.bank.restore(saved.bank)
    world.mocks.restore(saved.mocks)
    world.outcalls.restore(saved.outcalls)
    world.stopping = set(saved.stopping)
    world.queried.restore(saved.queried)
    world.random.drawn, world.order.drawn, world.paid_until_ns = saved.counters


def _saved(runtime: CanisterRuntime, earlier: SavedCanister | None) -> SavedCanister:
    log = runtime.log
    if earlier is None or earlier.runtime is not runtime:
        return SavedCanister(runtime, runtime.capture(), log.saved())
    # A state record is replaced with every change, of memory too: the same one, the same bytes.
    is_same = earlier.capture.state is runtime.state
    if is_same and earlier.log[1] == log.next_index:
        return earlier
    capture = earlier.capture if is_same else runtime.capture()
    return SavedCanister(runtime, capture, log.saved())
