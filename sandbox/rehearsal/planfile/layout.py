"""The keys of a plan: one table, from which checks, JSON schema and starting plan are made."""

from __future__ import annotations

import re
from typing import Final

from sandbox.errors import UsageError
from sandbox.limits import PROFILES, Limits
from sandbox.rehearsal.plan import WAYS_BACK, Call
from sandbox.rehearsal.planfile.shapes import (
    COUNT,
    DAY,
    DURATION,
    PERCENT,
    TARGET,
    Either,
    Field,
    ListOf,
    MapOf,
    Record,
    choice,
    path,
    text,
)
from sandbox.rehearsal.registry import REGISTRY, entry
from sandbox.rehearsal.runbook import action_of
from sandbox.rehearsal.upgrading import MODES

_CALL: Final = text(Call.parsed, examples=["inc ()", 'balance_of ("ada")'])
_ARGUMENT: Final = (
    Field("argument", text(), "The argument as Candid text.", '"()"'),
    Field("argument_file", path(), "Or a file with its bytes, or with Candid text.", "arg.bin"),
)


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise UsageError(f"{value!r} is no regular expression: {error}") from error
    return value


def _inside(value: str) -> str:
    if not value.startswith((".", "[")):
        raise UsageError(f"{value!r} is no place inside an answer, like .uptime or [*].time")
    return value


def _step(value: str) -> str:
    action_of(value)
    return value


def _code(value: str) -> str:
    return entry(value).code


