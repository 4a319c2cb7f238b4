"""Profiles: every instruction is in the tree, at the function that used it, and nowhere twice."""

from __future__ import annotations

import json
import pickle
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from canisters import universal as u
from sandbox import CanisterTrapped, Sandbox, UsageError
from sandbox.profiling import Profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from canisters.build import Built
    from sandbox.handle import Canister
    from sandbox.profiling import Node

# `leaf` costs 3 (entry, const, drop); `twice` calls it twice, `run` calls that through the table.
TREE = """(module
  (import "ic0" "msg_reply" (func $reply))
  (type $plain (func))
  (table 2 funcref) (elem (i32.const 1) $twice)
  (memory 1)
  (func $leaf (drop (i32.const 1)))
  (func $twice (call $leaf) (call $leaf))
  (func $run (export "canister_update run")
    (call_indirect (type $plain) (i32.const 1))
    (call $leaf)
    (call $reply))
  (func $wide (param i32 i64 f64) (result i64 i32)
    (local.get 1) (local.get 0))
  (func $tail (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
    (return_call $tail (i32.sub (local.get 0) (i32.const 1))))
  (func $shapes (export "canister_query shapes")
    (drop (drop (call $wide (i32.const 1) (i64.const 2) (f64.const 3))))
    (drop (call $tail (i32.const 5)))
    (call $reply))
  (func $deep (param i32)
    (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))
  (func $drain (param i32)
    (call $leaf)
    (if (local.get 0) (then (return_call $drain (i32.sub (local.get 0) (i32.const 1))))))
  (func $loop (export "canister_query loop") (call $drain (i32.const 300000)) (call $reply))
  (func $dive (export "canister_query dive") (call $deep (i32.const 20000)) (call $reply))
  (func $dive_on (export "canister_query dive_on") (call $deep (i32.const 100000)) (call $reply))
  (func $fall (param i32)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (call $fall (i32.sub (local.get 0) (i32.const 1))))
  (func $stumble (export "canister_update stumble") (call $fall (i32.const 13)))
  (func $endless (call $endless))
  (func $overflow (export "canister_query overflow") (call $endless))
  (func $trap (call $leaf) (unreachable))
  (func $failing (export "canister_update failing")
    (i32.store (i32.const 0) (i32.const 1)) (call $trap))
  (func $a (param i32)
    (if (local.get 0) (then
      (call $a (i32.sub (local.get 0) (i32.const 1)))
      (call $b (i32.sub (local.get 0) (i32.const 1))))))
  (func $b (param i32)
    (if (local.get 0) (then
      (call $a (i32.sub (local.get 0) (i32.const 1)))
      (call $b (i32.sub (local.get 0) (i32.const 1))))))
  (func $many (export "canister_query many") (call $a (i32.const 20)) (call $reply)))"""


@pytest.fixture
def canister(ic: Sandbox) -> Canister:
    return ic.install(TREE.encode(), name="it")


def shape(node: Node) -> object:
    """Return a tree as names, calls and own instructions; what is no function's left out."""
    below = [shape(child) for child in node.below.values() if not child.name.startswith("(")]
    return (node.name, node.calls, node.own, *below)


def entry(profile: Profile, name: str) -> Node:
    (canister,) = profile.root.below.values()
    return canister.below[name]


