"""The errors: what they tell, and that they travel between processes."""

import pickle

import pytest

from sandbox.candid.errors import (
    CandidDecodeError,
    CandidEncodeError,
    CandidError,
    CandidSyntaxError,
)


@pytest.mark.parametrize(
    "error",
    [
        CandidDecodeError(7, "the message ends too early"),
        CandidEncodeError("argument 0", "nat", -1),
        CandidEncodeError("argument 0", "nat", -1, "why"),
        CandidSyntaxError(2, 5, "expected a type"),
    ],
)
def test_errors_are_candid_errors_and_survive_pickling(error: CandidError) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert isinstance(again, CandidError | ValueError)
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 10**6, id="text"),
        pytest.param(b"x" * 10**6, id="bytes"),
        pytest.param(10**9_999, id="int"),
        pytest.param([10**9_999] * 10**6, id="list"),
        pytest.param({"a": "x" * 10**6}, id="dict"),
    ],
)
def test_encode_error_shortens_a_huge_value(value: object) -> None:
    assert len(str(CandidEncodeError("argument 0", "nat", value))) < 200


def test_encode_error_survives_a_value_without_repr() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert "<Broken instance" in str(CandidEncodeError("argument 0", "nat", Broken()))


def test_encode_error_survives_a_value_too_deep_for_repr() -> None:
    nested: object = None
    for _ in range(100_000):
        nested = [nested]

    assert "argument 0" in str(CandidEncodeError("argument 0", "nat", nested))
