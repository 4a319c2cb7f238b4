"""How export names become entry points: methods, hooks, and names that are not free.

``canister_update <name>``, ``canister_query <name>`` and ``canister_composite_query <name>``
are methods; the name is all that follows the first space, further spaces and nothing at all
included.

Source: IC interface specification, "Entry points"; replica ``validate_export_section``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class MethodKind(StrEnum):
    """How a method may be called."""

    UPDATE = "update"
    QUERY = "query"
    COMPOSITE_QUERY = "composite_query"


class Method(NamedTuple):
    """A method of a canister and the export that runs it."""

    kind: MethodKind
    export_name: str


RESERVED_PREFIX: Final = "canister_"

HOOKS: Final = (
    "canister_init",
    "canister_inspect_message",
    "canister_pre_upgrade",
    "canister_post_upgrade",
    "canister_heartbeat",
    "canister_global_timer",
    "canister_on_low_wasm_memory",
)

# Names the replica's instrumentation gives to exports of its own.
RESERVED_SYMBOLS: Final = frozenset(
    {
        "canister counter_instructions",
        "canister_start",
        "canister counter_dirty_pages",
        "canister counter_accessed_pages",
        "stable_memory",
        "stable_bytemap_memory",
    }
)

_PREFIXES = {f"{RESERVED_PREFIX}{kind} ": kind for kind in MethodKind}


def split_method(export_name: str) -> tuple[str, MethodKind] | None:
    """Return (method name, kind) when the export is a method."""
    for prefix, kind in _PREFIXES.items():
        if export_name.startswith(prefix):
            return export_name[len(prefix) :], kind
    return None