def test_the_tree_has_every_call_and_what_it_cost(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile, ic.trace() as trace:
        canister.update_raw("run")

    run = entry(profile, "canister_update run")
    assert shape(run) == (
        "canister_update run", 1, 0,
        ("run", 1, run.below["run"].own,
            ("twice", 1, run.below["run"].below["twice"].own, ("leaf", 2, 6)),
            ("leaf", 1, 3)),
    )  # fmt: skip
    assert run.total == profile.instructions == trace.executions[0].instructions


def test_messages_cost_the_same_with_and_without(ic: Sandbox, canister: Canister) -> None:
    def costs() -> list[int]:
        with ic.anchor(), ic.trace() as trace:
            canister.update_raw("run")
            canister.query_raw("shapes")
            with pytest.raises(CanisterTrapped):
                canister.update_raw("failing")
        return [item.instructions for item in trace.executions]

    without = costs()
    with ic.profile() as profile:
        assert costs() == without
    assert profile.instructions == sum(without)
    assert costs() == without


def test_any_shape_of_function_can_be_called(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile:
        canister.query_raw("shapes")

    shapes = entry(profile, "canister_query shapes").below["shapes"]
    assert shapes.below["wide"].calls == 1


def test_a_loop_of_tail_calls_counts_for_its_caller(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile, ic.trace() as trace:
        canister.query_raw("loop")

    called = entry(profile, "canister_query loop").below["loop"]
    assert shape(called) == ("loop", 1, called.own, ("leaf", 300_001, 900_003))
    assert profile.instructions == trace.executions[0].instructions


def test_an_entry_with_tail_calls_is_in_the_table(ic: Sandbox) -> None:
    canister = ic.install(
        b"""(module
        (import "ic0" "msg_reply" (func $reply))
        (func $last (call $reply))
        (func $run (export "canister_update run") (return_call $last)))"""
    )

    with ic.profile() as profile:
        canister.update_raw("run")

    costs = {cost.name: cost for cost in profile.functions()}
    assert costs["(not profiled)"].own > 0
    assert costs["last"].calls == 1
    assert sum(cost.own for cost in costs.values()) == profile.instructions


def test_functions_are_added_up_wherever_they_are_called(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile:
        for _ in range(3):
            canister.update_raw("run")

    costs = {cost.name: cost for cost in profile.functions()}
    assert (costs["leaf"].calls, costs["leaf"].own, costs["leaf"].total) == (9, 27, 27)
    assert costs["twice"].total == costs["twice"].own + 18
    assert {cost.canister for cost in costs.values()} == {"it"}
    assert sum(cost.own for cost in profile.functions()) == profile.instructions


def test_a_trap_counts_for_the_function_that_trapped(ic: Sandbox, canister: Canister) -> None:
    with pytest.raises(CanisterTrapped) as plain:
        canister.update_raw("failing")
    with (
        ic.profile() as profile,
        ic.trace() as trace,
        pytest.raises(CanisterTrapped) as profiled,
    ):
        canister.update_raw("failing")

    assert profiled.value.backtrace == plain.value.backtrace == ("trap", "failing")
    assert str(profiled.value) == str(plain.value)
    failing = entry(profile, "canister_update failing").below["failing"]
    assert failing.below["trap"].below["leaf"].own == 3
    assert profile.instructions == trace.executions[0].instructions
    assert canister.heap[:4] == bytes(4)


def test_deep_recursion_is_added_up_below_some_depth(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile, ic.trace() as trace:
        canister.query_raw("dive")

    costs = {cost.name: cost for cost in profile.functions()}
    assert 150 < costs["deep"].calls < 250
    assert profile.instructions == trace.executions[0].instructions
    assert profile.svg().count("<g ") > 100
    assert json.loads(profile.to_json())["name"] == "all"


def test_a_stack_overflow_is_one_in_a_profile_too(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile, pytest.raises(CanisterTrapped, match="stack overflow"):
        canister.query_raw("overflow")

    assert profile.instructions > 0


@pytest.mark.parametrize("method", ["stumble", "overflow"])
def test_a_backtrace_is_as_long_as_without(ic: Sandbox, canister: Canister, method: str) -> None:
    def trap() -> tuple[str, tuple[str, ...], list[int]]:
        with ic.trace() as trace, pytest.raises(CanisterTrapped) as info:
            canister.update_raw(method)
        return str(info.value), info.value.backtrace, [it.instructions for it in trace.executions]

    without = trap()
    with ic.profile() as profile:
        assert trap() == without

    assert profile.instructions == sum(without[2])


def test_what_needs_all_of_the_stack_is_run_again_without(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile, ic.trace() as trace:
        canister.update_raw("dive_on")
        canister.update_raw("run")

    assert profile.instructions == sum(item.instructions for item in trace.executions)
    assert sum(cost.own for cost in profile.functions()) == profile.instructions
    assert entry(profile, "canister_query dive_on").calls == 1
    assert entry(profile, "canister_query dive_on").below["(not profiled)"].own > 0
    assert entry(profile, "canister_update run").below["run"].below["leaf"].calls == 1


def test_a_message_that_had_to_run_twice_counts_once(ic: Sandbox) -> None:
    canister = ic.install(
        b"""(module
        (import "ic0" "msg_reply" (func $reply))
        (import "ic0" "msg_arg_data_size" (func $size (result i32)))
        (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
        (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
        (memory 1)
        (func $work)
        (func $run (export "canister_update run")
          (call $work)
          (if (call $size) (then
            (drop (call $grow (i64.const 300000))) ;; more than an instance has room for at first
            (call $write (i64.const 17884901888) (i64.const 0) (i64.const 100))))
          (call $work)
          (call $reply)))"""
    )

    with ic.profile() as profile, ic.trace() as trace:
        for argument in (b"", b"large", b""):
            canister.update_raw("run", argument)

    ran = entry(profile, "canister_update run")
    assert (ran.calls, ran.below["run"].calls, ran.below["run"].below["work"].calls) == (3, 3, 6)
    assert profile.instructions == sum(item.instructions for item in trace.executions)


@pytest.mark.slow
def test_a_tree_that_grows_too_large_keeps_its_sum(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile, ic.trace() as trace:
        canister.query_raw("many")
        canister.query_raw("shapes")

    assert profile.instructions == sum(item.instructions for item in trace.executions)
    assert entry(profile, "canister_query shapes").below["shapes"].below["wide"].calls == 1


def test_nothing_is_left_after_the_block(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile:
        canister.update_raw("run")
    before = profile.instructions

    canister.update_raw("run")

    assert profile.instructions == before


def test_profiles_in_each_other_each_see_what_runs_in_them(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as outer:
        canister.update_raw("run")
        with ic.profile() as inner:
            canister.update_raw("run")

    assert outer.instructions == 2 * inner.instructions


def test_an_anchor_inside_a_profile_rewinds_the_state_and_not_the_profile(
    ic: Sandbox, canister: Canister
) -> None:
    before = canister.checksum
    with ic.profile() as profile:
        with ic.anchor():
            canister.update_raw("run")
        assert canister.checksum == before

    assert profile.instructions > 0


def test_callbacks_hooks_and_timers_are_entries_of_their_own(ic: Sandbox, built: Built) -> None:
    module = built("c/wasm32/universal")
    one, two = (ic.install(module, b"", name=name) for name in ("one", "two"))
    calling = u.perform(
        u.call(bytes(two.id), "update", u.reply(b"hi"), on_reply=u.reply(b"got it"))
    )
    waiting = u.on(u.Hook.GLOBAL_TIMER, u.debug_print(b"now"))
    waiting += u.do("global_timer_set", u.get("time") + 5)

    with ic.profile() as profile, ic.trace() as trace:
        assert one.update_raw("update", calling) == b"got it"
        one.update_raw("update", waiting + u.reply())
        ic.advance(seconds=1)
        one.upgrade(module, b"")

    found = {name: set(node.below) for name, node in profile.root.below.items()}
    often = {"canister_update update", "canister_heartbeat", "canister_inspect_message"}
    assert found["two"] == often - {"canister_inspect_message"}
    assert found["one"] == often | {
        "reply callback", "canister_global_timer", "canister_pre_upgrade", "canister_post_upgrade",
    }  # fmt: skip
    # A trace has messages only, neither what lets them in nor what an upgrade runs.
    traced = {name for name in found["one"] if not re.search("inspect|upgrade", name)}
    ran = sum(profile.root.below["one"].below[name].total for name in traced)
    ran += profile.root.below["two"].total
    assert ran == sum(item.instructions for item in trace.executions)


@pytest.mark.parametrize(
    "name", ["motoko/eop/counter_v1", "motoko/classical/counter_v1", "c/wasm64/counter"]
)
def test_real_modules_run_the_same(ic: Sandbox, built: Built, name: str) -> None:
    module = built(name)

    def run() -> tuple[str, list[int]]:
        with ic.anchor(), ic.trace() as trace:
            canister = ic.install(module)
            canister.update_raw("inc", b"DIDL\0\0")
            canister.upgrade(module)
            canister.update_raw("inc", b"DIDL\0\0")
            return canister.checksum, [item.instructions for item in trace.executions]

    without = run()
    with ic.profile() as profile:
        assert run() == without

    assert profile.instructions >= sum(without[1])
    assert len(profile.functions()) > 3


def test_rusts_functions_have_the_names_of_the_source(ic: Sandbox, built: Built) -> None:
    canister = ic.install(built("rust/notes"))

    with ic.profile() as profile:
        canister.add("a", ["b"])

    assert any(cost.name.startswith("notes::") for cost in profile.functions())


def test_functions_can_be_asked_for_by_entry(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile:
        canister.update_raw("run")
        canister.query_raw("shapes")

    costs = {cost.name: cost for cost in profile.functions(entry="canister_query shapes")}
    assert "wide" in costs
    assert "leaf" not in costs
    ran = entry(profile, "canister_query shapes").total
    assert sum(cost.own for cost in costs.values()) == ran < profile.instructions


# --- as a value


def test_a_profile_can_be_pickled_however_deep_its_tree(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile:
        canister.query_raw("dive")
        canister.update_raw("run")

    again = pickle.loads(pickle.dumps(profile))

    assert again == profile
    assert str(again) == str(profile)
    assert again.to_json() == profile.to_json()
    again.root.child("more")
    assert again != profile


# --- what it is shown as


def test_the_table_begins_with_the_most_expensive(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile:
        canister.update_raw("run")

    first, *rows = str(profile).splitlines()
    assert first == f"{profile.instructions:,} instructions: own, share, with what it called"
    own = [int(row.split()[0].replace(",", "")) for row in rows]
    assert own == sorted(own, reverse=True)
    assert any(re.fullmatch(r" *9 +\d+% +\d+%  leaf  \(3 ×\)", row) for row in rows)


def test_folded_stacks_add_up(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile:
        canister.update_raw("run")

    lines = [line.rpartition(" ") for line in profile.folded().splitlines()]

    assert sum(int(number) for _, _, number in lines) == profile.instructions
    assert ("it;canister_update run;run;twice;leaf", " ", "6") in lines


def test_a_flame_graph_is_svg_with_a_box_for_each_function(ic: Sandbox, canister: Canister) -> None:
    with ic.profile() as profile:
        canister.update_raw("run")

    picture = ET.fromstring(profile.svg())

    titles = [item.text or "" for item in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("leaf: 6 instructions") for title in titles)
    boxes = [item for item in picture if item.get("data-x")]
    assert len(boxes) == len(titles)
    assert all(0 <= float(item.attrib["data-x"]) <= 1 for item in boxes)


def test_names_that_a_canister_chose_do_no_harm(ic: Sandbox) -> None:
    evil = r"<script>alert(1)</script>;\1b[31m\00\0a7"
    named = TREE.replace("(func $leaf", f'(func $leaf (@name "{evil}")')
    canister = ic.install(named.replace("update run", f"update {evil}").encode())
    with ic.profile() as profile:
        canister.update_raw("<script>alert(1)</script>;\x1b[31m\0\n7")

    assert "\x1b" not in f"{profile}{profile.folded()}{profile.svg()}{profile.to_json()}"
    assert "<script>alert" not in profile.svg()
    ET.fromstring(profile.svg())
    lines = profile.folded().splitlines()
    assert all(re.fullmatch(r"[^;]+;canister_update [^ ]+(;.+)? \d+", line) for line in lines)


def test_a_function_is_not_taken_for_what_is_none(ic: Sandbox) -> None:
    named = TREE.replace("(func $leaf", '(func $leaf (@name "(changed pages)")')
    canister = ic.install(named.encode())

    with ic.profile() as profile:
        canister.update_raw("run")

    costs = {cost.name: cost.own for cost in profile.functions()}
    assert costs["fn (changed pages)"] == 9
    assert "(changed pages)" not in costs


@pytest.mark.parametrize("show", [Profile.svg, Profile.folded, Profile.__str__, Profile.to_json])
def test_what_hangs_deep_in_the_tree_is_no_more_work(
    ic: Sandbox, show: Callable[[Profile], str]
) -> None:
    def work(depth: int) -> int:
        """Return how often a function of Python begins or goes on."""
        with ic.profile() as profile:
            pass
        at = profile.root
        for name in range(depth):
            at = at.child(f"caller {name}")
        for name in range(500):
            at.child(f"leaf {name}").own = 1
        events: Counter[str] = Counter()
        sys.setprofile(lambda _frame, event, _argument: events.update([event]))
        try:
            show(profile)
        finally:
            sys.setprofile(None)
        return events["call"]

    assert work(180) < 2 * work(10)


def test_a_profile_of_nothing_can_be_shown(ic: Sandbox) -> None:
    with ic.profile() as profile:
        pass

    assert profile.functions() == ()
    assert str(profile) == "0 instructions: own, share, with what it called"
    assert profile.folded() == ""
    ET.fromstring(profile.svg())


@pytest.mark.parametrize("suffix", [".svg", ".folded", ".json", ".txt"])
def test_a_profile_is_saved_in_each_form(
    ic: Sandbox, canister: Canister, tmp_path: Path, suffix: str
) -> None:
    with ic.profile() as profile:
        canister.update_raw("run")

    profile.save(tmp_path / f"calls{suffix}")

    assert "leaf" in (tmp_path / f"calls{suffix}").read_text("utf-8")


@pytest.mark.parametrize("name", ["calls.pdf", "calls", "missing/calls.svg"])
def test_a_file_that_cannot_be_is_refused(ic: Sandbox, tmp_path: Path, name: str) -> None:
    with ic.profile() as profile:
        pass

    with pytest.raises(UsageError, match=r"saved as \.svg|there is no folder"):
        profile.save(tmp_path / name)


def test_a_module_that_took_our_names_is_profiled_all_the_same(
    ic: Sandbox, canister: Canister, run_wat: Callable[..., Canister]
) -> None:
    taken = ic.install(
        b'(module (import "ic0" "msg_reply" (func $reply))'
        b' (global (export "canister_sandbox profile node") i32 (i32.const 3))'
        b' (func (export "canister_update run") (call $reply)))'
    )
    with ic.profile() as profile:
        taken.update_raw("run")
        canister.update_raw("run")
        run_wat("counter").update_raw("inc")

    assert {len(node.below) for node in profile.root.below.values()} <= {1, 2}
