"""The friendly face: installing, calling, who may do what, time, anchors, snapshots."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import CanisterRejected, Limits, Principal, Sandbox, Status, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.engine import Compiler
    from sandbox.handle import Canister

WAT = Path(__file__).parents[2] / "wat"
STRANGER = Principal.self_authenticating(b"a stranger")
# The management canister, nobody, a user, a derived id, a reserved one.
NO_CANISTERS = [
    Principal.management(), Principal.anonymous(), STRANGER,
    Principal(b"derived id\x03"), Principal(b"reserved\x7f"),
]  # fmt: skip
COUNTER_DID = "service : { get : () -> (nat32) query; inc : () -> (nat32) }"


def count(canister: Canister) -> int:
    return int.from_bytes(canister.query_raw("get"), "little")


def test_an_installed_canister_answers_updates_and_queries(
    run_wat: Callable[..., Canister],
) -> None:
    counter = run_wat("counter")

    counter.update_raw("inc")

    assert count(counter) == 1


def test_a_failed_install_leaves_no_canister(ic: Sandbox) -> None:
    with pytest.raises(CanisterRejected) as caught:
        ic.install(b"\0asm\1\0\0\0" + b"garbage")

    assert caught.value.error_code == "IC0505"
    assert ic.canisters == ()


def test_a_canister_is_found_by_its_text(ic: Sandbox, run_wat: Callable[..., Canister]) -> None:
    counter = run_wat("counter")

    assert ic.canister(str(counter.id)) == counter


def test_an_unknown_id_is_refused(ic: Sandbox) -> None:
    with pytest.raises(UsageError, match="there is no canister aaaaa-aa"):
        ic.canister("aaaaa-aa")


def test_an_id_can_be_chosen_once(ic: Sandbox) -> None:
    wanted = "ryjl3-tyaaa-aaaaa-aaaba-cai"

    assert str(ic.create_canister(specified_id=wanted).id) == wanted
    with pytest.raises(UsageError, match="there is a canister"):
        ic.create_canister(specified_id=wanted)


@pytest.mark.parametrize("wanted", NO_CANISTERS, ids=str)
def test_an_id_that_no_canister_has_is_refused(ic: Sandbox, wanted: Principal) -> None:
    with pytest.raises(UsageError, match=f"{wanted} cannot be a canister's id"):
        ic.install(WAT / "counter.wat", specified_id=wanted, name="counter")

    assert ic.canisters == ()
    assert ic.names == {}
    assert ic.world.cycles.minted == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "at least one character"),
        ("\x1b[31mred", "no control characters"),
        ("counter ", "no spaces at its ends"),
        ("bnz7o-iuaaa-aaaaa-qaaaa-cai", "does not look like a principal"),
        ("bnz7o-iuaaa-aaaaa-qaaaa-caj", "does not look like a principal"),
        ("aaaaa-aa", "does not look like a principal"),
    ],
)
def test_what_is_no_name_is_no_canisters(ic: Sandbox, name: str, reason: str) -> None:
    first = ic.create_canister()

    for make in (ic.create_canister, lambda name: ic.snapshots.clone(first, name=name)):
        with pytest.raises(UsageError, match=reason):
            make(name=name)

    assert ic.canisters == (first,)
    assert ic.names == {}


@pytest.mark.parametrize("raw", [b"\x01", bytes(7) + b"\x01\x01", bytes(28) + b"\x01"])
def test_a_world_with_an_opaque_id_of_any_length_is_read_again(tmp_path: Path, raw: bytes) -> None:
    with Sandbox(tmp_path) as ic:
        ic.install(WAT / "counter.wat", specified_id=Principal(raw)).take_snapshot()

    with Sandbox(tmp_path) as again:
        assert [bytes(it.id) for it in again.canisters] == [raw]


@pytest.mark.parametrize(
    "action",
    [
        lambda canister: canister.upgrade(b"", caller=STRANGER),
        lambda canister: canister.reinstall(b"", caller=STRANGER),
        lambda canister: canister.uninstall(caller=STRANGER),
        lambda canister: canister.stop(caller=STRANGER),
        lambda canister: canister.start(caller=STRANGER),
        lambda canister: canister.delete(caller=STRANGER),
        lambda canister: canister.status(caller=STRANGER),
        lambda canister: canister.take_snapshot(caller=STRANGER),
        lambda canister: canister.list_snapshots(caller=STRANGER),
    ],
)
def test_only_controllers_manage_a_canister(
    run_wat: Callable[..., Canister], action: Callable[[Canister], object]
) -> None:
    counter = run_wat("counter")
    before = counter.checksum, counter.status()

    with pytest.raises(CanisterRejected) as caught:
        action(counter)

    assert caught.value.error_code == "IC0512"
    assert (counter.checksum, counter.status()) == before


def test_a_stopped_canister_refuses_calls_until_it_is_started(
    run_wat: Callable[..., Canister],
) -> None:
    counter = run_wat("counter")

    counter.stop()

    assert counter.status().status is Status.STOPPED
    with pytest.raises(CanisterRejected, match=f"Canister {counter.id} is stopped"):
        counter.update_raw("inc")
    with pytest.raises(CanisterRejected, match=f"Canister {counter.id} is not running"):
        counter.query_raw("get")
    counter.start()
    counter.update_raw("inc")
    assert count(counter) == 1


def test_a_running_canister_cannot_be_deleted(run_wat: Callable[..., Canister]) -> None:
    counter = run_wat("counter")

    with pytest.raises(CanisterRejected, match="must be stopped before it is deleted"):
        counter.delete()


def test_a_deleted_canister_is_not_found(ic: Sandbox, run_wat: Callable[..., Canister]) -> None:
    counter = run_wat("counter")
    counter.stop()

    counter.delete()

    assert ic.canisters == ()
    with pytest.raises(CanisterRejected) as caught:
        counter.update_raw("inc")
    assert caught.value.error_code == "IC0301"


def test_an_anchor_brings_everything_back(ic: Sandbox, run_wat: Callable[..., Canister]) -> None:
    counter = run_wat("counter")
    counter.update_raw("inc")
    snapshot = counter.take_snapshot("kept")
    before = counter.checksum, counter.status(), ic.time_ns, counter.logs

    with ic.anchor():
        counter.update_raw("inc")
        counter.delete_snapshot(snapshot)
        counter.take_snapshot("lost")
        run_wat("counter")
        ic.advance(days=1)
        counter.stop()
        counter.delete()

    assert (counter.checksum, counter.status(), ic.time_ns, counter.logs) == before
    assert counter.list_snapshots() == (snapshot,)
    assert len(ic.canisters) == 1
    counter.load_snapshot(snapshot)
    assert count(counter) == 1


def test_anchors_nest(ic: Sandbox, run_wat: Callable[..., Canister]) -> None:
    counter = run_wat("counter")

    with ic.anchor():
        counter.update_raw("inc")
        with ic.anchor():
            counter.update_raw("inc")
            assert count(counter) == 2
        assert count(counter) == 1
    assert count(counter) == 0


def test_an_anchor_can_be_rewound_again_and_again(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    counter = run_wat("counter")
    anchor = ic.anchor()

    for _ in range(3):
        counter.update_raw("inc")
        anchor.rewind()

    assert count(counter) == 0


def test_a_snapshot_record_has_what_the_proposal_asked_for(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    counter = run_wat("counter")

    snapshot = ic.take_snapshot(counter.id, "mine")

    assert str(snapshot.id) == "0000000000000000" + bytes(counter.id).hex()
    assert snapshot.taken_on == ic.time_ns
    assert snapshot.label == "mine"
    assert snapshot.total_size > 65_536
    assert snapshot.checksum == counter.checksum


def test_a_snapshot_is_loaded_by_its_hex_id(run_wat: Callable[..., Canister]) -> None:
    counter = run_wat("counter")
    snapshot = counter.take_snapshot()
    counter.update_raw("inc")

    counter.load_snapshot(str(snapshot.id))

    assert count(counter) == 0


def test_an_eleventh_snapshot_is_refused(run_wat: Callable[..., Canister]) -> None:
    counter = run_wat("counter")
    for _ in range(10):
        counter.take_snapshot()

    with pytest.raises(CanisterRejected, match="maximum number of snapshots allowed: 10"):
        counter.take_snapshot()

    assert len(counter.list_snapshots()) == 10


def test_another_canister_can_load_a_snapshot(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    counter = run_wat("counter")
    counter.update_raw("inc")
    snapshot = counter.take_snapshot()
    clone = ic.create_canister()

    clone.load_snapshot(snapshot)
    clone.update_raw("inc")

    assert (count(counter), count(clone)) == (1, 2)


def test_time_moves_only_forward(ic: Sandbox) -> None:
    ic.advance(hours=1)

    with pytest.raises(UsageError, match="time does not go back"):
        ic.time_ns = 0


@pytest.mark.parametrize("duration", [{"weeks": 1}, {"seconds": -1}])
def test_a_duration_that_makes_no_sense_is_refused(ic: Sandbox, duration: dict[str, float]) -> None:
    before = ic.time_ns

    with pytest.raises(UsageError):
        ic.advance(**duration)

    assert ic.time_ns == before


def test_threads_take_turns(run_wat: Callable[..., Canister]) -> None:
    counter = run_wat("counter")

    def work() -> None:
        for _ in range(50):
            counter.update_raw("inc")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert count(counter) == 200


def test_the_same_run_gives_the_same_bytes(compiler: Compiler) -> None:
    def run() -> str:
        with Sandbox(compiler=compiler) as ic:
            counter = ic.install(WAT / "counter.wat")
            counter.update_raw("inc")
            return counter.checksum

    assert run() == run()


def test_too_many_environment_variables_are_refused_and_no_canister_is_made(ic: Sandbox) -> None:
    with pytest.raises(CanisterRejected, match="Too many environment variables: 21") as caught:
        ic.create_canister(environment={f"NAME_{number}": "x" for number in range(21)})

    assert caught.value.error_code == "IC0408"
    assert ic.canisters == ()


def test_a_message_refused_for_want_of_memory_does_not_keep_the_next_from_running(
    compiler: Compiler,
) -> None:
    limits = Limits().relaxed(host_memory_bytes=8 << 20)
    with Sandbox(limits=limits, compiler=compiler) as ic:
        canister = ic.install(WAT / "touch_pages.wat")
        canister.update_raw("touch", (4).to_bytes(4, "little"))
        before = canister.checksum

        with pytest.raises(CanisterRejected, match="memory budget is used up") as caught:
            canister.update_raw("touch", (4096).to_bytes(4, "little"))

        assert caught.value.error_code == "IC0507"
        assert canister.checksum == before
        canister.update_raw("touch", (4).to_bytes(4, "little"))


def test_a_thread_with_too_small_a_stack_is_refused_before_anything_happens(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    counter = run_wat("counter")
    caught: list[Exception] = []

    def work() -> None:
        try:
            counter.update_raw("inc")
        except UsageError as error:
            caught.append(error)

    size = threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)

    assert "stack" in str(caught[0])
    assert count(counter) == 0


def test_an_anchor_forgets_names_given_inside_it(ic: Sandbox) -> None:
    with ic.anchor():
        ic.install(WAT / "counter.wat", name="counter")
    ic.install(WAT / "counter.wat", name="counter")

    assert count(ic.canister("counter")) == 0


def test_an_anchor_forgets_names_given_after_an_installation_that_failed(ic: Sandbox) -> None:
    with ic.anchor():
        with pytest.raises(CanisterRejected):
            ic.install(b"no module", name="broken")
        ic.install(WAT / "counter.wat", name="counter")

    assert ic.names == {}


def test_an_anchor_closes_the_network_again(ic: Sandbox) -> None:
    with ic.anchor():
        ic.http.allow_network()

    assert not ic.http.saved().is_network_allowed


def test_an_upgrade_without_arguments_sends_none(ic: Sandbox, built: Callable[[str], Path]) -> None:
    canister = ic.install(built("motoko/eop/owner_only"), "hello")

    canister.upgrade(WAT / "counter.wat", persistence="replace")

    assert count(canister) == 0


def test_candid_text_is_taken_where_values_are(ic: Sandbox, built: Callable[[str], Path]) -> None:
    canister = ic.install(built("motoko/eop/big_heap"))

    assert canister.update("allocate", "(2, 7)") == 2
    assert canister.query("sum_of_middles") == 14


def test_a_canister_and_its_methods_are_shown_by_their_names(ic: Sandbox) -> None:
    named = ic.install(WAT / "counter.wat", did=COUNTER_DID, name="counter")
    unnamed = ic.install(WAT / "counter.wat", did=COUNTER_DID)

    assert repr(named) == f"<Canister counter {named.id}, running: inc, get>"
    assert repr(named.get) == "counter.get"
    assert repr(unnamed.get) == f"{unnamed.id}.get"
    assert named.get.type == "() -> (nat32) query"
    assert (ic.name_of(named.id), ic.name_of(unnamed.id)) == ("counter", "")


def test_a_deleted_canister_can_still_be_shown(ic: Sandbox) -> None:
    canister = ic.install(WAT / "counter.wat", did=COUNTER_DID)
    canister.stop()
    canister.delete()

    assert repr(canister) == f"<Canister {canister.id}, deleted>"
    assert "get" not in dir(canister)


def test_a_canister_with_many_methods_shows_the_first(ic: Sandbox) -> None:
    methods = "".join(f'(func (export "canister_query m{n:02}"))' for n in range(30))

    canister = ic.install(f"(module {methods})".encode())

    assert repr(canister).endswith("m06, m07, …>")


def test_only_a_method_that_does_not_exist_is_met_with_names_like_it(ic: Sandbox) -> None:
    canister = ic.install(WAT / "counter.wat")

    with pytest.raises(UsageError) as untyped:
        canister.update("inc", 1)
    with pytest.raises(UsageError, match="did you mean inc"):
        canister.update("incc", 1)

    assert "did you mean" not in str(untyped.value)
