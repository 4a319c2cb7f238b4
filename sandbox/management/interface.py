"""The interface of ``aaaaa-aa``: ``ic.did`` as shipped, and the codecs of its methods."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sandbox import candid
from sandbox.candid.types import Mode
from sandbox.interface import CanisterInterface

if TYPE_CHECKING:
    from sandbox.candid.types import Env, Func


@lru_cache(maxsize=1)
def interface() -> CanisterInterface:
    """Return the interface; read and parsed once."""
    from sandbox.candid import parse_interface

    text = files("sandbox.management").joinpath("ic.did").read_text("utf-8")
    return CanisterInterface(parse_interface(text), {}, None)


def is_query(method: str) -> bool:
    """Whether the interface marks a method as a query."""
    return Mode.QUERY in _func(method).modes


@lru_cache(maxsize=128)
def arguments(method: str) -> candid.Codec:
    """Return the codec of a method's arguments."""
    return candid.Codec(_func(method).args, _env())


@lru_cache(maxsize=128)
def results(method: str) -> candid.Codec:
    """Return the codec of a method's results."""
    return candid.Codec(_func(method).results, _env())


def has_result(method: str) -> bool:
    """Whether a method answers with a value."""
    return bool(_func(method).results)


def _func(method: str) -> Func:
    return interface().functions[method]


def _env() -> Env:
    parsed = interface().interface
    assert parsed is not None
    return parsed.env


@lru_cache(maxsize=1)
def transform() -> candid.Codec:
    """Return the codec of a transform function's argument."""
    from sandbox.candid import parse_types

    types, env = parse_types(
        "(record { response : http_request_result; context : blob })", env=dict(_env())
    )
    return candid.Codec(types, env)
