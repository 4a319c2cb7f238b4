"""The replica's help texts, letter by letter; they follow most error messages.

Source: reference/limits_and_costs.md section 7 (``AsErrorHelp`` in the replica).
"""

from __future__ import annotations

from typing import Final

_DOCS: Final = "https://internetcomputer.org/docs/current/references/execution-errors#"


def suggestion(text: str, anchor: str) -> str:
    """Return a help text with its link; no link when ``anchor`` is empty."""
    return f"{text} See documentation: {_DOCS}{anchor}" if anchor else text


TOOLCHAIN: Final = (
    "If you are running this canister in a test environment (e.g., dfx), make sure the test "
    "environment is up to date. Otherwise, this is likely an error with the compiler/CDK toolchain "
    "being used to build the canister. Please report the error to IC devs on the forum: "
    "https://forum.dfinity.org and include which language/CDK was used to create the canister."
)
WRONG_MODE: Final = suggestion(
    "Check the ICP documentation to make sure APIs are being called in the correct message types.",
    "calling-a-system-api-from-the-wrong-mode",
)
_GRACEFUL: Final = (
    "Consider gracefully handling failures from this canister or altering the canister "
    "to handle exceptions."
)
TRAPPED: Final = suggestion(_GRACEFUL, "trapped")
TRAPPED_EXPLICITLY: Final = suggestion(_GRACEFUL, "trapped-explicitly")
METHOD_NOT_FOUND: Final = suggestion(
    "Check that the method being called is exported by the target canister.", "method-not-found"
)
INSTRUCTION_LIMIT: Final = suggestion(
    "Try optimizing this method to consume fewer instructions or split the work across "
    "multiple messages.",
    "instruction-limit-exceeded",
)
NO_MODULE: Final = suggestion(
    "Please install code to this canister before calling it.", "wasm-module-not-found"
)
OUT_OF_MEMORY: Final = suggestion(
    "Check the canister's memory usage against its allocation and the system wide limits to "
    "determine why more memory cannot be allocated.",
    "out-of-memory",
)
MEMORY_ACCESS: Final = suggestion(
    "Try optimizing the use of stable memory so that individual messages don't need to access "
    "as much stable memory.",
    "memory-access-limit-exceeded",
)
WASM_MEMORY_LIMIT: Final = suggestion(
    "Try checking the canister for a possible memory leak or modifying it to use more stable "
    "memory instead of Wasm memory.",
    "wasm-memory-limit-exceeded",
)
TOP_UP: Final = suggestion(
    "Top up the canister with more cycles.", "insufficient-cycles-in-memory-grow"
)
RESERVED_LIMIT: Final = suggestion(
    "Try increasing this canister's reserved cycles limit or moving it to a subnet with lower "
    "memory usage.",
    "reserved-cycles-limit-exceeded-in-memory-grow",
)
INSTALL_RATE_LIMITED: Final = suggestion(
    "Retry the installation at a later time.", "install-code-rate-limited"
)
HEAP_DELTA_RATE_LIMITED: Final = suggestion(
    "Try waiting a few seconds before retrying the operation.", "canister-heap-delta-rate-limited"
)
CALL_PAYLOAD: Final = suggestion(
    "Consider checking the payload size and splitting it into smaller requests.",
    "payload-size-too-large",
)


def error_from(canister: str, message: str, help_text: str) -> str:
    """Frame a message as the replica does: ``Error from Canister …``."""
    if not help_text:
        return f"Error from Canister {canister}: {message}"
    return f"Error from Canister {canister}: {message}.\n{help_text}"


def wasm_memory_limit(limit_bytes: int, used_bytes: int) -> str:
    """Return the replica's text for IC0539."""
    return (
        f"Canister exceeded its current Wasm memory limit of {limit_bytes} bytes. "
        f"The peak Wasm memory usage was {used_bytes} bytes. "
        "If the canister reaches 4GiB, then it may stop functioning and may become unrecoverable. "
        "Please reach out to the canister owner to investigate the reason for the increased memory "
        "usage. It might be necessary to move data from the Wasm memory to the stable memory. "
        "If such high Wasm memory usage is expected and safe, then the developer can increase "
        "the Wasm memory limit in the canister settings."
    )
