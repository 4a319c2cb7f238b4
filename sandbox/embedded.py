"""The interface that a module carries: as metadata, or in the text its own function builds.

Motoko writes it into the section ``candid:service``. Rust's ``ic_cdk::export_candid!`` makes a
function ``get_candid_pointer`` that returns the address of the text. Metadata goes first:
reading it runs nothing. Nobody else looks for either.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sandbox.candid.errors import CandidError
from sandbox.errors import NoText
from sandbox.wasm.describe import CANDID_POINTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.types import Interface
    from sandbox.execution.modules import InstalledModule
    from sandbox.wasm.describe import ModuleFacts

SERVICE: Final = "candid:service"


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a module says of its interface.

    interface: None when it says nothing, or nothing that can be read.
    problem: why it cannot be read, in words that begin with the place; else empty.
    """

    interface: Interface | None = None
    problem: str = ""


def embedded_interface(facts: ModuleFacts, module: Callable[[], InstalledModule]) -> Embedded:
    """Return the interface a module carries; what cannot be read is told, not raised.

    module: makes the module ready to run; asked only where there is a function to call.

    Raises: what ``module`` raises; UsageError in a thread whose stack is too small for Wasm code.
    """
    section = facts.metadata.get(SERVICE)
    if section is not None:
        try:
            return _read(SERVICE, section.content.decode())
        except UnicodeDecodeError as error:
            return Embedded(problem=f"{SERVICE} is not UTF-8 at byte {error.start}")
    if not facts.has_candid_pointer:
        return Embedded()
    try:
        return _read(CANDID_POINTER, module().text_at(CANDID_POINTER))
    except NoText as error:
        return Embedded(problem=f"{CANDID_POINTER} {error}")


@lru_cache(maxsize=64)
def parsed(text: str) -> Interface:
    """Return an interface given as text. Raises: CandidError."""
    from sandbox.candid import parse_interface

    return parse_interface(text)


def _read(place: str, text: str) -> Embedded:
    try:
        return Embedded(parsed(text))
    except CandidError as error:
        first_line = str(error).partition("\n")[0]  # others show the text, which has no file
        return Embedded(problem=f"{place} gives no Candid: {first_line}")
