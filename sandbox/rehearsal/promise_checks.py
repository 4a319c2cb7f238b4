"""What the plan itself promises: expected answers, budgets, dates (E01-E03)."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sandbox import candid
from sandbox.candid.errors import CandidError
from sandbox.rehearsal.calling import interface_for, probe_of, value_of
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.plan import Budget
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.structure import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from sandbox.execution.lifecycle import Stage
    from sandbox.interface import MethodCodec
    from sandbox.rehearsal.caller_checks import ProbeDiff
    from sandbox.rehearsal.calling import Reader, Reading
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.plan import Acceptance, Call, Plan
    from sandbox.rehearsal.upgrading import UpgradeRun

WHOLE = "upgrade"


def disappointment(call: Call, codec: MethodCodec, reading: Reading) -> str:
    """Return how an answer differs from what a call expects; empty when it does not.

    codec: of the method as the new module has it.
    Raises: CandidError when the expectation is no value of the method's.
    """
    if reading.data is None:
        return reading.failure
    if call.expect is not None and _value(codec, reading.data) != expected(call, codec):
        return shown(_value(codec, reading.data))
    if call.matches is not None and not re.search(call.matches, _text(codec, reading.data)):
        return _text(codec, reading.data)
    return ""


def expected(call: Call, codec: MethodCodec) -> Any:
    """Return the value a call expects, as ``value_of`` gives it. Raises: CandidError."""
    assert call.expect is not None, "only of a call that expects a value"
    if call.expect.startswith("0x"):
        return bytes.fromhex(call.expect[2:])
    types = () if codec.func is None else codec.func.results
    data = candid.encode(call.expect, types or None, env=codec.env)
    return _value(codec, data)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call of the plan answered after the upgrade.

    wrong: what it answered instead of what was expected; empty when it did as expected.
    """

    call: Call
    reading: Reading
    wrong: str


def answers_of(plan: Plan, reader: Reader, after: tuple[Reading, ...]) -> tuple[Answer, ...]:
    """Return the answers to the plan's probes. after: all readings, these among them."""
    found = {reading.probe: reading for reading in after}
    answers = []
    for call in plan.probes:
        reading = found.get(probe_of(interface_for(call, reader), call))
        if reading is not None:
            answers.append(answer_to(call, reader, reading))
    return tuple(answers)


def answer_to(call: Call, reader: Reader, reading: Reading) -> Answer:
    """Return what a call answered, held against what it expects."""
    codec = reader.new.method(call.method)
    return Answer(call, reading, disappointment(call, codec, reading) if call.is_checked else "")


def as_expected(answers: tuple[Answer, ...], diffs: tuple[ProbeDiff, ...]) -> Iterator[ProbeDiff]:
    """Mark the probes that answer what the plan expects: a difference is meant there."""
    kept = {it.reading.name for it in answers if it.call.is_checked and not it.wrong}
    for diff in diffs:
        yield replace(diff, is_expected=True) if diff.name in kept else diff


def check_answers(plan: Plan, answers: Iterable[Answer]) -> Iterator[Finding]:
    """Say which calls answer something else than expected, or need more than their budget."""
    wrong, costly = [], []
    for it in answers:
        if it.wrong:
            wanted = it.call.expect or f"something that matches {it.call.matches}"
            wrong.append(Fact(it.reading.name, f"expected {wanted}", it.wrong))
        most, used = it.call.instructions, it.reading.instructions
        if most is not None and it.reading.data is not None and _exceeds(plan, used, most):
            costly.append(_over(f"{it.reading.name}: instructions", most, used))
    yield from findings_of("E01", wrong)
    yield from findings_of("E02", costly)


def check_budgets(plan: Plan, run: UpgradeRun) -> Iterator[Finding]:
    """Compare what the upgrade and its phases used with the plan's budgets."""
    used = {WHOLE: _used_in_all(run)} | dict(_used_by_phase(run))
    over = [
        _over(f"{phase}: {what.replace('_', ' ')}", most, actual)
        for phase, budget in plan.budgets.items()
        for what, most, actual in _pairs(budget, used.get(phase, Budget()))
        if _exceeds(plan, actual, most)
    ]
    yield from findings_of("E02", over)


def check_dates(acceptances: Iterable[Acceptance], today: date) -> Iterator[Finding]:
    """Say which acceptances have run out; they accept nothing any more."""
    late = (it for it in acceptances if it.until is not None and it.until < today)
    facts = (Fact(f"accepts {it.code}", it.reason, f"ended on {it.until}") for it in late)
    yield from findings_of("E03", facts)


def _value(codec: MethodCodec, data: bytes) -> Any:
    return value_of(data, (codec,))


def _text(codec: MethodCodec, data: bytes) -> str:
    if data.startswith(b"DIDL"):
        with suppress(CandidError):
            return codec.format(data)
    return f"0x{data.hex()}"


def _used_in_all(run: UpgradeRun) -> Budget:
    return Budget(
        run.instructions,
        run.cycles,
        run.heap_bytes[1] - run.heap_bytes[0],
        run.stable_bytes[1] - run.stable_bytes[0],
    )


def _used_by_phase(run: UpgradeRun) -> Iterator[tuple[str, Budget]]:
    heap, stable = run.heap_bytes[0], run.stable_bytes[0]
    for stage in run.stages:
        yield stage.name, _used_in(stage, heap, stable)
        heap, stable = stage.heap_bytes, stage.stable_bytes


def _used_in(stage: Stage, heap: int, stable: int) -> Budget:
    return Budget(stage.instructions, None, stage.heap_bytes - heap, stage.stable_bytes - stable)


def _pairs(budget: Budget, used: Budget) -> Iterator[tuple[str, int, int]]:
    for name in Budget.__dataclass_fields__:
        most, actual = getattr(budget, name), getattr(used, name)
        if most is not None and actual is not None:
            yield name, most, actual


def _exceeds(plan: Plan, actual: int, most: int) -> bool:
    return actual > most * (1 + plan.tolerance_percent / 100)


def _over(what: str, most: int, actual: int) -> Fact:
    percent = f" ({actual / most - 1:+.1%})" if most else ""
    return Fact(what, f"at most {most:,}", f"{actual:,}{percent}")
