"""Whatever happens to canisters, every live snapshot keeps its bytes; held against plain bytes.

The model knows for each canister its heap, stable memory and count of updates, and for each
snapshot the same as they were; snapshots in a store and in the sandbox are both asked.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox import CanisterTrapped, Sandbox
from sandbox.memory import copy_on_write
from snapshot.store import Store, collect, verify
from snapshot_canister import POKE, poke

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.engine import Compiler
    from sandbox.handle import Canister
    from sandbox.world.anchor import Anchor
    from snapshot.record import Snapshot

PAGE: Final = 65_536
COUNT_AT_START: Final = 5
# The same canister with another constant: an upgrade that keeps stable memory only.
UPGRADE: Final = POKE.replace(b"(i32.const 42)", b"(i32.const 43)")
places = st.one_of(st.integers(256, 2 * PAGE - 20), st.sampled_from([4_090, PAGE - 5]))
datas = st.binary(min_size=1, max_size=12)
which = st.integers(0, 7)


@dataclass(frozen=True)
class Model:
    """A canister as it should be."""

    heap: bytes
    stable: bytes
    count: int

    def with_heap(self, where: int, data: bytes) -> Model:
        heap = bytes(4) + self.heap[4:where] + data + self.heap[where + len(data) :]
        return replace(self, heap=heap, count=self.count + 1)


FRESH: Final = Model(bytes(2 * PAGE), b"", COUNT_AT_START)


@pytest.fixture(autouse=True, scope="module")
def _shared_compiler(compiler: Compiler) -> Iterator[None]:
    Everything.compiler = compiler
    yield
    del Everything.compiler


class Everything(RuleBasedStateMachine):
    compiler: ClassVar[Compiler]

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.store = Store(self.directory)
        self.ic = Sandbox(compiler=self.compiler)
        self.canisters: list[tuple[Canister, Model]] = []
        self.snapshots: list[tuple[Snapshot, Model]] = []
        self.stored: list[tuple[str, str, Model]] = []
        self.anchors: list[tuple[Anchor, list[tuple[Canister, Model]],
                                 list[tuple[Snapshot, Model]]]] = []  # fmt: skip
        self.worth_sharing = copy_on_write._WORTH_SHARING
        copy_on_write._WORTH_SHARING = 0  # type: ignore[misc]  # put back in teardown

    def teardown(self) -> None:
        copy_on_write._WORTH_SHARING = self.worth_sharing  # type: ignore[misc]  # as it was
        self.ic.close()
        self.store.close()
        shutil.rmtree(self.directory)

    @initialize()
    def begin(self) -> None:
        self.canisters.append((self.ic.install(POKE), FRESH))

    def _pick(self, number: int) -> tuple[int, Canister, Model]:
        at = number % len(self.canisters)
        return at, *self.canisters[at]

    @rule(number=which, where=places, data=datas)
    def update(self, number: int, where: int, data: bytes) -> None:
        at, canister, model = self._pick(number)
        poke(canister, "heap", where, data)
        self.canisters[at] = canister, model.with_heap(where, data)

    @rule(number=which, where=places, data=datas)
    def trap(self, number: int, where: int, data: bytes) -> None:
        _, canister, _ = self._pick(number)
        with pytest.raises(CanisterTrapped):
            poke(canister, "heap_and_trap", where, data)

    @rule(number=which)
    def grow_heap(self, number: int) -> None:
        at, canister, model = self._pick(number)
        if len(model.heap) < 6 * PAGE:
            canister.update_raw("grow_heap")
            self.canisters[at] = canister, replace(model, heap=model.heap + bytes(PAGE))

    @rule(number=which, data=datas)
    def grow_stable_and_write(self, number: int, data: bytes) -> None:
        at, canister, model = self._pick(number)
        if len(model.stable) >= 4 * PAGE:
            return
        canister.update_raw("grow_stable")
        poke(canister, "stable", len(model.stable), data)
        # The canister passes the data through its heap at 64, and where it goes through 0.
        where = len(model.stable).to_bytes(4, "little")
        heap = where + model.heap[4:64] + data + model.heap[64 + len(data) :]
        stable = model.stable + data.ljust(PAGE, b"\0")
        self.canisters[at] = canister, replace(model, stable=stable, heap=heap)

    @rule(number=which)
    def upgrade(self, number: int) -> None:
        at, canister, model = self._pick(number)
        canister.upgrade(UPGRADE)
        self.canisters[at] = canister, replace(FRESH, stable=model.stable)

    @rule(number=which)
    def take(self, number: int) -> None:
        _, canister, model = self._pick(number)
        if len(canister.list_snapshots()) < 5:
            self.snapshots.append((canister.take_snapshot(), model))

    @precondition(lambda self: self.snapshots)
    @rule(number=which, snapshot=which)
    def load(self, number: int, snapshot: int) -> None:
        at, canister, _ = self._pick(number)
        found, model = self.snapshots[snapshot % len(self.snapshots)]
        canister.load_snapshot(found)
        self.canisters[at] = canister, model

    @precondition(lambda self: self.snapshots)
    @rule(number=which)
    def delete(self, number: int) -> None:
        found, _ = self.snapshots.pop(number % len(self.snapshots))
        self.ic.delete_snapshot(found)

    @precondition(lambda self: len(self.canisters) < 4)
    @rule(number=which)
    def clone(self, number: int) -> None:
        _, canister, model = self._pick(number)
        self.canisters.append((self.ic.snapshots.clone(canister), model))

    @precondition(lambda self: self.snapshots and len(self.canisters) < 4)
    @rule(number=which)
    def clone_a_snapshot(self, number: int) -> None:
        found, model = self.snapshots[number % len(self.snapshots)]
        self.canisters.append((self.ic.snapshots.clone(found), model))

    @precondition(lambda self: len(self.anchors) < 3)
    @rule()
    def anchor(self) -> None:
        self.anchors.append((self.ic.anchor(), list(self.canisters), list(self.snapshots)))

    @precondition(lambda self: self.anchors)
    @rule(leaves=st.booleans())
    def rewind(self, leaves: bool) -> None:
        anchor, canisters, snapshots = self.anchors[-1]
        anchor.rewind()
        self.canisters, self.snapshots = list(canisters), list(snapshots)
        if leaves:
            self.anchors.pop()

    @precondition(lambda self: self.snapshots)
    @rule(number=which)
    def store_one(self, number: int) -> None:
        found, model = self.snapshots[number % len(self.snapshots)]
        manifest = self.ic.snapshots.save(found, self.store)
        assert manifest.checksum == found.checksum
        self.stored.append((manifest.stored_id, manifest.checksum, model))

    @precondition(lambda self: self.stored)
    @rule(number=which)
    def forget_one_and_collect(self, number: int) -> None:
        stored_id, _, _ = self.stored[number % len(self.stored)]
        self.stored = [item for item in self.stored if item[0] != stored_id]
        self.store.delete(self.store.find(stored_id))
        collect(self.store)
        assert verify(self.store).is_sound

    @precondition(lambda self: self.stored)
    @rule(number=which, into=which)
    def fetch_and_load(self, number: int, into: int) -> None:
        stored_id, checksum, model = self.stored[number % len(self.stored)]
        at, canister, _ = self._pick(into)
        if len(canister.list_snapshots()) >= 5:
            return
        fetched = self.ic.snapshots.fetch(stored_id, self.store, canister)
        assert fetched.checksum == checksum
        canister.load_snapshot(fetched)
        self.snapshots.append((fetched, model))
        self.canisters[at] = canister, model

    @invariant()
    def every_canister_is_as_it_should_be(self) -> None:
        for canister, model in self.canisters:
            assert bytes(canister.heap) == model.heap
            assert bytes(canister.stable_memory) == model.stable
            assert canister.globals["global 0"] == model.count

    @invariant()
    def every_snapshot_has_kept_its_bytes(self) -> None:
        for found, model in self.snapshots:
            content = found.content
            heap, stable = content.heap, content.stable
            assert heap.region.read(0, heap.mark.size_bytes, at=heap.mark) == model.heap
            assert stable.region.read(0, stable.mark.size_bytes, at=stable.mark) == model.stable
            assert content.globals[2].bits == model.count

    @invariant()
    def equal_states_have_equal_checksums(self) -> None:
        by_model: dict[tuple[Model, bytes], str] = {}
        for found, model in self.snapshots:
            key = (model, found.content.module)
            assert by_model.setdefault(key, found.checksum) == found.checksum


TestEverything = pytest.mark.slow(Everything.TestCase)
TestEverything.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
