"""Types and interfaces from text, and what is refused where."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.candid.errors import CandidSyntaxError
from sandbox.candid.language.files import load_interface
from sandbox.candid.language.grammar import parse_interface, parse_type, parse_types
from sandbox.candid.language.pretty import format_interface
from sandbox.candid.types import (
    Field,
    Func,
    Mode,
    Opt,
    Prim,
    Record,
    Ref,
    Service,
    Type,
    Variant,
    Vec,
    field_hash,
)

REFERENCE = Path(__file__).parents[5] / "shared" / "reference"


def named(name: str, of: Type) -> Field:
    return Field(field_hash(name), name, of)


def record(**fields: Type) -> Record:
    return Record(tuple(sorted((named(*each) for each in fields.items()), key=lambda f: f.id)))


def refused(text: str) -> CandidSyntaxError:
    with pytest.raises(CandidSyntaxError) as caught:
        parse_interface(text)
    return caught.value


@pytest.mark.parametrize("prim", Prim)
def test_every_primitive_type_is_read_by_its_keyword(prim: Prim) -> None:
    assert parse_type(prim.value) is prim


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("opt vec nat", Opt(Vec(Prim.NAT))),
        ("blob", Vec(Prim.NAT8)),
        ("record {}", Record(())),
        ("record { nat; text }", Record((Field(0, None, Prim.NAT), Field(1, None, Prim.TEXT)))),
        (
            "record { 5 : nat; text; 0x1 : bool }",
            Record(
                (Field(1, None, Prim.BOOL), Field(5, None, Prim.NAT), Field(6, None, Prim.TEXT))
            ),
        ),
        ("record { b : nat; a : text; }", record(a=Prim.TEXT, b=Prim.NAT)),
        ('record { "b c" : nat }', record(**{"b c": Prim.NAT})),
        ("record { text : text; nat : nat8 }", record(text=Prim.TEXT, nat=Prim.NAT8)),
        ("variant { 1; b : text }", Variant((Field(1, None, Prim.NULL), named("b", Prim.TEXT)))),
        ("func () -> ()", Func((), ())),
        (
            "func (a : nat, text) -> (bool) query",
            Func((Prim.NAT, Prim.TEXT), (Prim.BOOL,), frozenset({Mode.QUERY})),
        ),
        ("func () -> () oneway", Func((), (), frozenset({Mode.ONEWAY}))),
        ("func () -> () composite_query", Func((), (), frozenset({Mode.COMPOSITE_QUERY}))),
        (
            'service { b : () -> (); "a b" : (nat) -> () }',
            Service((("a b", Func((Prim.NAT,), ())), ("b", Func((), ())))),
        ),
    ],
)
def test_a_type_is_read_in_canonical_form(text: str, expected: Type) -> None:
    assert parse_type(text) == expected


def test_a_named_type_is_a_reference_into_the_environment() -> None:
    types, env = parse_types("type list = opt node; type node = record { nat; list }; (list, nat)")

    assert types == (Ref("list"), Prim.NAT)
    assert env["list"] == Opt(Ref("node"))
    assert list(env) == ["list", "node"]


def test_an_argument_list_cannot_import() -> None:
    with pytest.raises(CandidSyntaxError, match="cannot import"):
        parse_types('import "a.did"; (nat)')


def test_names_of_a_given_environment_can_be_used() -> None:
    env = {"account": record(owner=Prim.PRINCIPAL)}

    assert parse_type("opt account", env=env) == Opt(Ref("account"))
    assert parse_types("(account)", env=env) == ((Ref("account"),), env)


def test_an_interface_has_types_service_and_init_arguments() -> None:
    interface = parse_interface(
        """
        // A counter.
        type step = nat; /* by how much */
        service counter : (start : nat, opt step) -> {
            get : () -> (nat) query;  // a doc comment
            add : (step) -> (nat)
        };
        """
    )

    assert interface.env == {"step": Prim.NAT}
    assert interface.init == (Prim.NAT, Opt(Ref("step")))
    assert interface.service == Service(
        (
            ("add", Func((Ref("step"),), (Prim.NAT,))),
            ("get", Func((), (Prim.NAT,), frozenset({Mode.QUERY}))),
        )
    )


def test_a_service_may_be_given_by_name() -> None:
    interface = parse_interface("type s = service { m : f }; type f = func () -> (); service : s")

    assert interface.service == Ref("s")
    assert interface.init is None
    assert interface.env["s"] == Service((("m", Ref("f")),))


def test_an_interface_of_types_only_has_no_service() -> None:
    assert parse_interface("type a = nat;").service is None
    assert parse_interface("").env == {}


def test_recursion_through_a_real_type_is_accepted() -> None:
    interface = parse_interface(
        "type a = opt b; type c = a; type b = vec c; type d = record { d };"
    )

    assert set(interface.env) == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("type a = ;", 1, 10, "expected a type, found `;`"),
        ("type a = nat\ntype b = nat;", 2, 1, "expected the end, found `type`"),
        ("type = nat;", 1, 6, "expected a name for the type"),
        ("type nat8 = nat;", 1, 6, "primitive"),
        ("type a = nat; type a = text;", 1, 20, "second type"),
        ("type a = b;", 1, 10, "no type is named `b`"),
        ("type account = nat; type b = acount;", 1, 30, "did you mean `account`"),
        ("type a = b; type b = a;", 1, 6, "itself"),
        ("type a = a;", 1, 6, "itself"),
        ("type a = record { x : nat; x : text };", 1, 28, "one field"),
        ("type a = record { 0 : nat; nat; 1 : nat };", 1, 33, "one field"),
        ("type a = record { 4294967296 : nat };", 1, 19, "below 2^32"),
        ("type a = record { 4294967295 : nat; nat };", 1, 37, "below 2^32"),
        ("type a = record { query : nat };", 1, 19, 'written "query"'),
        ("type a = record { a : nat, b : nat };", 1, 26, "expected `;` or `}`, found `,`"),
        ("type a = variant { nat; nat };", 1, 25, "one field"),
        ('type a = record { "\\ff" : nat };', 1, 19, "UTF-8"),
        ("type a = func (x : nat, x : nat) -> ();", 1, 25, "second argument"),
        ("type a = func () -> (nat) oneway;", 1, 21, "no results"),
        ("type a = func () -> () query query;", 1, 30, "twice"),
        ("type a = func () -> nat;", 1, 21, "expected `(`"),
        ("service : { m : () -> (); m : () -> () };", 1, 27, "second method"),
        ("type t = nat; service : { m : t };", 1, 31, "expected a function type"),
        ("type t = nat; service : t;", 1, 25, "expected a service type"),
        ("service : { query : () -> () };", 1, 13, 'written "query"'),
        ("service : {}; type a = nat;", 1, 15, "expected the end"),
        ("type a = record {", 1, 18, "expected a type, found the end of the text"),
        ("service : {", 1, 12, "found the end of the text"),
        ('import "a.did";', 1, 8, "cannot be followed"),
    ],
)
def test_a_mistake_is_refused_at_its_place(text: str, line: int, column: int, reason: str) -> None:
    error = refused(text)

    assert (error.line, error.column) == (line, column)
    assert reason in error.reason


def test_types_nested_beyond_the_limit_are_refused_cleanly() -> None:
    parse_type("opt " * 63 + "nat")

    with pytest.raises(CandidSyntaxError, match="deeper than 64"):
        parse_type("opt " * 100_000 + "nat")


def test_the_deepest_types_can_still_be_compared() -> None:
    text = "record { a : variant { b : " * 31 + "nat" + "} }" * 31

    assert parse_type(text) == parse_type(text)


FILES = {
    "types.did": "type id = nat; service : { ignored : () -> () }",
    "base.did": 'import "types.did"; service : { get : (id) -> () query }',
    "lib/inner.did": 'import "deep/leaf.did"; type inner = leaf;',
    "lib/deep/leaf.did": "type leaf = text;",
    "again.did": 'import "types.did"; type more = id;',
    "clash.did": "type id = text;",
    "init.did": "service : (nat) -> { get : () -> () }",
    "bad.did": "type oops = ;",
    "loop1.did": 'import "loop2.did";',
    "loop2.did": 'import "loop1.did";',
    "same.did": "service : { get : () -> () }",
    "outer.did": "type here = there;",
}


def test_an_import_brings_types_but_not_methods() -> None:
    interface = parse_interface(
        'import "types.did"; service : { put : (id) -> () }', resolve=FILES.__getitem__
    )

    assert interface.env == {"id": Prim.NAT}
    assert interface.service == Service((("put", Func((Ref("id"),), ())),))


def test_a_service_import_merges_the_methods() -> None:
    interface = parse_interface(
        'import service "base.did"; service : (text) -> { add : () -> () }',
        resolve=FILES.__getitem__,
    )

    assert isinstance(interface.service, Service)
    assert [name for name, _ in interface.service.methods] == ["add", "get"]
    assert interface.init == (Prim.TEXT,)


def test_a_service_import_alone_makes_a_service() -> None:
    interface = parse_interface('import service "base.did";', resolve=FILES.__getitem__)

    assert isinstance(interface.service, Service)
    assert [name for name, _ in interface.service.methods] == ["get"]


def test_paths_are_relative_to_the_importing_file() -> None:
    interface = parse_interface('import "lib/inner.did";', resolve=FILES.__getitem__)

    assert interface.env == {"leaf": Prim.TEXT, "inner": Ref("leaf")}


def test_a_file_reached_on_two_ways_is_read_once() -> None:
    asked: list[str] = []

    def resolve(path: str) -> str:
        asked.append(path)
        return FILES[path]

    interface = parse_interface('import "again.did"; import "./lib/../types.did";', resolve=resolve)

    assert interface.env == {"id": Prim.NAT, "more": Ref("id")}
    assert sorted(asked) == ["again.did", "types.did"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('import "missing.did";', 'cannot import "missing.did"'),
        ('import "types.did"; import "clash.did";', '`id` is defined in "types.did"'),
        ('import "types.did"; type id = nat;', '`id` is already defined in "types.did"'),
        ('import service "init.did";', "init arguments"),
        ('import service "lib/inner.did";', "no service to import"),
        ('import service "base.did"; import service "same.did";', "second method is named `get`"),
        ('import "bad.did";', 'in "bad.did": expected a type'),
        ('import "loop1.did";', '"loop1.did" -> "loop2.did" -> "loop1.did"'),
        ('type there = nat; import "outer.did";', "no type is named `there`"),
    ],
)
def test_an_import_that_cannot_be_followed_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CandidSyntaxError) as caught:
        parse_interface(text, resolve=FILES.__getitem__)

    assert reason in str(caught.value)


WORDS = st.sampled_from(
    [
        *"=;:,(){}ab07",
        "->",
        "type",
        "nat",
        "opt",
        "vec",
        "record",
        "variant",
        "func",
        "service",
        "query",
        '"x"',
        "import",
    ]
)


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_any_sequence_of_words_is_read_or_refused(text: str) -> None:
    try:
        interface = parse_interface(text)
    except CandidSyntaxError:
        return
    assert parse_interface(format_interface(interface)) == interface


def test_a_file_is_loaded_with_its_imports(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "main.did").write_text('import "lib/inner.did"; service : { f : (inner) -> () }')

    interface = load_interface(tmp_path / "main.did")

    assert set(interface.env) == {"leaf", "inner"}


def test_a_file_that_is_not_utf_8_is_refused_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "bad.did").write_bytes(b"// caf\xc3\xa9\n  \xff")

    with pytest.raises(CandidSyntaxError, match="line 2, column 3: the file is not UTF-8"):
        load_interface(tmp_path / "bad.did")

    (tmp_path / "main.did").write_text('import "bad.did"; service : {}')
    with pytest.raises(CandidSyntaxError, match=r"cannot import .*: line 2, column 3"):
        load_interface(tmp_path / "main.did")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "main.did").write_bytes(b"\xef\xbb\xbftype n = nat;")

    assert set(load_interface(tmp_path / "main.did").env) == {"n"}


def test_the_interface_of_the_management_canister_is_read() -> None:
    interface = load_interface(REFERENCE / "ic.did")

    assert isinstance(interface.service, Service)
    methods = dict(interface.service.methods)
    assert methods["raw_rand"] == Func((), (Ref("raw_rand_result"),))
    assert len(methods) > 40
