"""Sandboxes against plain Python: any sequence of messages, snapshots, anchors and upgrades.

Two sandboxes, one with copy-on-write memories and one with plain copies, do the same; a
naive model says what must be in heap, stable memory, global, certified data and timer. The
state checksums of the two must agree after every step, and equal states must have equal ones.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from canisters import universal as u
from canisters.universal import Hook
from engine_room import execute, open_sandbox, reply_of, runtime_of
from memory_arena import KINDS
from sandbox import CanisterRejected
from sandbox.system_api.table import Context
from universal_room import universal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Anchor, Canister, Snapshot

PAGE: Final = 65_536
SCRATCH: Final = 65_536
BYTES: Final = st.integers(1, 255)
SIZES: Final = st.sampled_from([1, 7, 100, 4096, 9000])
PLACES: Final = st.sampled_from([0, 1, 4090, 4096, 8191, 40_000, 56_000])


@dataclass
class Model:
    """The state as a beginner would keep it."""

    scratch: bytearray = field(default_factory=lambda: bytearray(SCRATCH))
    stable: bytearray = field(default_factory=bytearray)
    number: int = 0
    certified: bytes = b""
    timer: int = 0

    def fresh_heap(self) -> None:
        self.scratch, self.number, self.timer = bytearray(SCRATCH), 0, 0


class SandboxAgainstModel(RuleBasedStateMachine):
    """The rules are what users do; a failing message does the same work and then traps."""

    def __init__(self) -> None:
        super().__init__()
        self.sandboxes = [open_sandbox(memory=kind) for kind in KINDS]
        self.canisters: list[Canister] = []
        self.model = Model()
        self.messages = 0
        self.snapshots: list[tuple[list[Snapshot], Model]] = []
        self.anchors: list[tuple[list[Anchor], Model, list[Any]]] = []

    @initialize()
    def install(self) -> None:
        self.canisters = [ic.install(universal("wasm32"), b"") for ic in self.sandboxes]

    def teardown(self) -> None:
        for ic in self.sandboxes:
            ic.close()

    # --- messages

    def message(self, script: bytes, *, ends: str = "well") -> None:
        tail = {"well": b"", "trap": u.unreachable(), "query": b""}[ends]
        context = Context.QUERY if ends == "query" else Context.UPDATE
        self.messages += 1  # each message leaves its own number in a global of Wasm
        script = u.set_global(self.messages) + script
        for canister in self.canisters:
            outcome = execute(canister, "update", context, argument=script + tail)
            assert (outcome.failure is None) == (ends != "trap"), outcome.failure
        if ends == "well":
            self.model.number = self.messages

    @rule(at=PLACES, size=SIZES, byte=BYTES, ends=st.sampled_from(["well", "trap", "query"]))
    def write_heap(self, at: int, size: int, byte: int, ends: str) -> None:
        self.message(u.heap_fill(u.scratch(at), byte, size), ends=ends)
        if ends == "well":
            self.model.scratch[at : at + size] = bytes([byte]) * size

    @rule(page=st.integers(0, 3), at=PLACES, size=SIZES, byte=BYTES,
          ends=st.sampled_from(["well", "trap", "query"]))  # fmt: skip
    def write_stable(self, page: int, at: int, size: int, byte: int, ends: str) -> None:
        start = page * PAGE + at
        if start + size > len(self.model.stable):
            return
        self.message(u.stable_write(start, bytes([byte]) * size), ends=ends)
        if ends == "well":
            self.model.stable[start : start + size] = bytes([byte]) * size

    @rule(pages=st.integers(1, 2), ends=st.sampled_from(["well", "trap", "query"]))
    def grow_stable(self, pages: int, ends: str) -> None:
        end = len(self.model.stable) + pages * PAGE
        script = u.do("stable64_grow", pages) + u.stable_write(end - 3, b"end")
        self.message(script, ends=ends)
        if ends == "well":
            self.model.stable += bytes(pages * PAGE - 3) + b"end"

    @rule(pages=st.integers(1, 3), ends=st.sampled_from(["well", "trap", "query"]))
    def grow_heap(self, pages: int, ends: str) -> None:
        self.message(u.evaluate(u.heap_grow(pages)), ends=ends)

    @rule(number=st.integers(0, 2**64 - 1), ends=st.sampled_from(["well", "trap"]))
    def set_the_rest(self, number: int, ends: str) -> None:
        certified = number.to_bytes(8, "little")
        script = u.do("certified_data_set", certified) + u.do("global_timer_set", number)
        self.message(script, ends=ends)
        if ends == "well":
            self.model.timer, self.model.certified = number, certified

    @rule()
    def lose_the_instance(self) -> None:
        runtime_of(self.canisters[0]).discard()

    # --- snapshots and anchors

    @precondition(lambda self: len(self.snapshots) < 5)
    @rule()
    def take(self) -> None:
        taken = [canister.take_snapshot() for canister in self.canisters]
        self.snapshots.append((taken, deepcopy(self.model)))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def load(self, data: st.DataObject) -> None:
        taken, model = data.draw(st.sampled_from(self.snapshots))
        for canister, snapshot in zip(self.canisters, taken, strict=True):
            canister.load_snapshot(snapshot)
        timer, self.model = self.model.timer, deepcopy(model)
        self.model.timer = timer  # the one thing that a snapshot does not bring back

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.snapshots) - 1))
        taken, _ = self.snapshots.pop(index)
        for canister, snapshot in zip(self.canisters, taken, strict=True):
            canister.delete_snapshot(snapshot)

    @precondition(lambda self: len(self.anchors) < 3)
    @rule()
    def anchor(self) -> None:
        set_ = [ic.anchor() for ic in self.sandboxes]
        self.anchors.append((set_, deepcopy(self.model), list(self.snapshots)))

    @precondition(lambda self: self.anchors)
    @rule(is_last_time=st.booleans())
    def rewind(self, is_last_time: bool) -> None:
        set_, model, snapshots = self.anchors[-1]
        for anchor in set_:
            anchor.rewind()
        self.model, self.snapshots = deepcopy(model), list(snapshots)
        if is_last_time:
            self.anchors.pop()

    # --- code

    def change_code(self, change: Callable[[Canister], object], *, fails: bool) -> None:
        for canister in self.canisters:
            if fails:
                with pytest.raises(CanisterRejected):
                    change(canister)
            else:
                change(canister)

    @rule(fails=st.booleans(), byte=BYTES)
    def upgrade(self, fails: bool, byte: int) -> None:
        in_pre = u.do("certified_data_set", bytes([byte]))
        self.message(u.on(Hook.PRE_UPGRADE, in_pre))
        script = u.heap_fill(u.scratch(5), byte, 5000) + (u.unreachable() if fails else b"")
        self.change_code(lambda c: c.upgrade(universal("wasm32"), script), fails=fails)
        if not fails:
            self.model.fresh_heap()
            self.model.certified = bytes([byte])
            self.model.scratch[5:5005] = bytes([byte]) * 5000

    @rule(fails=st.booleans())
    def reinstall(self, fails: bool) -> None:
        script = u.do("stable64_grow", 1) + (u.unreachable() if fails else b"")
        self.change_code(lambda c: c.reinstall(universal("wasm32"), script), fails=fails)
        if not fails:
            self.model = Model(stable=bytearray(PAGE))

    @rule()
    def uninstall_and_install(self) -> None:
        self.change_code(lambda c: c.uninstall(), fails=False)
        self.change_code(lambda c: c.install(universal("wasm32"), b""), fails=False)
        self.model = Model()

    # --- what must hold

    @invariant()
    def both_kinds_of_memory_agree(self) -> None:
        checksums = {canister.checksum for canister in self.canisters}
        assert len(checksums) <= 1

    @invariant()
    def the_model_agrees(self) -> None:
        look = u.reply(u.get_global(), u.heap_read(u.scratch(), SCRATCH))
        expected = self.model.number.to_bytes(8, "little") + self.model.scratch
        for canister in self.canisters:
            answer = execute(canister, "query", Context.QUERY, argument=look)
            assert reply_of(answer) == expected
            assert canister.stable_memory == self.model.stable
            assert canister.certified_data == self.model.certified
            assert runtime_of(canister).state.timer_ns == self.model.timer


SandboxAgainstModel.TestCase.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None
)
TestSandboxAgainstModel = pytest.mark.slow(SandboxAgainstModel.TestCase)
