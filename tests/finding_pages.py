"""docs/findings, made from the registry and the samples: ``python tests/finding_pages.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rehearsal_samples import SAMPLES, WAT, Pair, Sample
from sandbox.limits import MAINNET
from sandbox.rehearsal.registry import REGISTRY, ROWS
from sandbox.rehearsal.report import page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal import Budget, Call

PAGES: Final = Path(__file__).parents[1] / "docs" / "findings"
_BY_HAND: Final = {
    "R07": (
        "A snapshot directory whose `metadata.json` has `null` for the global timer trips it; one\n"
        "as dfx and icp-cli write it does not.\n"
    ),
    "A09": (
        "[parent_v1](../../wat/rehearsal/parent_v1.wat) puts items into\n"
        "[child_v1](../../wat/rehearsal/child_v1.wat). The parent first to\n"
        "[v2](../../wat/rehearsal/parent_v2.wat) trips it: the child refuses the new format until\n"
        "it is [v2](../../wat/rehearsal/child_v2.wat), too. The child first does not.\n"
    ),
    "R08": (
        "A copy of a canister that has ten snapshots already trips it; of one that has none does\n"
        "not.\n"
    ),
}


def rendered() -> dict[str, str]:
    """Return the pages by file name."""
    pages = {f"{row.code}.md": page(row, _samples(row.code)) for row in ROWS}
    return {"README.md": _overview(), **pages}


def _overview() -> str:
    rows = [
        f"| [{row.code}]({row.code}.md) | {row.title} | {row.severity.value} | {row.harm} |"
        for row in ROWS
    ]
    head = (
        "# Findings of a rehearsal\n\n"
        "In the order of the stages. A code never changes its meaning; `canister-sandbox explain "
        "CODE`\nprints these pages in short. They are made by `python tests/finding_pages.py`.\n\n"
        "| code | what | usually | in production |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _samples(code: str) -> str:
    listed = [sample for sample in SAMPLES if sample.code == code]
    return "\n".join(_sample(sample) for sample in listed) if listed else _BY_HAND[code]


def _sample(sample: Sample) -> str:
    lines = [
        f"* {_pair(sample.bad)} trips it ({sample.severity.value});",
        f"  {_pair(sample.good)} does not.",
        *_purpose(sample),
    ]
    return "\n".join(lines) + "\n"


def _pair(pair: Pair) -> str:
    return f"{_link(pair.old)} to {_link(pair.new)}{_circumstances(pair)}"


def _link(name: str) -> str:
    if name.startswith("demo:"):
        source = name.removeprefix("demo:").partition(".")[0]
        return f"[{name[5:]}](../../sandbox/demo/canisters/{source}.mo)"
    return f"[{name}](../../wat/rehearsal/{name}.wat)"


def _circumstances(pair: Pair) -> str:
    plan = pair.plan
    parts = []
    if plan.argument != "()":
        parts.append(f"argument `{plan.argument!r}`")
    if plan.persistence != "auto":
        parts.append(f"persistence {plan.persistence or 'null'}")
    if plan.mode != "upgrade":
        parts.append(f"mode {plan.mode}")
    parts += [f"identity `{call}`" for call in plan.identities]
    for name, (_, limit) in MAINNET.differences(plan.limits).items():
        parts.append(f"{name} = {limit:,}")
    if plan.growth is not None and not callable(plan.growth.by):
        parts += [f"grown by {_call(call)}" for call in plan.growth.by]
    parts += [f"traffic {_call(call)}" for call in plan.traffic]
    parts += [f"probe {_call(call)}" for call in plan.probes]
    parts += [f"budget of {name}: {_budget(item)}" for name, item in plan.budgets.items()]
    parts += [f"{it.code} accepted until {it.until}" for it in plan.acceptances]
    parts += [f"guarded {_call(call)}" for call in plan.guarded]
    parts += [f"counting on {way}" for way in plan.rollback if way != "snapshot"]
    parts += [f"runbook `{', '.join(plan.runbook)}`"] * bool(plan.runbook)
    if plan.migrated is not None:
        parts.append(f"migrated: {_call(plan.migrated.done)}")
    if pair.cycles != Pair("", "").cycles:
        parts.append(f"{pair.cycles:,} cycles")
    if pair.is_stopped:
        parts.append("stopped")
    if pair.is_waiting:
        parts.append("a call in flight")
    return f" ({', '.join(parts)})" if parts else ""


def _call(call: Call) -> str:
    wanted = [] if call.expect is None else [f"expected to answer `{call.expect}`"]
    if call.instructions is not None:
        wanted.append(f"allowed {call.instructions:,} instructions")
    return " ".join([f"`{call}`", *wanted])


def _budget(budget: Budget) -> str:
    listed = ((name.replace("_", " "), getattr(budget, name)) for name in budget.__slots__)
    return ", ".join(f"{name} {most:,}" for name, most in listed if most is not None)


def _purpose(sample: Sample) -> Iterator[str]:
    for name in dict.fromkeys((sample.bad.old, sample.bad.new)):
        if not name.startswith("demo:"):
            first = (WAT / f"{name}.wat").read_text("utf-8").partition("\n")[0]
            yield f"  * `{name}`: {first.removeprefix(';; ')}"


def main() -> None:
    """Write the pages; remove those of codes that are gone."""
    PAGES.mkdir(exist_ok=True)
    for stale in set(PAGES.glob("*.md")) - {PAGES / f"{code}.md" for code in REGISTRY}:
        stale.unlink()
    for name, text in rendered().items():
        (PAGES / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
