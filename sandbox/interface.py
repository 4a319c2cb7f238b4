"""A canister's Candid interface, and the codecs of its methods.

The interface comes from ``did=`` or from the module itself (``sandbox.embedded``). Without
one, arguments are Candid text and results are decoded by what the message says of itself.
"""

from __future__ import annotations

import difflib
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from sandbox import candid
from sandbox.candid.errors import CandidError
from sandbox.candid.types import Env, Func, Interface, Mode, Prim, Ref, Service, Type
from sandbox.embedded import Embedded, embedded_interface, parsed
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.execution.modules import InstalledModule


# ``()`` encoded; what most calls without arguments need of Candid.
NO_VALUES: Final = b"DIDL\0\0"
_WIDTH: Final = 80
# An argument list begins with a parenthesis, perhaps behind comments. Each is taken once and for
# all (?>): else a row of them could be divided in exponentially many ways.
_LIST: Final = re.compile(r"(?>\s+|//[^\n]*(?:\n|$)|/\*.*?\*/)*+\(", re.DOTALL)
# A message in hex.
_HEX: Final = re.compile(r"\s*4449444c(?:[0-9a-f]{2})*\s*", re.IGNORECASE)
# Weak: a module kept here until the interpreter ends would outlive the engine it belongs to.
_KNOWN: Final[WeakKeyDictionary[InstalledModule, dict[str | None, CanisterInterface]]] = (
    WeakKeyDictionary()
)


class MethodCodec:
    """Turns a method's arguments into bytes and its reply into values.

    func: its type, None when the interface does not know the method.
    near: method names that look alike, and problem: why the module's interface cannot be
        read; both for the error texts.
    """

    def __init__(
        self, name: str, func: Func | None, env: Env, near: Sequence[str] = (), problem: str = ""
    ) -> None:
        self.name = name
        self.func = func
        self.env = env
        self._near = near
        self._problem = f" ({problem})" if problem else ""

    @property
    def is_query(self) -> bool:
        """Whether the interface marks the method as a query."""
        modes = self.func.modes if self.func else frozenset()
        return bool(modes & {Mode.QUERY, Mode.COMPOSITE_QUERY})

    def encode(self, arguments: Sequence[Any]) -> bytes:
        """Encode the arguments of a call.

        One ``str`` that begins with a parenthesis is Candid text, unless the method takes
        just a text.

        Raises: CandidError naming argument and type; UsageError when there is no type.
        """
        if self._is_candid_text(arguments):
            return self.encode_text(arguments[0])
        if self.func is not None:
            return self._arguments.encode(tuple(arguments))
        if not arguments:
            return NO_VALUES
        hint = f" (did you mean {' or '.join(self._near)}?)" if self._near else ""
        raise UsageError(
            f"the types of {self.name!r} are not known{hint}{self._problem}: "
            "give the interface with did=, "
            "the arguments as Candid text such as '(5 : nat)', or bytes to update_raw / query_raw"
        )

    def encode_text(self, text: str) -> bytes:
        """Encode arguments given as Candid text, at the method's types where they are known.

        Raises: CandidSyntaxError, CandidEncodeError.
        """
        if self.func is None:
            return candid.encode(text)
        return candid.encode(text, self.func.args, env=self.env)

    def format(self, data: bytes, *, width: int = _WIDTH) -> str:
        """Return a reply as Candid text, wrapped and indented."""
        from sandbox.candid import format_message, format_values

        if self.func is None:
            return format_message(data, width=width)
        values = self._results.decode(data)
        return format_values(values, self.func.results, self.env, width=width)

    def format_arguments(self, data: bytes, *, width: int = _WIDTH) -> str:
        """Return the arguments of a call as Candid text, wrapped and indented."""
        from sandbox.candid import format_message, format_values

        if self.func is None:
            return format_message(data, width=width)
        values = self._arguments.decode(data)
        return format_values(values, self.func.args, self.env, width=width)

    def decode(self, data: bytes) -> Any:
        """Return a reply: None, the one result, or a tuple of results."""
        values = self._results.decode(data) if self.func else candid.decode(data)
        if not values:
            return None
        return values[0] if len(values) == 1 else values

    def decode_arguments(self, data: bytes) -> tuple[Any, ...]:
        """Return the arguments of a call, for somebody who answers it."""
        return self._arguments.decode(data) if self.func else candid.decode(data)

    def encode_results(self, result: Any) -> bytes:
        """Encode what ``decode`` would return; without types: None or Candid text.

        Raises: CandidError; UsageError when there is no type.
        """
        if self.func is not None:
            count = len(self.func.results)
            return self._results.encode((result,) if count == 1 else tuple(result or ()))
        if result is None or (isinstance(result, str) and result.startswith("(")):
            return NO_VALUES if result is None else candid.encode(result)
        raise UsageError(
            f"the result types of {self.name!r} are not known{self._problem}: "
            "give the interface with did=, or the result as Candid text such as '(5 : nat)'"
        )

    def _is_candid_text(self, arguments: Sequence[Any]) -> bool:
        if len(arguments) != 1 or not isinstance(arguments[0], str):
            return False
        types = self.func.args if self.func else ()
        takes_text = len(types) == 1 and _resolved(types[0], self.env) is Prim.TEXT
        return arguments[0].startswith("(") and not takes_text

    @cached_property
    def _arguments(self) -> candid.Codec:
        assert self.func is not None
        return candid.Codec(self.func.args, self.env)

    @cached_property
    def _results(self) -> candid.Codec:
        assert self.func is not None
        return candid.Codec(self.func.results, self.env)


