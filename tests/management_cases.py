"""One case for every method of ``ic.did``: a call that works, what it changes, calls that do not.

A method without a case, or without a reason to be refused, fails
``sandbox/management/test_every_method.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from calling_room import IDLE, caller
from sandbox.engine.compiler import wat_to_wasm
from sandbox.principal import Principal
from sandbox.state import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox import Canister, Sandbox
    from sandbox.execution.canister import CanisterRuntime

    Wrong = dict[str, Any] | Callable[["Room"], dict[str, Any]]

Fields = dict[str, Any]
WASM: Final = wat_to_wasm(IDLE.decode())
_MOTTO: Final = b"icp:public motto"
NAMED: Final = WASM + bytes([0, len(_MOTTO) + 2 + 1, len(_MOTTO)]) + _MOTTO + b"hi"
_FEE: Final = 10_000_000_000
_HASH: Final = bytes(range(32))
_ECDSA: Final = {"curve": "secp256k1", "name": "key_1"}
_SCHNORR: Final = {"algorithm": "ed25519", "name": "key_1"}
_VETKD: Final = {"curve": "bls12_381_g2", "name": "key_1"}
_NOWHERE: Final = Principal(b"\x01")
_ELEVEN: Final = [Principal.from_index(number) for number in range(11)]


@dataclass(slots=True)
class Room:
    """A canister that the user and another canister control."""

    ic: Sandbox
    subject: Canister
    asking: Canister
    balance_before: int = 0

    @classmethod
    def of(cls, ic: Sandbox) -> Room:
        """Make the two canisters."""
        asking = caller(ic)
        subject = ic.install(NAMED, controllers=[ic.identity, asking.id])
        return cls(ic, subject, asking)

    @property
    def gained(self) -> int:
        """Cycles of the subject since ``balance_before`` was noted."""
        return self.runtime.state.cycles - self.balance_before

    @property
    def runtime(self) -> CanisterRuntime:
        """The subject as it is inside."""
        return self.ic.world.canisters[self.subject.id]

    def seen(self) -> tuple[object, ...] | None:
        """Return all that a refused call must leave alone; None when the canister is gone."""
        runtime = self.ic.world.canisters.get(self.subject.id)
        if runtime is None:
            return None
        state, snapshots = runtime.state, self.ic.world.snapshots.of(self.subject.id)
        return (
            state.status, state.version, state.settings, state.total_changes, state.history,
            state.module, dict(state.chunks), self.subject.checksum,
            [(item.id, item.checksum) for item in snapshots], set(self.ic.world.canisters),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """How a method is called and what it does to the canister it is about.

    fields: the argument, but for the canister's id. prepare: what must be there before; what it
    returns joins the fields. version, history, status: what changes. holds: whether the result,
    and what else there is to see, is right. wrong: fields, or a state, that are refused; the code.
    """

    fields: Fields = field(default_factory=dict)
    prepare: Callable[[Room], Fields] = lambda _room: {}
    cycles: int = 0
    version: int = 0
    history: str = ""
    status: Status = Status.RUNNING
    holds: Callable[[Room, Any], bool] = lambda _room, _result: True
    wrong: tuple[tuple[Wrong, str], ...] = ()
    target: str | None = "canister_id"


def _taken(room: Room) -> Fields:
    return {"snapshot_id": room.subject.take_snapshot().id.raw}


def _with_snapshot(room: Room) -> Fields:
    room.subject.take_snapshot()
    return {}


def _uploading(room: Room) -> Fields:
    begun = room.ic.management.upload_canister_snapshot_metadata(
        canister_id=room.subject.id, **_METADATA
    )
    return {"snapshot_id": begun.snapshot_id}


def _stopped(room: Room) -> Fields:
    room.subject.stop()
    return {}


def _started(room: Room) -> Fields:
    room.subject.start()
    return {}


def _with_chunk(room: Room) -> Fields:
    room.ic.management.upload_chunk(canister_id=room.subject.id, chunk=WASM)
    return {}


def _chunked(room: Room) -> Fields:
    _with_chunk(room)
    return {"chunk_hashes_list": [{"hash": sha256(WASM).digest()}]}


def _mocked(room: Room) -> Fields:
    room.ic.http.mock("*", "42")
    return {}


def _own_subnet(room: Room) -> Fields:
    return {"subnet_id": room.ic.world.machine.subnet}


_METADATA: Final[Fields] = {
    "wasm_module_size": 4, "globals": [], "wasm_memory_size": 0, "stable_memory_size": 0,
    "certified_data": b"",
}  # fmt: skip
_UNKNOWN: Final = ({"snapshot_id": bytes(18)}, "IC0305")
_NO_ID: Final = ({"snapshot_id": b"short"}, "IC0408")
_LOST: Final = {"name": "lost"}
# The generator of G1, compressed: the public key of the transport secret 1.
_G1: Final = bytes.fromhex(
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
    "6c55e83ff97a1aeffb3af00adb22c6bb"
)
_NO_CHUNK: Final = {"chunk_hashes_list": [{"hash": _HASH}]}
_BAD_WASM: Final = ({"wasm_module": b"no wasm"}, "IC0505")

# fmt: off
CASES: Final[Mapping[str, Case]] = MappingProxyType({
    # --- canisters and their cycles
    "create_canister": Case(
        target=None, cycles=10**12,
        holds=lambda room, it: it.canister_id in room.ic.world.canisters,
        wrong=(({"settings": {"compute_allocation": 101}}, "IC0504"),),
    ),
    "provisional_create_canister_with_cycles": Case(
        {"amount": 5}, target=None,
        holds=lambda room, it: room.ic.world.canisters[it.canister_id].state.cycles == 5,
        wrong=(({"settings": {"controllers": _ELEVEN}}, "IC0408"),),
    ),
    "provisional_top_up_canister": Case(
        {"amount": 10**12}, holds=lambda room, _: room.gained > 9 * 10**11,
    ),
    "deposit_cycles": Case(cycles=10**12, holds=lambda room, _: room.gained == 10**12),
    "start_canister": Case(prepare=_stopped, version=1),
    "stop_canister": Case(version=2, status=Status.STOPPED),
    "delete_canister": Case(
        prepare=_stopped, holds=lambda room, _: room.seen() is None,
        wrong=((_started, "IC0510"),),
    ),
    "update_settings": Case(
        {"settings": {"controllers": [_NOWHERE]}}, version=1, history="controllers_change",
        holds=lambda room, _: room.runtime.state.settings.controllers == (_NOWHERE,),
        wrong=(
            ({"settings": {"compute_allocation": 101}}, "IC0504"),
            ({"settings": {"controllers": _ELEVEN}}, "IC0408"),
            ({"settings": {"environment_variables": [{"name": "x" * 129, "value": ""}]}}, "IC0408"),
        ),
    ),
    # --- code
    "upload_chunk": Case(
        {"chunk": WASM},
        holds=lambda room, it: dict(room.runtime.state.chunks) == {it.hash: WASM},
        wrong=(({"chunk": bytes((1 << 20) + 1)}, "IC0504"),),
    ),
    "clear_chunk_store": Case(
        prepare=_with_chunk, holds=lambda room, _: not room.runtime.state.chunks,
    ),
    "stored_chunks": Case(
        prepare=_with_chunk,
        holds=lambda _, it: [row.hash for row in it] == [sha256(WASM).digest()],
    ),
    "install_code": Case(
        {"mode": "reinstall", "wasm_module": WASM, "arg": b""},
        version=1, history="code_deployment",
        holds=lambda room, _: room.subject.module_hash == sha256(WASM).digest(),
        wrong=(_BAD_WASM, ({"mode": "install"}, "IC0514")),
    ),
    "install_chunked_code": Case(
        {"mode": "upgrade", "wasm_module_hash": sha256(WASM).digest(), "arg": b""},
        prepare=_chunked, target="target_canister", version=1, history="code_deployment",
        holds=lambda room, _: room.subject.module_hash == sha256(WASM).digest(),
        wrong=((_NO_CHUNK, "IC0504"), ({"wasm_module_hash": _HASH}, "IC0504")),
    ),
    "uninstall_code": Case(
        version=1, history="code_uninstall", holds=lambda room, _: room.subject.module_hash is None,
    ),
    # --- what can be learnt
    "canister_status": Case(
        holds=lambda room, it: (it.status, it.version) == ("running", room.runtime.state.version),
    ),
    "canister_metrics": Case(holds=lambda _, it: it.cycles_consumed.instructions > 0),
    "canister_info": Case(
        {"num_requested_changes": 1},
        holds=lambda _, it: "code_deployment" in it.recent_changes[0].details,
    ),
    "canister_metadata": Case(
        {"name": "motto"}, holds=lambda _, it: it.value == b"hi",
        wrong=(({"name": "x"}, "IC0406"),),
    ),
    "fetch_canister_logs": Case(holds=lambda _, it: it.canister_log_records == []),
    "list_canisters": Case(target=None, holds=lambda _, it: len(it.canisters) == 1),
    "raw_rand": Case(target=None, holds=lambda _, it: len(it) == 32),
    "subnet_info": Case(
        target=None, prepare=_own_subnet, holds=lambda _, it: it.registry_version == 1,
        wrong=(({"subnet_id": _NOWHERE}, "IC0404"),),
    ),
    "node_metrics_history": Case(
        {"start_at_timestamp_nanos": 0}, target=None, prepare=_own_subnet,
        holds=lambda _, it: len(it[0].node_metrics) == 13,
        wrong=(({"subnet_id": _NOWHERE}, "IC0404"),),
    ),
    # --- the outside, and keys
    "http_request": Case(
        {"url": "https://example.com", "method": "get", "headers": []}, target=None,
        prepare=_mocked, cycles=50_000_000_000, holds=lambda _, it: it.body == b"42",
        wrong=(({"method": "put"}, "IC0406"), ({"max_response_bytes": 1 << 21}, "IC0406")),
    ),
    "ecdsa_public_key": Case(
        {"derivation_path": [], "key_id": _ECDSA}, target=None,
        holds=lambda _, it: len(it.public_key) == 33,
        wrong=(({"key_id": _ECDSA | _LOST}, "IC0406"),),
    ),
    "sign_with_ecdsa": Case(
        {"derivation_path": [], "key_id": _ECDSA, "message_hash": _HASH}, target=None, cycles=_FEE,
        holds=lambda _, it: len(it.signature) == 64, wrong=(({"message_hash": b""}, "IC0406"),),
    ),
    "schnorr_public_key": Case(
        {"derivation_path": [], "key_id": _SCHNORR}, target=None,
        holds=lambda _, it: len(it.public_key) == 32,
        wrong=(({"key_id": _SCHNORR | _LOST}, "IC0406"),),
    ),
    "sign_with_schnorr": Case(
        {"derivation_path": [], "key_id": _SCHNORR, "message": b"hi"}, target=None, cycles=_FEE,
        holds=lambda _, it: len(it.signature) == 64,
        wrong=(({"key_id": _SCHNORR | _LOST}, "IC0406"),),
    ),
    "vetkd_public_key": Case(
        {"context": b"", "key_id": _VETKD}, target=None,
        holds=lambda _, it: len(it.public_key) == 96,
        wrong=(({"key_id": _VETKD | _LOST}, "IC0406"),),
    ),
    "vetkd_derive_key": Case(
        {"input": b"", "context": b"", "key_id": _VETKD, "transport_public_key": _G1}, target=None,
        cycles=_FEE, holds=lambda _, it: len(it.encrypted_key) == 192,
        wrong=(({"transport_public_key": bytes(48)}, "IC0406"),),
    ),
    # --- snapshots
    "take_canister_snapshot": Case(
        holds=lambda room, it: room.subject.list_snapshots()[0].id.raw == it.id,
        wrong=(({"replace_snapshot": bytes(18)}, "IC0305"), ({"replace_snapshot": b"x"}, "IC0408")),
    ),
    "load_canister_snapshot": Case(
        prepare=_taken, version=1, history="load_snapshot", wrong=(_UNKNOWN, _NO_ID),
    ),
    "list_canister_snapshots": Case(prepare=_with_snapshot, holds=lambda _, it: len(it) == 1),
    "delete_canister_snapshot": Case(
        prepare=_taken, holds=lambda room, _: room.subject.list_snapshots() == (),
        wrong=(_UNKNOWN, _NO_ID),
    ),
    "read_canister_snapshot_metadata": Case(
        prepare=_taken, holds=lambda _, it: it.wasm_module_size == len(NAMED),
        wrong=(_UNKNOWN, _NO_ID),
    ),
    "read_canister_snapshot_data": Case(
        {"kind": {"wasm_module": {"offset": 0, "size": 4}}}, prepare=_taken,
        holds=lambda _, it: it.chunk == b"\0asm",
        wrong=(
            _UNKNOWN, _NO_ID,
            ({"kind": {"wasm_module": {"offset": 0, "size": 2_000_001}}}, "IC0408"),
            ({"kind": {"stable_memory": {"offset": 1, "size": 1}}}, "IC0408"),
            ({"kind": {"wasm_chunk": {"hash": _HASH}}}, "IC0504"),
        ),
    ),
    "upload_canister_snapshot_metadata": Case(
        _METADATA, holds=lambda room, it: room.subject.list_snapshots()[0].id.raw == it.snapshot_id,
        wrong=(
            ({"wasm_module_size": 0}, "IC0408"),
            ({"wasm_memory_size": 1}, "IC0408"),
            ({"certified_data": bytes(33)}, "IC0408"),
        ),
    ),
    "upload_canister_snapshot_data": Case(
        {"kind": {"wasm_module": {"offset": 0}}, "chunk": b"\0asm"}, prepare=_uploading,
        holds=lambda room, _: room.subject.list_snapshots()[0].content.module == b"\0asm",
        wrong=(_UNKNOWN, _NO_ID, ({"kind": {"wasm_module": {"offset": 1}}}, "IC0408")),
    ),
})
# fmt: on
# Refused whoever calls and whatever is given, with a text that says what to do instead.
REFUSED: Final[Mapping[str, Fields]] = MappingProxyType(
    {
        "bitcoin_get_balance": {"address": "bc1", "network": "mainnet"},
        "bitcoin_get_utxos": {"address": "bc1", "network": "mainnet"},
        "bitcoin_send_transaction": {"transaction": b"", "network": "mainnet"},
        "bitcoin_get_current_fee_percentiles": {"network": "mainnet"},
        "bitcoin_get_block_headers": {"start_height": 0, "network": "mainnet"},
    }
)