_CALL_RECORD: Final = (
    Field("call", _CALL, "Method and argument, as Candid text.", "'balance_of (\"ada\")'"),
    Field("method", text(), "Or the method alone, and argument_file.", "balance_of"),
    Field("argument_file", path(), "The argument of method, as bytes or Candid text.", "arg.bin"),
    Field("as", text(), "Who calls: an identity's name, or a principal.", "ada"),
)
_ANSWER: Final = (
    Field("expect", text(), "What it must answer after the upgrade, as Candid.", '"(5 : nat)"'),
    Field("matches", text(_pattern), "Or a regular expression its answer matches.", '"nat"'),
    Field("instructions", COUNT, "The most it may need after the upgrade.", "1_000_000"),
)
_SIMPLE_CALL: Final = Either(_CALL, Record(_CALL_RECORD, one_of=("call", "method")))
_CHECKED_CALL: Final = Either(_CALL, Record(_CALL_RECORD + _ANSWER, one_of=("call", "method")))
_IGNORED: Final = Field(
    "ignore", ListOf(text(_inside)), "Paths inside the answer that are not compared.", "['.uptime']"
)
_PROBE: Final = Either(
    _CALL, Record((*_CALL_RECORD, *_ANSWER, _IGNORED), one_of=("call", "method"))
)
_START: Final = Record(
    (
        Field(
            "snapshot", path("directory"), "A directory as dfx and icp-cli write it.", "./backup"
        ),
        Field("module", path(), "Or a module, installed anew ...", "old.wasm"),
        Field("argument", text(), "Its init argument, as Candid text.", '"()"'),
        Field("argument_file", path(), "Or a file with it, bytes or Candid text.", "init.bin"),
        Field("calls", ListOf(_SIMPLE_CALL), "Updates that give it state.", "['inc']"),
        Field("canister", text(), "Or a canister of the world in state ...", "counter"),
        Field("at", text(), "From this snapshot of it.", "before"),
        Field("stored", text(), "Or a snapshot of a store, by label or id ...", "before"),
        Field("store", path("directory"), "The store's directory.", "./store"),
        Field(
            "id",
            text(),
            "The canister's id, if something depends on it.",
            "rrkah-fqaaa-aaaaa-aaaaq-cai",
        ),
    ),
    one_of=("snapshot", "module", "canister", "stored"),
)
_STEP: Final = Record(
    (
        Field("module", path(), "The new module: exactly the file of the proposal.", "new.wasm"),
        Field("name", text(), "What to call this version.", "v2"),
        Field("sha256", text(), "Its hash, so that no other file is rehearsed.", '"9f86d0…"'),
        *_ARGUMENT,
        Field("mode", choice(*MODES), "What install_code is asked for.", "upgrade"),
        Field(
            "persistence",
            choice("auto", "keep", "replace", "none"),
            "What becomes of the heap (wasm_memory_persistence).",
            "auto",
        ),
        Field("canister", text(), "Of several canisters, whose upgrade it is.", "ledger"),
    ),
    needs=("module",),
)
_VERSION: Final = Record(
    (
        *(field for field in _STEP.fields if field.name != "canister"),
        Field("start", _START, "A canister of this version; else it is installed anew."),
        Field("calls", ListOf(_SIMPLE_CALL), "Without start: what gives it state.", "['inc']"),
    ),
    needs=("module",),
)
_BUDGET: Final = Record(
    (
        Field("instructions", COUNT, "The most instructions.", "1_000_000_000"),
        Field("cycles", COUNT, "The most cycles; of the whole upgrade.", "5_000_000_000"),
        Field("heap_growth", COUNT, "By how much the heap may grow.", "1 MiB"),
        Field("stable_growth", COUNT, "By how much stable memory may grow.", "64 KiB"),
    )
)
PHASES: Final = ("upgrade", "pre_upgrade", "start", "post_upgrade")
_ACCEPTED: Final = Record(
    (
        Field("code", text(_code, enum=[*REGISTRY]), "The finding's code.", "S02"),
        Field("reason", text(), "Why it is meant to be.", "nobody calls it any more"),
        Field("until", DAY, "The last day on which that holds.", "2027-01-31"),
    ),
    needs=("code", "reason"),
)
_LIMITS: Final = Record(
    (
        Field("profile", choice(*PROFILES), "The profile to begin with.", "mainnet"),
        *(
            Field(name, COUNT, "This limit alone.")
            for name in Limits.__dataclass_fields__
            if name not in ("name", "version")
        ),
    )
)
# What belongs to one canister.
_MIGRATED: Final = Record(
    (
        *_CALL_RECORD,
        *_ANSWER[:2],
        Field("within", DURATION, "The virtual time it may take.", "7d"),
    ),
    one_of=("call", "method"),
)
_CANISTER: Final = (
    Field("start", _START, "What is rehearsed: the canister with its state."),
    Field("did", path(), "The interface, where the modules carry none.", "service.did"),
    Field("as", text(), "Who upgrades: an identity's name, or a principal.", "admin"),
    Field(
        "probes",
        ListOf(_PROBE),
        "Queries to compare before and after, besides those that take no argument.",
        "['balance_of (\"ada\")']",
    ),
    Field(
        "identities",
        ListOf(_SIMPLE_CALL),
        "Queries whose answer must not change by a byte: keys, derived principals.",
        "['public_key']",
    ),
    Field(
        "ignore",
        ListOf(text()),
        "What not to compare: methods, or places in their answers (clocks, counters).",
        "[now, 'stats.uptime', 'log[*].time']",
    ),
    Field("traffic", ListOf(_CHECKED_CALL), "Updates made after the upgrade.", "['inc']"),
    Field(
        "growth",
        ListOf(_SIMPLE_CALL),
        "Updates that add to the state: repeated until it is 2, 4 and 8 times as large.",
        "['fill (1_000)']",
    ),
    Field(
        "guarded",
        ListOf(_SIMPLE_CALL),
        "Updates that lock themselves while they wait for answers.",
        "[withdraw]",
    ),
    Field(
        "migrated",
        _MIGRATED,
        "How to know that a migration is done that goes on after the upgrade.",
        '{call: is_migrated, expect: "(true)", within: 7d}',
    ),
    Field(
        "rollback",
        ListOf(choice(*WAYS_BACK)),
        "The ways back you count on: what is wrong with these fails.",
        "[snapshot]",
    ),
    Field(
        "safety_copy",
        TARGET,
        "A snapshot directory that is to bring the canister back; it is checked.",
        "./backup",
    ),
    Field(
        "runbook",
        ListOf(text(_step)),
        "What you are going to type, step by step; it is done, and its end looked at.",
        "[stop, snapshot create, install --mode upgrade, start]",
    ),
    Field(
        "downgrade_argument",
        text(),
        "What the old module gets when it is installed again, as Candid text.",
        '"()"',
    ),
    Field(
        "budgets",
        MapOf(_BUDGET, PHASES),
        "What the upgrade, or a phase of it, may use.",
        "{upgrade: {instructions: 1_000_000_000}}",
    ),
)
_MEMBER: Final = Record(_CANISTER, needs=("start",))
# What belongs to the rehearsal.
PLAN: Final = Record(
    (
        *_CANISTER,
        Field(
            "canisters",
            MapOf(_MEMBER),
            "Several canisters that call each other, by name; each has the keys above.",
        ),
        Field(
            "versions",
            ListOf(_VERSION),
            "Versions from the oldest to the newest: every hop between two is rehearsed.",
        ),
        Field("hops", choice("all", "newest"), "Which: newest is to and from the last.", "all"),
        Field("steps", ListOf(_STEP), "The upgrades, in their order; each is judged."),
        Field(
            "state",
            path("directory"),
            "The world of start.canister; --state goes before it.",
            ".canister-sandbox",
        ),
        Field("soak", DURATION, "Virtual time to watch timers for: 90s, 10m, 24h, 7d.", "24h"),
        Field(
            "limits",
            _LIMITS,
            "The limits to rehearse under, single ones relaxed.",
            "{profile: mainnet}",
        ),
        Field("tolerance_percent", PERCENT, "By how much budgets may be exceeded.", "2"),
        Field(
            "accept",
            ListOf(_ACCEPTED),
            "Findings that are meant to be, why, and until when.",
            "[{code: S02, reason: nobody calls it any more, until: 2027-01-31}]",
        ),
    ),
    one_of=("start", "canisters", "versions"),
)
OF_ONE_CANISTER: Final = frozenset(it.name for it in _CANISTER)
