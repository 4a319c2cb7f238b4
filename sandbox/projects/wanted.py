"""The canister settings that a project asks for, as ``update_settings`` takes them.

Source: docs/reference/canister-settings.md in dfinity/icp-cli; ``InitializationValues`` of
dfx-core.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from sandbox.principal import Principal
from sandbox.projects.recipe import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sandbox.projects.settings import Setting

_SIZES: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_CYCLES: Final = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_SECONDS: Final = {
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_PART: Final = re.compile(r"(\d[\d_]{0,49}(?:\.\d{1,49})?) ?([A-Za-z]*) *", re.ASCII)


def wanted_settings(table: Setting, directory: Path) -> dict[str, Any]:
    """Return the fields that are given; directory: what paths start from. Raises: UsageError."""
    found: dict[str, Any] = {}
    for name in table.names():
        read = _FIELDS.get(name)
        # Newer tools know more; what is no setting of a canister here is theirs.
        if read is not None and table[name].value is not None:
            found[name] = read(table[name], directory)
    return found


def _size(setting: Setting, _directory: Path) -> int:
    return _amount(setting, _SIZES, "a number of bytes such as 4096 or '2.5gib'")


def _cycles(setting: Setting, _directory: Path) -> int:
    return _amount(setting, _CYCLES, "a number of cycles such as 500_000 or '1.5t'")


def _percent(setting: Setting, _directory: Path) -> int:
    return _amount(setting, {"": 1}, "a number")


def _duration(setting: Setting, _directory: Path) -> int:
    """Return seconds. In durations, M is a month in dfx, and not to be taken for a minute."""
    what = "a duration such as 2592000, '30d' or '15days 2min 2s'"
    return _amount(setting, _SECONDS, what, several=True)


def _amount(setting: Setting, units: Mapping[str, int], what: str, *, several: bool = False) -> int:
    value = setting.value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    text = value.strip() if isinstance(value, str) else ""
    parts = _PART.findall(text)
    if not several:
        parts = [(number, unit.lower()) for number, unit in parts]
    is_whole = "".join(it.group() for it in _PART.finditer(text)) == text
    is_understood = is_whole and all(unit in units for _, unit in parts)
    if not parts or not is_understood or (len(parts) > 1 and not several):
        raise setting.refused(f"must be {what}")
    return int(sum(Fraction(number.replace("_", "")) * units[unit] for number, unit in parts))


def _viewers(setting: Setting, _directory: Path) -> dict[str, Any]:
    if isinstance(setting.value, dict):
        return {"allowed_viewers": [_principal(it) for it in setting["allowed_viewers"].items()]}
    return {setting.one_of("controllers", "public"): None}


def _principal(setting: Setting) -> Principal:
    try:
        return Principal(setting.text())
    except ValueError as error:
        raise setting.refused(f"must be a principal ({error})") from error


def _variables(setting: Setting, directory: Path) -> list[dict[str, str]]:
    return [{"name": it, "value": _variable(setting[it], directory)} for it in setting.names()]


def _variable(setting: Setting, directory: Path) -> str:
    if isinstance(setting.value, dict):
        return read_text(directory, setting["path"]).strip()
    return setting.text()


_FIELDS: Final[Mapping[str, Callable[[Setting, Path], Any]]] = {
    "compute_allocation": _percent,
    "memory_allocation": _size,
    "freezing_threshold": _duration,
    "reserved_cycles_limit": _cycles,
    "wasm_memory_limit": _size,
    "wasm_memory_threshold": _size,
    "log_memory_limit": _size,
    "log_visibility": _viewers,
    "status_visibility": _viewers,
    "environment_variables": _variables,
}
