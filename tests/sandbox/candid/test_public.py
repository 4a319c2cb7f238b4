"""What the package offers by name."""

from __future__ import annotations

import pytest

from sandbox import candid


@pytest.mark.parametrize("name", candid.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(candid, name) is not None


def test_the_examples_of_the_design_work() -> None:
    data = candid.encode("(5 : nat)")

    assert data == b"DIDL\x00\x01\x7d\x05"
    assert candid.decode(data, "(int)") == (5,)
    assert candid.decode(data) == (5,)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        candid.nothing  # noqa: B018 - the access is the test
