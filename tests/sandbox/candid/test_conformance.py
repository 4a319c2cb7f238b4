"""The specification's test files, assertion by assertion, and the runner itself."""

from pathlib import Path

import pytest

from sandbox.candid.conformance import Assertion, Claim, failure, parse_suite
from sandbox.candid.errors import CandidSyntaxError
from sandbox.candid.types import Env, Opt, Prim, Ref

SUITES = Path(__file__).parents[4] / "shared" / "candid-tests"
NAMES = ("construct", "overshoot", "prim", "reference")


def assertions() -> list[object]:
    """Return every assertion; a missing file raises, so that nothing passes unseen."""
    found: list[object] = []
    for name in NAMES:
        suite = parse_suite((SUITES / f"{name}.test.did").read_text(encoding="utf-8"))
        for each in suite.assertions:
            title = f"{name}:{each.line} {each.description}"
            found.append(pytest.param(each, suite.env, id=title))
    return found


@pytest.mark.parametrize(("assertion", "env"), assertions())
def test_the_specification_holds(assertion: Assertion, env: Env) -> None:
    assert failure(assertion, env) is None


@pytest.mark.parametrize("name", NAMES)
def test_no_assertion_of_a_file_is_left_out(name: str) -> None:
    text = (SUITES / f"{name}.test.did").read_text(encoding="utf-8")

    lines = [line for line in text.splitlines() if line.startswith("assert ")]

    assert len(parse_suite(text).assertions) == len(lines) > 0


def test_every_form_of_assertion_is_read() -> None:
    suite = parse_suite(
        r"""
        type t = opt t;
        assert blob "DIDL\00\00" : ();
        assert "(1)" !: (text) "described";
        assert blob "\ff"
          == "(null)" : (t);
        assert "(1)" != "(2)" : (nat, opt nat)
        """
    )

    assert suite.env == {"t": Opt(Ref("t"))}
    assert suite.assertions == (
        Assertion(3, Claim.READS, (b"DIDL\0\0",), (), ""),
        Assertion(4, Claim.IS_REFUSED, ("(1)",), (Prim.TEXT,), "described"),
        Assertion(5, Claim.READ_EQUAL, (b"\xff", "(null)"), (Ref("t"),), ""),
        Assertion(7, Claim.READ_UNEQUAL, ("(1)", "(2)"), (Prim.NAT, Opt(Prim.NAT)), ""),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('insist "(1)" : (nat);', "expected `assert`, found `insist`"),
        ("assert 5 : (nat);", "expected `blob` or values"),
        ("assert blob 5 : (nat);", "the bytes of the message"),
        ('assert "(1)" = (nat);', "expected `:` or `!:`"),
        ('assert "(1)" : (t);', "no type is named `t`"),
        ('assert "(1)" : (nat) assert "(1)" : (nat)', "expected the end"),
    ],
)
def test_a_file_that_is_no_test_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CandidSyntaxError) as caught:
        parse_suite(text)

    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (r'blob "DIDL\00\01\7d\05" : (nat)', True),
        (r'blob "DIDL\00\01\7d\05" : (text)', False),
        (r'blob "DIDL\00\01\7d\05" !: (nat)', False),
        (r'blob "DIDL\00\01\7d\05" !: (text)', True),
        ('"(5)" : (nat)', True),
        ('"(5" : (nat)', False),
        ('"(5" !: (nat)', True),
        (r'blob "DIDL\00\01\7d\05" == "(5)" : (nat)', True),
        (r'blob "DIDL\00\01\7d\05" == "(6)" : (nat)', False),
        (r'blob "DIDL\00\01\7d\05" != "(6)" : (nat)', True),
        (r'blob "DIDL\00\01\7d\05" != "(5)" : (nat)', False),
        (r'blob "nonsense" == "(5)" : (nat)', False),
        (r'blob "nonsense" != "(5)" : (nat)', False),
        (r'"(5)" != "nonsense" : (nat)', False),
    ],
)
def test_an_assertion_holds_or_says_what_happened_instead(text: str, holds: bool) -> None:
    suite = parse_suite(f"assert {text};")

    reason = failure(suite.assertions[0], suite.env)

    assert (reason is None) == holds
