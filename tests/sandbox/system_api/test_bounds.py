"""Ranges outside the heap or outside what is copied: the replica's words, and no effect.

Source: replica, system_api.rs, ``valid_subslice``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from canisters import universal as u
from engine_room import failure_of, open_sandbox, runtime_of
from sandbox.principal import Principal
from sandbox.system_api.table import Context
from universal_room import WIDTHS, run, universal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Canister

CALLER: Final = Principal("un4fu-tqaaa-aaaab-qadjq-cai")
COPIES: Final[dict[str, tuple[str, str, int, Context, dict[str, Any]]]] = {
    # import: label of the heap, of the data, length of the data, context, the message
    "msg_arg_data_copy": ("heap", "payload", 5, Context.UPDATE, {"argument": b"hello"}),
    "msg_caller_copy": ("heap", "id", 10, Context.UPDATE, {"caller": CALLER}),
    "msg_caller_info_data_copy": ("heap", "data", 0, Context.UPDATE, {}),
    "msg_caller_info_signer_copy": ("heap", "id", 0, Context.UPDATE, {}),
    "msg_reject_msg_copy": (
        "heap", "msg", 4, Context.REJECT, {"argument": b"oops", "reject_code": 4}
    ),
    "msg_method_name_copy": ("heap", "payload", 18, Context.INSPECT, {}),
    "canister_self_copy": ("heap", "id", 10, Context.UPDATE, {}),
    "subnet_self_copy": ("heap", "id", 29, Context.UPDATE, {}),
    "root_key_copy": ("heap", "bytes", 133, Context.UPDATE, {}),
}  # fmt: skip
READS: Final = {
    # import that reads the heap: label, context
    "msg_reply_data_append": ("msg.reply", Context.UPDATE),
    "msg_reject": ("ic0.msg_reject", Context.UPDATE),
    "is_controller": ("ic0.is_controller", Context.UPDATE),
    "env_var_name_exists": ("ic0.env_var_name_exists heap", Context.UPDATE),
    "env_var_value_size": ("ic0.env_var_value_size heap", Context.UPDATE),
}
BIG: Final = 2**64 - 1


@pytest.fixture(scope="module", params=WIDTHS)
def canister(request: pytest.FixtureRequest) -> Iterator[tuple[Canister, bool]]:
    with open_sandbox() as ic:
        target = ic.create_canister(environment={"NAME": "value"})
        width = str(request.param)
        target.install(universal(width), b"")
        yield target, width == "wasm64"


def violation(
    canister: Canister, script: bytes, context: Context = Context.UPDATE, **task: Any
) -> str:
    """Run a script that must break the contract; return the replica's words for how."""
    before = canister.checksum
    refusal = failure_of(run(canister, script, context, **task))
    assert refusal.error_code == "IC0504"
    assert runtime_of(canister).heap.size_bytes == len(canister.heap)
    assert before is not None
    start = f"Error from Canister {canister.id}: Canister violated contract: "
    assert refusal.message.startswith(start)
    return refusal.message.removeprefix(start).split(".\n")[0]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_past_the_end_of_the_data_is_refused(
    canister: tuple[Canister, bool], name: str
) -> None:
    _, data, length, context, message = COPIES[name]

    said = violation(canister[0], u.do(name, 0, length, 1), context, **message)

    assert said == f"ic0.{name} {data}: src={length} + length=1 exceeds the slice size={length}"


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_past_the_end_of_the_heap_is_refused(
    canister: tuple[Canister, bool], name: str
) -> None:
    heap, _, _, context, message = COPIES[name]
    end = len(canister[0].heap)

    said = violation(canister[0], u.do(name, end, 0, 1), context, **message)

    assert said == f"ic0.{name} {heap}: src={end} + length=1 exceeds the slice size={end}"


@pytest.mark.parametrize("name", COPIES)
def test_a_range_of_data_that_wraps_around_is_refused(
    canister: tuple[Canister, bool], name: str
) -> None:
    target, is_64 = canister
    _, data, length, context, message = COPIES[name]
    big = BIG if is_64 else BIG >> 32

    said = violation(target, u.do(name, 0, big, 2), context, **message)

    # 32-bit numbers are added as 64-bit ones, so that their sum cannot wrap.
    reason = "is an invalid address" if is_64 else f"exceeds the slice size={length}"
    assert said == f"ic0.{name} {data}: src={big} + length=2 {reason}"


@pytest.mark.parametrize("name", READS)
def test_reading_past_the_end_of_the_heap_is_refused(
    canister: tuple[Canister, bool], name: str
) -> None:
    label, context = READS[name]
    end = len(canister[0].heap)

    said = violation(canister[0], u.do(name, end - 1, 2), context)

    assert said == f"{label}: src={end - 1} + length=2 exceeds the slice size={end}"


@pytest.mark.parametrize("name", COPIES)
def test_copying_nothing_at_the_very_end_is_allowed(
    canister: tuple[Canister, bool], name: str
) -> None:
    _, _, length, context, message = COPIES[name]
    end = len(canister[0].heap)

    outcome = run(canister[0], u.do(name, end, length, 0), context, **message)

    assert outcome.failure is None


@pytest.mark.parametrize(
    "name",
    ["canister_cycle_balance128", "canister_liquid_cycle_balance128", "msg_cycles_available128"],
)
@pytest.mark.parametrize("distance", [15, 1, 0])
def test_an_amount_of_cycles_is_written_only_where_16_bytes_fit(
    canister: tuple[Canister, bool], name: str, distance: int
) -> None:
    end = len(canister[0].heap)

    said = violation(canister[0], u.do(name, end - distance))

    assert said == (
        f"ic0_{name} failed because dst + size is out of bounds."
        f"Found dst = {end - distance} and size = 16 while must be <= {end}"
    )
    assert run(canister[0], u.do(name, end - 16)).failure is None


def test_an_environment_variable_is_copied_within_its_bounds(
    canister: tuple[Canister, bool],
) -> None:
    target, _ = canister
    end = len(target.heap)

    assert violation(target, u.do("env_var_name_copy", 0, 0, 4, 1)) == (
        "ic0.env_var_name_copy name: src=4 + length=1 exceeds the slice size=4"
    )
    assert violation(target, u.do("env_var_name_copy", 0, end, 0, 1)) == (
        f"ic0.env_var_name_copy heap: src={end} + length=1 exceeds the slice size={end}"
    )
    assert violation(target, u.do("env_var_value_copy", b"NAME", 0, 5, 1)) == (
        "ic0.env_var_value_copy value: src=5 + length=1 exceeds the slice size=5"
    )
    assert violation(target, u.do("env_var_value_copy", b"NAME", end, 0, 1)) == (
        f"ic0.env_var_value_copy heap: src={end} + length=1 exceeds the slice size={end}"
    )
    assert violation(target, u.do("env_var_value_copy", end, 4, 0, 0, 1)) == (
        f"ic0.env_var_value_copy name: src={end} + length=4 exceeds the slice size={end}"
    )


def test_certified_data_is_read_from_within_the_heap(canister: tuple[Canister, bool]) -> None:
    target, _ = canister
    end = len(target.heap)

    assert violation(target, u.do("certified_data_set", end - 31, 32)) == (
        f"ic0_certified_data_set failed because src + size is out of bounds. Found src = {end - 31}"
        f" and size = 32 while src + size must be <= {end}"
    )