@dataclass(frozen=True, eq=False)
class CanisterInterface:
    """What is known of a canister's types; shared by all canisters with the same text.

    interface: None when nothing is known.
    exported: the module's methods with their kinds.
    problem: why what the module says of its interface cannot be read; else empty.
    """

    interface: Interface | None
    exported: Mapping[str, str]
    init_types: tuple[Type, ...] | None
    problem: str = ""

    @cached_property
    def functions(self) -> Mapping[str, Func]:
        """The methods' types by name."""
        if self.interface is None or self.interface.service is None:
            return {}
        env = self.interface.env
        service = _resolved(self.interface.service, env)
        if not isinstance(service, Service):
            return {}
        return {
            name: func
            for name, type_ in service.methods
            if isinstance(func := _resolved(type_, env), Func)
        }

    @cached_property
    def init(self) -> MethodCodec:
        """The codec of the init argument."""
        env = self.interface.env if self.interface else {}
        func = None if self.init_types is None else Func(self.init_types, ())
        return MethodCodec("the init argument", func, env, problem=self.problem)

    def method(self, name: str) -> MethodCodec:
        """Return the codec of a method; also for one the interface does not know."""
        codec = self._codecs.get(name)
        if codec is None:
            codec = self._codecs[name] = self._new_codec(name)
        return codec

    def described(self) -> dict[str, str]:
        """Return every method with its Candid type, or its kind when that is all we know."""
        from sandbox.candid import format_type

        names = dict.fromkeys([*self.functions, *self.exported])
        return {
            name: format_type(self.functions[name])
            if name in self.functions
            else self.exported[name]
            for name in names
        }

    def near(self, name: str) -> list[str]:
        """Return known method names that look like this one; none when it is known itself."""
        if name in self.exported:
            return []
        return difflib.get_close_matches(name, {**self.functions, **self.exported}, n=2)

    @cached_property
    def _codecs(self) -> dict[str, MethodCodec]:
        return {}

    def _new_codec(self, name: str) -> MethodCodec:
        env = self.interface.env if self.interface else {}
        func = self.functions.get(name)
        return MethodCodec(name, func, env, () if func else self.near(name), self.problem)


def interface_of(module: InstalledModule | None, did: str | None = None) -> CanisterInterface:
    """Return the interface of a module; ``did`` (text) goes before what the module carries.

    Raises: CandidSyntaxError for a bad ``did``; UsageError in a thread whose stack is too small
        for Wasm code, when the module has to be asked.
    """
    if module is None:
        return _declared(None, did or "")
    known = _KNOWN.setdefault(module, {})
    if did not in known:
        known[did] = _own(module) if did is None else _declared(module, did)
    return known[did]


def did_text(did: str | PathLike[str] | None) -> str | None:
    """Return the text of an interface given as text or as a path.

    Raises: UsageError when it cannot be read.
    """
    if did is None:
        return None
    text = fspath(did)
    if isinstance(did, str) and ("{" in text or "\n" in text):
        return text
    try:
        return Path(text).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the interface {text!r} cannot be read: {error}") from error


def _declared(module: InstalledModule | None, did: str) -> CanisterInterface:
    interface = parsed(did) if did.strip() else None
    return CanisterInterface(interface, _exported(module), interface.init if interface else None)


def _own(module: InstalledModule) -> CanisterInterface:
    found = embedded_interface(module.facts, lambda: module)
    init = _init_types(module, found)
    return CanisterInterface(found.interface, _exported(module), init, found.problem)


def _init_types(module: InstalledModule, found: Embedded) -> tuple[Type, ...] | None:
    """Return the init argument's types: the metadata ``candid:args``, else the interface's."""
    arguments, interface = module.metadata.get("candid:args"), found.interface
    if arguments is not None and arguments.content.strip() and not found.problem:
        env = interface.env if interface else {}
        try:
            return candid.parse_types(arguments.content.decode(), env=env)[0]
        except (CandidError, UnicodeDecodeError):
            pass  # the module's own metadata is no reason not to run it
    return interface.init if interface else None


def _exported(module: InstalledModule | None) -> dict[str, str]:
    return {name: str(method.kind) for name, method in module.methods.items()} if module else {}


def _resolved(type_: Type, env: Env) -> Type:
    while isinstance(type_, Ref):
        type_ = env[type_.name]
    return type_


def argument_in(data: bytes, what: str) -> str | bytes:
    """Return what a file with an argument holds: Candid text in parentheses, or a message.

    Text may begin with comments, be in hex as didc prints it, or in UTF-16 as PowerShell writes
    it. Anything else is a message as it stands.

    what: names the file in errors.

    Raises: UsageError, for text that cannot be read.
    """
    if data.startswith(b"DIDL"):
        return data
    encoding = "utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if data.lstrip().startswith(b"("):
            raise UsageError(
                f"{what} is Candid text, but not UTF-8 at byte {error.start}"
            ) from None
        return data
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    return text if is_argument_list(text) else data


def is_argument_list(text: str) -> bool:
    """Whether a text can be Candid's ``(…)``, perhaps behind comments."""
    return _LIST.match(text) is not None
