"""The custom sections the IC gives a meaning: ``icp:public <name>``, ``icp:private <name>``.

Everyone may read public ones, controllers the private ones too. The name is whatever follows
the one space, even nothing; other custom sections are not looked at.

Source: replica ``wasm_utils/validation.rs``, ``validate_custom_section``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sandbox.errors import ModuleRefused

if TYPE_CHECKING:
    from sandbox.wasm.module import Module

_PREFIX = "icp:"


class Visibility(StrEnum):
    """Who may read a metadata section."""

    PUBLIC = "public"
    PRIVATE = "private"


class Metadata(NamedTuple):
    """One metadata section."""

    visibility: Visibility
    content: bytes


def read_metadata(module: Module) -> dict[str, Metadata]:
    """Return the metadata sections by name, in the order of the module.

    Raises: ModuleRefused when a scope is missing or unknown, or a name comes twice.
    """
    found: dict[str, Metadata] = {}
    for section in module.customs:
        if not section.name.startswith(_PREFIX):
            continue
        visibility, name = _split(section.name)
        if name in found:
            raise invalid_custom_section(f"Invalid custom section: name {name} already exists")
        found[name] = Metadata(visibility, section.payload)
    return found


def invalid_custom_section(what: str) -> ModuleRefused:
    """Return the refusal of a custom section, in the replica's frame."""
    return ModuleRefused(f"Wasm module has an invalid custom section. {what}")


def _split(section_name: str) -> tuple[Visibility, str]:
    for visibility in Visibility:
        prefix = f"{_PREFIX}{visibility} "
        if section_name.startswith(prefix):
            return visibility, section_name[len(prefix) :]
        if section_name == prefix.rstrip():
            raise invalid_custom_section(
                "'icp:' section names must have a space after the public/private scope"
            )
    raise invalid_custom_section(
        f"Invalid custom section: Custom section '{section_name}' has no public/private "
        "scope defined."
    )
