"""Canister settings: read from Candid, checked, changed, shown.

Source: reference/management_canister.md section 1, "Settings".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.values import VariantValue
from sandbox.management.call import Refused, check, refuse
from sandbox.state import Settings, Viewers, Visibility
from sandbox.world.controlling import with_help

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.limits import Limits
    from sandbox.management.call import ManagementCall
    from sandbox.principal import Principal

_U64: Final = (1 << 64) - 1
_U128: Final = (1 << 128) - 1


@dataclass(frozen=True, slots=True)
class _Number:
    """A setting that is a number. complaint: the replica's text; code: its error code."""

    field: str
    largest: int
    complaint: str


_NUMBERS: Final = MappingProxyType(
    {
        "compute_allocation": _Number(
            "compute_allocation",
            100,
            "ComputeAllocation expected to be in the range [0..100], got {}",
        ),
        "memory_allocation": _Number(
            "memory_allocation_bytes",
            _U64,
            "MemoryAllocation expected to be in the range [0..2^64-1], got {}",
        ),
        "freezing_threshold": _Number(
            "freezing_threshold_s",
            _U64,
            "Freezing threshold expected to be in the range of [0..2^64-1], got {}",
        ),
        "reserved_cycles_limit": _Number(
            "reserved_cycles_limit",
            _U128,
            "Reserved cycles limit expected to be in the range of [0..2^128-1], got {}",
        ),
        "minimum_incoming_canister_call_cycles": _Number(
            "minimum_incoming_cycles",
            _U128,
            "Minimum incoming canister call cycles expected to be in the range of [0..2^128-1], "
            "got {}",
        ),
        "log_memory_limit": _Number(
            "log_memory_limit_bytes",
            _U64,
            "Log memory limit expected to be in the range of [0..2^64-1], got {}",
        ),
        "wasm_memory_limit": _Number(
            "wasm_memory_limit_bytes",
            1 << 48,
            "Wasm memory limit expected to be in the range of [0..2^48], got {}",
        ),
        "wasm_memory_threshold": _Number(
            "wasm_memory_threshold_bytes",
            1 << 48,
            "Wasm memory threshold expected to be in the range of [0..2^48], got {}",
        ),
    }
)
# A log is kept in pages of the operating system: one at least, if there is a log at all.
# Source: replica canister_log.rs, MIN_ and MAX_AGGREGATE_LOG_MEMORY_LIMIT.
_SMALLEST_LOG_BYTES: Final = 4_096
_LARGEST_LOG_BYTES: Final = 2 << 20
_VISIBILITIES: Final = ("log_visibility", "snapshot_visibility", "status_visibility")


def update(call: ManagementCall) -> None:
    """Change what the argument names; the rest stays."""
    runtime = call.target()
    state = runtime.state
    wanted = call.argument["settings"]
    settings = checked_settings(call.world.limits, state.settings, wanted)
    if settings.reserved_cycles_limit < state.reserved_cycles:
        raise refuse(
            "IC0540",
            with_help(
                f"Cannot set the reserved cycles limit {settings.reserved_cycles_limit} below the "
                f"reserved cycles balance of the canister {state.reserved_cycles}.",
                "Set the reserved cycles limit in the canister settings to a value that is at "
                "least the current reserved cycles balance.",
            ),
        )
    check(call.world.bank.refuse_settings(runtime, settings))
    call.world.update_settings(
        runtime,
        settings,
        call.caller,
        call.sender_version,
        has_controllers=wanted["controllers"] is not None,
    )


def checked_settings(limits: Limits, before: Settings, wanted: Mapping[str, Any]) -> Settings:
    """Return the settings after a change. Raises: Refused."""
    changes: dict[str, Any] = {}
    for name, number in _NUMBERS.items():
        value = wanted.get(name)
        if value is not None:
            if value > number.largest:
                raise refuse("IC0504", number.complaint.format(value))
            changes[number.field] = value
    _check_log(changes.get("log_memory_limit_bytes", 0))
    for name in _VISIBILITIES:
        if wanted.get(name) is not None:
            changes[name] = _viewers(limits, wanted[name])
    if wanted.get("controllers") is not None:
        changes["controllers"] = _principals(wanted["controllers"], limits.controllers)
    if wanted.get("environment_variables") is not None:
        changes["environment"] = _environment(limits, wanted["environment_variables"])
    return replace(before, **changes)


def shown(settings: Settings) -> dict[str, Any]:
    """Return settings as ``definite_canister_settings``."""
    environment = sorted(settings.environment.items())
    return {
        "controllers": list(settings.controllers),
        "environment_variables": [{"name": name, "value": value} for name, value in environment],
        **{name: getattr(settings, number.field) for name, number in _NUMBERS.items()},
        **{name: _shown_viewers(getattr(settings, name)) for name in _VISIBILITIES},
    }


def _check_log(limit_bytes: int) -> None:
    text = f"The canister log memory limit {limit_bytes} is too"
    if 0 < limit_bytes < _SMALLEST_LOG_BYTES:
        raise refuse("IC0406", f"{text} low. It must be at least {_SMALLEST_LOG_BYTES}.")
    if limit_bytes > _LARGEST_LOG_BYTES:
        raise refuse("IC0406", f"{text} high. It must be at most {_LARGEST_LOG_BYTES}.")


def _principals(wanted: Sequence[Principal], most: int) -> tuple[Principal, ...]:
    """Return a list without its repetitions; they count for its length, as in the replica."""
    if len(wanted) > most:
        text = "Error decoding candid: Deserialize error: The number of elements exceeds maximum "
        raise refuse("IC0408", f"{text}allowed {most}")
    return tuple(dict.fromkeys(wanted))


def _viewers(limits: Limits, wanted: VariantValue) -> Viewers:
    if wanted.tag != "allowed_viewers":
        return Visibility(str(wanted.tag))
    return _principals(wanted.value, limits.allowed_viewers)


def _shown_viewers(viewers: Viewers) -> VariantValue:
    if isinstance(viewers, Visibility):
        return VariantValue(str(viewers))
    return VariantValue("allowed_viewers", list(viewers))


def checked_environment(limits: Limits, variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return environment variables that keep to the limits.

    Raises: CanisterRejected (IC0408).
    """
    wanted = [{"name": name, "value": value} for name, value in variables.items()]
    try:
        return _environment(limits, wanted)
    except Refused as refused:
        raise refused.refusal.to_exception() from refused


def _environment(limits: Limits, wanted: list[Any]) -> Mapping[str, str]:
    if len(wanted) > limits.environment_variables:
        text = (
            f"Too many environment variables: {len(wanted)} (max: {limits.environment_variables})"
        )
        help_ = "Try reducing the number of environment variables."
        raise refuse("IC0408", with_help(text, help_))
    result: dict[str, str] = {}
    for variable in wanted:
        name, value = variable["name"], variable["value"]
        if name in result:
            raise refuse("IC0408", f"Duplicate environment variable name: {name}")
        if len(name.encode()) > limits.environment_name_bytes:
            raise _too_long("name", name, limits.environment_name_bytes)
        if len(value.encode()) > limits.environment_value_bytes:
            raise _too_long("value", value, limits.environment_value_bytes)
        result[name] = value
    return MappingProxyType(result)


def _too_long(part: str, text: str, most: int) -> Refused:
    message = f'Environment variable {part} "{text}" exceeds the maximum allowed length of {most}.'
    return refuse(
        "IC0408",
        with_help(
            message, f"Shorten the environment variable {part} to fit within the allowed limit."
        ),
    )
