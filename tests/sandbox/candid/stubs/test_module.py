"""Python types generated from interfaces."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.candid.language.files import load_interface
from sandbox.candid.language.grammar import parse_interface
from sandbox.candid.stubs.module import generate_stub

REFERENCE = Path(__file__).parents[5] / "shared" / "reference"


def stub(did: str) -> str:
    text = generate_stub(parse_interface(did))
    ast.parse(text)
    return text


@pytest.mark.parametrize(
    ("candid", "python"),
    [
        ("nat64", "int"),
        ("float32", "float"),
        ("text", "str"),
        ("bool", "bool"),
        ("null", "None"),
        ("reserved", "object"),
        ("empty", "Never"),
        ("principal", "Principal"),
        ("blob", "bytes"),
        ("vec text", "list[str]"),
        ("opt nat", "int | None"),
        ("opt opt nat", "Some | None"),
        ("opt null", "Some | None"),
        ("opt o", "Some | None"),
        ("func () -> ()", "FuncRef"),
        ("service {}", "ServiceRef"),
        ("record { nat; text }", "tuple[int, str]"),
        ("record { 7 : nat; a : nat }", "dict[str | int, object]"),
        ("variant {}", "Never"),
        ("variant { 7 : nat }", "dict[int, int]"),
        ("o", "O"),
    ],
)
def test_a_type_is_written_as_its_python_form(candid: str, python: str) -> None:
    assert f'T: TypeAlias = "{python}"\n' in stub(f"type t = {candid}; type o = opt nat;")


def test_a_record_is_a_typed_dict_whose_omissible_fields_are_not_required() -> None:
    text = stub("type account = record { owner : principal; sub : opt blob; old : reserved };")

    assert "class Account(TypedDict):\n" in text
    assert "    owner: Principal\n" in text
    assert "    sub: NotRequired[bytes | None]\n" in text
    assert "    old: NotRequired[object]\n" in text


def test_a_variant_is_a_union_of_its_tags_and_cases() -> None:
    text = stub("type r = variant { A; Ok : nat; Err : record { code : nat }; B };")

    assert "@final\nclass ROk(TypedDict):\n    Ok: int\n" in text
    assert "@final\nclass RErr(TypedDict):\n    Err: RErrValue\n" in text
    assert "class RErrValue(TypedDict):\n    code: int\n" in text
    assert """R: TypeAlias = 'Literal["A", "B"] | ROk | RErr'\n""" in text


def test_equal_anonymous_records_share_their_class() -> None:
    text = stub("type a = vec record { x : nat }; type b = opt record { x : nat };")

    assert text.count("(TypedDict)") == 1
    assert 'A: TypeAlias = "list[AValue]"' in text
    assert 'B: TypeAlias = "AValue | None"' in text


def test_names_of_types_do_not_collide() -> None:
    text = stub(
        "type foo = nat; type Foo = text; type foo_ = foo; type final = Foo; type _1 = nat;"
    )

    names = [line.split(":")[0] for line in text.splitlines() if ": TypeAlias" in line]
    assert len(set(names)) == len(names) == 5
    assert "final" not in names


@pytest.mark.parametrize("field", ["from", "a b", "☃!", "__x", "int"])
def test_a_field_that_would_not_do_in_a_class_is_written_in_a_call(field: str) -> None:
    text = stub(f'type t = record {{ "{field}" : nat }};')

    assert f'T = TypedDict("T", {{\n    "{field}": "int",\n}})' in text


def test_methods_are_typed_and_documented_by_their_signature() -> None:
    text = stub("service : { add : (nat, text) -> (bool, nat); get : () -> (text) query }")

    assert (
        "    def get(self, /, *, caller: Caller = None) -> str:\n"
        '        """() -> (text) query"""\n' in text
    )
    assert "        argument0: int,\n        argument1: str,\n" in text
    assert "        cycles: int = 0,\n    ) -> tuple[bool, int]:\n" in text


def test_a_method_that_hides_a_type_gets_an_alias_for_it() -> None:
    text = stub("service : { list : (vec nat) -> (); other : () -> (vec text) query }")

    assert 'ListArgument: TypeAlias = "list[int]"\n' in text
    assert "argument: ListArgument" in text
    assert 'OtherResult: TypeAlias = "list[str]"\n' in text


@pytest.mark.parametrize("name", ["return", "a b", "🐂", "__hidden", "ﬁ"])
def test_a_method_without_python_name_is_mentioned_in_a_comment(name: str) -> None:
    text = stub(f'service : {{ "{name}" : () -> () }}')

    assert f"# {name!r} is no Python name" in text
    assert "def " not in text


def test_init_arguments_get_an_alias_called_after_the_class() -> None:
    interface = parse_interface("service : (nat, opt text) -> {}")

    text = generate_stub(interface, name="Ledger")

    assert 'LedgerInit: TypeAlias = "tuple[int, str | None]"\n' in text
    assert "class Ledger(Protocol):\n    pass\n" in text


def test_only_what_is_used_is_imported() -> None:
    text = stub("type t = opt opt nat;")

    imports = [line for line in text.splitlines() if line.startswith("from ")]
    assert imports == [
        "from __future__ import annotations",
        "from typing import TypeAlias",
        "from sandbox.candid import Some",
    ]


TRICKY = r"""
type list = opt node;
type node = record { head : int; tail : list };
type tree = variant { leaf : int; branch : record { left : tree; right : tree }; "a\"b'c\n" };
type o = opt o;
type v = vec v;
type str = record { str : text; int : str2; "class" : opt str };
type str2 = text;
service : (record { list : vec nat }) -> {
  list : (list, v, o) -> (vec tree);
  tuple : (record { nat; text }) -> (record { nat }, str);
  int : (nat) -> (variant { Ok : nat; Err : text }) query;
  "quo\"te\\" : (record { "x\"y" : nat }) -> ();
}
"""
USER = """
from ic import Canister as Management
from sandbox import Principal
from tricky import Canister, Node, Str


