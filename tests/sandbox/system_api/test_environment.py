"""Who and when: identity, settings, time, timer, counters, certified data, log and trap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from canisters import universal as u
from engine_room import execute, failure_of, open_sandbox, reply_of, runtime_of
from sandbox.principal import Principal
from sandbox.system_api.table import Context
from universal_room import WIDTHS, install, run, universal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Canister

VARIABLES: Final = {"PUBLIC_CANISTER_ID:ledger": "ryjl3", "B": "", "ä": "ü", "A": "first"}
STRANGER: Final = Principal("un4fu-tqaaa-aaaab-qadjq-cai")


@pytest.fixture(scope="module", params=WIDTHS)
def canister(request: pytest.FixtureRequest) -> Iterator[Canister]:
    with open_sandbox() as ic:
        target = ic.create_canister(environment=VARIABLES)
        target.install(universal(str(request.param)), b"")
        yield target


def number(value: int) -> bytes:
    return value.to_bytes(8, "little")


def test_a_canister_knows_itself_and_its_subnet(canister: Canister) -> None:
    script = u.reply(u.fetch("canister_self"), u.fetch("subnet_self"))

    assert reply_of(run(canister, script)) == bytes(canister.id) + bytes(
        runtime_of(canister).machine.subnet
    )


def test_a_canister_knows_the_root_key(canister: Canister) -> None:
    key = reply_of(run(canister, u.reply(u.fetch("root_key"))))

    assert key == runtime_of(canister).machine.root_key
    assert len(key) == 133


def test_the_status_is_running(canister: Canister) -> None:
    assert reply_of(run(canister, u.reply(u.get("canister_status")))) == number(1)


def test_the_version_is_the_states(canister: Canister) -> None:
    version = runtime_of(canister).state.version

    assert reply_of(run(canister, u.reply(u.get("canister_version")))) == number(version)


def test_only_controllers_are_controllers(canister: Canister) -> None:
    controller = bytes(canister.status().controllers[0])
    asked = (controller, bytes(STRANGER), b"", controller[:-1], controller[:-1] + b"\0")
    script = u.reply(*(u.get("is_controller", who) for who in asked))

    assert reply_of(run(canister, script)) == b"".join(map(number, (1, 0, 0, 0, 0)))


def test_a_principal_of_30_bytes_is_none(canister: Canister) -> None:
    refusal = failure_of(run(canister, u.do("is_controller", bytes(30))))

    assert refusal.error_code == "IC0504"
    assert refusal.message.startswith(
        f"Error from Canister {canister.id}: Canister provided invalid principal id.\nIf you are"
    )


def test_environment_variables_are_listed_by_name(canister: Canister) -> None:
    names = sorted(VARIABLES, key=str.encode)
    script = u.append(u.get("env_var_count"))
    for index, name in enumerate(names):
        script += u.append(u.get("env_var_name_size", index))
        size = len(name.encode())
        script += u.do("env_var_name_copy", index, u.scratch(), 0, size)
        script += u.append(u.heap_read(u.scratch(), size))
    expected = b"".join(number(len(name.encode())) + name.encode() for name in names)

    assert reply_of(run(canister, script + u.do("msg_reply"))) == number(4) + expected


@pytest.mark.parametrize("name", VARIABLES)
def test_an_environment_variable_is_found_by_name(canister: Canister, name: str) -> None:
    key, value = name.encode(), VARIABLES[name].encode()
    script = u.append(u.get("env_var_name_exists", key), u.get("env_var_value_size", key))
    script += u.do("env_var_value_copy", key, u.scratch(), 0, len(value))
    script += u.reply(u.heap_read(u.scratch(), len(value)))

    assert reply_of(run(canister, script)) == number(1) + number(len(value)) + value


@pytest.mark.parametrize("key", [b"", b"a", b"AA", b"C", "ö".encode()])
def test_a_variable_that_is_not_there_is_missing(canister: Canister, key: bytes) -> None:
    said = f"Error from Canister {canister.id}: Environment variable {key.decode()} not found."

    assert reply_of(run(canister, u.reply(u.get("env_var_name_exists", key)))) == number(0)
    for script in (
        u.do("env_var_value_size", key),
        u.do("env_var_value_copy", key, u.scratch(), 0, 0),
    ):
        refusal = failure_of(run(canister, script))
        assert (refusal.error_code, refusal.message) == ("IC0504", said)


def test_a_variable_past_the_last_is_out_of_bounds(canister: Canister) -> None:
    said = (
        f"Error from Canister {canister.id}: Environment variable index 4 is out of bounds. "
        "The number of environment variables is 4."
    )

    for script in (
        u.do("env_var_name_size", 4),
        u.do("env_var_name_copy", 4, u.scratch(), 0, 0),
    ):
        refusal = failure_of(run(canister, script))
        assert (refusal.error_code, refusal.message) == ("IC0504", said)


@pytest.mark.parametrize(
    "name", ["env_var_name_exists", "env_var_value_size", "env_var_value_copy"]
)
@pytest.mark.parametrize(
    ("key", "complaint", "help_text"),
    [
        (b"x" * 129, "Variable name is too large.", ""),
        (
            b"\xff",
            "Variable name is not a valid UTF-8 string.",
            ".\nProvide a valid UTF-8 string for the environment variable name.",
        ),
    ],
)
def test_a_bad_variable_name_breaks_the_contract(
    canister: Canister, name: str, key: bytes, complaint: str, help_text: str
) -> None:
    rest = (u.scratch(), 0, 0) if name == "env_var_value_copy" else ()

    refusal = failure_of(run(canister, u.do(name, key, *rest)))

    assert refusal.error_code == "IC0504"
    assert refusal.message == (
        f"Error from Canister {canister.id}: Canister violated contract: "
        f"ic0.{name}: {complaint}{help_text}"
    )


def test_time_is_the_sandboxs_and_stands_still(canister: Canister) -> None:
    now = canister.sandbox.time_ns

    assert reply_of(run(canister, u.reply(u.get("time"), u.get("time")))) == number(now) * 2


def test_setting_the_timer_returns_what_it_was(canister: Canister) -> None:
    script = u.reply(*(u.get("global_timer_set", at) for at in (2**64 - 1, 5, 0, 7)))

    assert reply_of(run(canister, script)) == b"".join(map(number, (0, 2**64 - 1, 5, 0)))
    assert runtime_of(canister).state.timer_ns == 7
    assert reply_of(run(canister, u.reply(u.get("global_timer_set", 0)))) == number(7)


def test_the_timer_of_a_trapped_message_stays_unset(canister: Canister) -> None:
    run(canister, u.do("global_timer_set", 99) + u.unreachable())

    assert runtime_of(canister).state.timer_ns == 0


def test_performance_counters_count_this_message_and_the_whole_call(canister: Canister) -> None:
    script = u.reply(
        u.get("performance_counter", 0),
        u.get("performance_counter", 0),
        u.get("performance_counter", 1),
    )

    outcome = run(canister, script, Context.REPLY, counter_base=10**12)

    first, second, whole = memoryview(reply_of(outcome)).cast("Q")
    assert 0 < first < second < whole - 10**12 < outcome.instructions


def test_there_is_no_third_performance_counter(canister: Canister) -> None:
    refusal = failure_of(run(canister, u.do("performance_counter", 2)))

    assert refusal.error_code == "IC0504"
    assert "Error getting performance counter type 2" in refusal.message


def test_certified_data_is_kept_and_may_be_emptied(canister: Canister) -> None:
    run(canister, u.do("certified_data_set", bytes(range(32))))
    assert canister.certified_data == bytes(range(32))

    run(canister, u.do("certified_data_set", b"short") + u.unreachable())
    assert canister.certified_data == bytes(range(32))

    run(canister, u.do("certified_data_set", b""))
    assert canister.certified_data == b""


def test_certified_data_of_33_bytes_is_refused(canister: Canister) -> None:
    refusal = failure_of(run(canister, u.do("certified_data_set", bytes(33))))

    assert refusal.error_code == "IC0504"
    assert refusal.message == (
        f"Error from Canister {canister.id}: Canister violated contract: ic0_certified_data_set "
        "failed because the passed data must be no larger than 32 bytes. Found 33 bytes..\n"
        "Try certifying just the hash of your data instead of the full contents. See "
        "documentation: https://internetcomputer.org/docs/current/references/execution-errors"
        "#certified_data_set-payload-too-large"
    )


def test_there_is_no_certificate_outside_a_query(canister: Canister) -> None:
    assert reply_of(run(canister, u.reply(u.get("data_certificate_present")))) == number(0)


def last_log(canister: Canister) -> str:
    return canister.logs[-1].text


def test_what_is_printed_is_in_the_log_even_of_a_query(canister: Canister) -> None:
    run(canister, u.debug_print("grüße".encode()) + u.debug_print(b"\xff!"))
    execute(canister, "query", Context.QUERY, argument=u.debug_print(b"asked"))

    texts = [record.text for record in canister.logs[-3:]]
    assert texts == ["grüße", "\N{REPLACEMENT CHARACTER}!", "asked"]
    assert [record.is_query for record in canister.logs[-3:]] == [False, False, True]


def test_a_print_is_cut_at_32_kib(canister: Canister) -> None:
    run(canister, u.heap_fill(u.scratch(), ord("x"), 32769))
    run(canister, u.do("debug_print", u.scratch(), 32769))

    assert len(last_log(canister)) == 32768


def test_a_print_from_outside_the_heap_does_not_trap(canister: Canister) -> None:
    outcome = run(canister, u.do("debug_print", len(canister.heap), 1) + u.reply(b"went on"))

    assert reply_of(outcome) == b"went on"
    assert last_log(canister) == "(debug_print message out of memory bounds)"


def test_a_print_is_cut_before_its_range_is_checked(canister: Canister) -> None:
    run(canister, u.do("debug_print", len(canister.heap) - 32768, 2**31))

    assert last_log(canister) != "(debug_print message out of memory bounds)"


def test_a_trap_gives_its_message_to_caller_and_log(canister: Canister) -> None:
    refusal = failure_of(run(canister, u.trap(b"out of \xff cheese")))

    assert refusal.error_code == "IC0503"
    text = "out of \N{REPLACEMENT CHARACTER} cheese"
    assert refusal.message.startswith(
        f"Error from Canister {canister.id}: Canister called `ic0.trap` with message: '{text}'"
    )
    assert last_log(canister).startswith(f"[TRAP]: {text}")


def test_a_trap_without_a_message_is_logged_as_such(canister: Canister) -> None:
    assert "with message: ''" in failure_of(run(canister, u.trap(b""))).message
    assert last_log(canister).startswith("[TRAP]: (no message)")


def test_a_trap_message_from_outside_the_heap_is_replaced(canister: Canister) -> None:
    refusal = failure_of(run(canister, u.do("trap", len(canister.heap), 1)))

    assert "with message: '(trap message out of memory bounds)'" in refusal.message


def test_a_trap_message_is_cut_at_32_kib(canister: Canister) -> None:
    run(canister, u.heap_fill(u.scratch(), ord("x"), 32769))

    refusal = failure_of(run(canister, u.do("trap", u.scratch(), 32769)))

    assert "'" + "x" * 32768 + "'" in refusal.message


def test_no_print_is_lost_when_the_log_area_is_full(canister: Canister) -> None:
    log = runtime_of(canister).log
    before = log.next_index
    count = 40  # of 32 KiB each; the area has 1 MiB

    run(canister, u.heap_fill(u.scratch(), ord("x"), 32768))
    run(canister, u.repeat(count, u.do("debug_print", u.scratch(), 32768)) + u.debug_print(b"end"))

    assert log.next_index == before + count + 1
    assert [len(record.text) for record in log.read()[-3:]] == [32768, 32768, 3]


def test_init_sees_the_version_the_canister_will_have() -> None:
    with open_sandbox() as ic:
        script = u.debug_print(u.fetch("canister_self")) + u.if_(
            u.equal(u.get("canister_version"), 1), b"", u.trap(b"another version")
        )

        canister = install(ic, "wasm32", script)

        assert canister.status().version == 1
