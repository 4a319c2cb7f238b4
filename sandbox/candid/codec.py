"""Encode and decode: the public functions, and the object that remembers generated code.

Whoever talks to one method again and again keeps a ``Codec``; the functions keep the
codecs of the type lists used last. Text is parsed by the language modules, which are
imported when the first text comes.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sandbox.candid.binary.decoder import Decoder, UntypedDecoder
from sandbox.candid.binary.encoder import Encoder
from sandbox.candid.binary.limits import DEFAULT_LIMITS, Limits
from sandbox.candid.errors import CandidTypeError
from sandbox.candid.graph.nodes import build
from sandbox.candid.types import Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.candid.types import Env
    from sandbox.candid.values import Value

Bytes: TypeAlias = bytes | bytearray | memoryview
Definitions: TypeAlias = tuple[tuple[str, Type], ...]

_NO_NAMES: Final[Env] = {}
# Type lists whose code is kept by ``encode`` and ``decode``.
_KEPT: Final = 256


class Codec:
    """Encodes and decodes messages of one list of types.

    types: of the arguments or results, in order.
    env: what the names in them mean.

    Raises: CandidTypeError.
    """

    def __init__(
        self, types: Iterable[Type], env: Env = _NO_NAMES, *, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._graph = build(types, env)
        self._limits = limits

    def encode(self, values: Sequence[Value]) -> bytes:
        """Return the message that holds ``values``, one per type.

        Trailing values of type opt, null or reserved may be left out.

        Raises: CandidEncodeError.
        """
        return self._encoder.encode(values)

    def decode(self, data: Bytes) -> tuple[Any, ...]:
        """Return the values of a message, one per type, coerced as the specification says.

        Raises: CandidDecodeError.
        """
        return self._decoder.decode(data if type(data) is bytes else bytes(data))

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self._graph, self._limits)

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self._graph, self._limits)


def encode(
    values: str | Sequence[Value],
    types: str | Sequence[Type] | None = None,
    *,
    env: Env = _NO_NAMES,
) -> bytes:
    """Return the message that holds some values.

    values: Python values, one per type, or text: ``'(5 : nat, "hello")'``.
    types: as text, ``'(nat, text)'``, or as types whose names ``env`` explains;
        text values may go without.

    Raises: CandidEncodeError; CandidSyntaxError; CandidTypeError.
    """
    expected = None if types is None else _parsed(types, env)
    if isinstance(values, str):
        from sandbox.candid.text.values import parse_values

        values, found = parse_values(values, *(expected or (None, env)))
        expected = expected or (found, env)
    if expected is None:
        raise CandidTypeError("Python values need types to be encoded at")
    return _codec(*expected, DEFAULT_LIMITS).encode(values)


def decode(
    data: Bytes,
    types: str | Sequence[Type] | None = None,
    *,
    env: Env = _NO_NAMES,
    names: Iterable[str] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Any, ...]:
    """Return the values of a message.

    types: the expected types as text or as types; the message's own where None.
    env: what the names in ``types`` mean.
    names: without ``types``: field and tag names to put in place of their ids.

    Raises: CandidDecodeError; CandidSyntaxError; CandidTypeError.
    """
    if types is None:
        raw = data if type(data) is bytes else bytes(data)
        return _untyped(frozenset(names), limits).decode(raw)
    return _codec(*_parsed(types, env), limits).decode(data)


def _parsed(types: str | Sequence[Type], env: Env) -> tuple[tuple[Type, ...], Env]:
    if not isinstance(types, str):
        return tuple(types), env
    return _parsed_text(types, tuple(env.items()))


def _codec(types: tuple[Type, ...], env: Env, limits: Limits) -> Codec:
    return _kept_codec(types, tuple(env.items()), limits)


@lru_cache(maxsize=_KEPT)
def _parsed_text(text: str, definitions: Definitions) -> tuple[tuple[Type, ...], Env]:
    from sandbox.candid.language.grammar import parse_types

    return parse_types(text, env=dict(definitions))


@lru_cache(maxsize=_KEPT)
def _kept_codec(types: tuple[Type, ...], definitions: Definitions, limits: Limits) -> Codec:
    return Codec(types, dict(definitions), limits=limits)


@lru_cache(maxsize=_KEPT)
def _untyped(names: frozenset[str], limits: Limits) -> UntypedDecoder:
    return UntypedDecoder(names, limits)