def use(ic: Management, canister: Canister) -> None:
    made = ic.create_canister({"settings": {"controllers": [Principal("aaaaa-aa")]}}, cycles=5)
    made["canister_id"].management()
    made["canister"]  # wrong
    ic.create_canister({"settings": {"controllers": ["aaaaa-aa"]}})  # wrong
    ic.nonsense()  # wrong
    node: Node = {"head": 1, "tail": {"head": 2}}
    trees = canister.list(node, [[], [[]]], None)
    for tree in trees:
        if isinstance(tree, dict) and "leaf" in tree:
            tree["leaf"] + 1
            tree["branch"]  # wrong
    number, text = canister.tuple((1, "a"), caller="2vxsx-fae")
    number[0] + len(text["str"])
    number + 1  # wrong
    result = canister.int(5)
    if "Ok" in result:
        result["Ok"] + 1
        result["Err"]  # wrong
    canister.int("5")  # wrong
    canister.int(5, cycles=1)  # wrong
    empty: Str = {"str": ""}  # wrong
"""


@pytest.mark.slow
def test_mypy_accepts_the_types_and_finds_their_wrong_uses(tmp_path: Path) -> None:
    management = load_interface(REFERENCE / "ic.did")
    (tmp_path / "ic.py").write_text(generate_stub(management), encoding="utf-8")
    (tmp_path / "tricky.py").write_text(stub(TRICKY), encoding="utf-8")
    (tmp_path / "user.py").write_text(USER, encoding="utf-8")

    mypy = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "."]
    found = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, check=False)

    reported = {line.split(": error:")[0] for line in found.stdout.splitlines() if "error" in line}
    marked = [number for number, line in enumerate(USER.splitlines(), 1) if "# wrong" in line]
    assert reported - {"Found"} >= {f"user.py:{number}" for number in marked}
    assert found.stdout.endswith(f"Found {len(marked)} errors in 1 file (checked 3 source files)\n")
