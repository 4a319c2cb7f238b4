"""Custom sections of the IC: their scope, their names, and nobody else's sections."""

from __future__ import annotations

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm.metadata import Metadata, Visibility, read_metadata
from sandbox.wasm.parse import parse_module


def metadata(*sections: str) -> dict[str, Metadata]:
    customs = "".join(f'(@custom "{name}" "content")' for name in sections)
    return read_metadata(parse_module(bytes(wasmtime.wat2wasm(f"(module {customs})"))))


@pytest.mark.parametrize(
    ("section", "name", "visibility"),
    [
        ("icp:public candid:service", "candid:service", Visibility.PUBLIC),
        ("icp:private motoko:stable-types", "motoko:stable-types", Visibility.PRIVATE),
        ("icp:public static void main", "static void main", Visibility.PUBLIC),
        ("icp:private   name", "  name", Visibility.PRIVATE),
        ("icp:public ", "", Visibility.PUBLIC),
    ],
)
def test_the_name_is_all_that_follows_the_one_space(
    section: str, name: str, visibility: Visibility
) -> None:
    assert metadata(section) == {name: Metadata(visibility, b"content")}


@pytest.mark.parametrize(
    "section", ["name", "eth:private x", " icp:public x", "icp", "ICP:public x"]
)
def test_other_custom_sections_are_not_looked_at(section: str) -> None:
    assert metadata(section) == {}


@pytest.mark.parametrize("section", ["icp:public", "icp:private"])
def test_a_scope_without_a_space_is_refused(section: str) -> None:
    with pytest.raises(ModuleRefused, match="must have a space after the public/private scope"):
        metadata(section)


@pytest.mark.parametrize("section", ["icp:x custom", "icp:", "icp:publicname", "icp:Public x"])
def test_an_unknown_scope_is_refused(section: str) -> None:
    with pytest.raises(ModuleRefused) as refused:
        metadata(section)

    assert refused.value.reason == (
        "Wasm module has an invalid custom section. Invalid custom section: "
        f"Custom section '{section}' has no public/private scope defined."
    )


@pytest.mark.parametrize("second", ["icp:public a", "icp:private a"])
def test_a_name_comes_once_whatever_its_scope(second: str) -> None:
    assert list(metadata("icp:public a", "icp:public b", "a", "a")) == ["a", "b"]

    with pytest.raises(ModuleRefused, match="Invalid custom section: name a already exists"):
        metadata("icp:public a", second)
