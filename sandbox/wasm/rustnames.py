"""Rust's symbol names as people write them: ``_ZN3app4move17h…E`` is ``app::move``.

Both of rustc's manglings, without hashes and lifetimes. Names come
from canisters, so nothing is trusted: what cannot be read, or would take long or grow long
(back references double), stays as it is.
Source: Rust RFC 2603; rustc's legacy mangling as in the crate rustc-demangle.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST: Final = 4_096  # characters, before and after
_MOST_STEPS: Final = 2_000
_DEEPEST: Final = 60

_LEGACY: Final = re.compile(r"_?_?ZN(?=\d)")
_HASH: Final = re.compile(r"h[0-9a-f]{16}")
_ESCAPE: Final = re.compile(r"\$(SP|BP|RF|LT|GT|LP|RP|C|u[0-9a-f]{1,6})\$|\.\.")
_ESCAPES: Final = {
    "SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ",",
}  # fmt: skip

_V0: Final = re.compile(r"_?_R(?=[A-Z])")
_BASIC: Final = {
    "a": "i8", "b": "bool", "c": "char", "d": "f64", "e": "str", "f": "f32", "h": "u8",
    "i": "isize", "j": "usize", "l": "i32", "m": "u32", "n": "i128", "o": "u128", "p": "_",
    "s": "i16", "t": "u16", "u": "()", "v": "...", "x": "i64", "y": "u64", "z": "!",
}  # fmt: skip
_POINTERS: Final = {"R": "&", "Q": "&mut ", "P": "*const ", "O": "*mut "}
_DIGITS_62: Final = {
    letter: value
    for value, letter in enumerate("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
}


class _Unreadable(Exception):
    """No name of Rust, or one that is not worth the reading."""


def demangled(name: str) -> str:
    """Return a name as it stands in the source, or unchanged when it is not one of Rust's."""
    if len(name) > _LONGEST or not name.isascii():
        return name
    try:
        if found := _LEGACY.match(name):
            return _legacy(name[found.end() :])
        if found := _V0.match(name):
            return _Reader(name[found.end() :]).path(in_value=True)
    except (_Unreadable, IndexError):
        pass
    return name


def _legacy(rest: str) -> str:
    parts = []
    while not rest.startswith("E"):
        digits = re.match(r"\d{1,4}", rest)
        if digits is None:
            raise _Unreadable
        start = digits.end()
        end = start + int(digits[0])
        if end >= len(rest):
            raise _Unreadable
        parts.append(rest[start:end])
        rest = rest[end:]
    if len(parts) > 1 and _HASH.fullmatch(parts[-1]):
        parts.pop()
    return "::".join(map(_unescaped, parts))


def _unescaped(part: str) -> str:
    part = part.removeprefix("_") if part.startswith("_$") else part
    return _ESCAPE.sub(_meaning, part)


def _meaning(escape: re.Match[str]) -> str:
    code = escape[1]
    if code is None:
        return "::"
    if code not in _ESCAPES:
        number = int(code[1:], 16)
        return chr(number) if number <= 0x10FFFF and chr(number).isprintable() else escape[0]
    return _ESCAPES[code]


class _Reader:
    """Reads the newer mangling from left to right; each method reads what it is named after."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._steps = 0
        self._depth = 0

    def path(self, *, in_value: bool = False) -> str:
        """Return a path. in_value: generic arguments are written ``::<…>``."""
        self._enter()
        match self._next():
            case "C":
                found = self._identifier()[0]
            case "N":
                found = self._nested(in_value=in_value)
            case "M":
                self._skip_implementation()
                found = f"<{self.type_()}>"
            case "X":
                self._skip_implementation()
                found = f"<{self.type_()} as {self.path()}>"
            case "Y":
                found = f"<{self.type_()} as {self.path()}>"
            case "I":
                found = self.path(in_value=in_value)
                found += f"{'::' if in_value else ''}<{', '.join(self._until_end(self._generic))}>"
            case "B":
                found = self._back(lambda: self.path(in_value=in_value))
            case _:
                raise _Unreadable
        return self._leave(found)

    def type_(self) -> str:
        """Return a type."""
        self._enter()
        tag = self._next()
        match tag:
            case _ if tag in _BASIC:
                found = _BASIC[tag]
            case "R" | "Q" | "P" | "O":
                self._number_after("L")
                found = _POINTERS[tag] + self.type_()
            case "A":
                found = f"[{self.type_()}; {self._constant()}]"
            case "S":
                found = f"[{self.type_()}]"
            case "T":
                items = self._until_end(self.type_)
                found = f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
            case "B":
                found = self._back(self.type_)
            case "F":
                found = self._function()
            case "D":
                self._number_after("G")
                found = f"dyn {' + '.join(self._until_end(self._bound))}"
                self._number_after("L")
            case _:
                self._at -= 1
                found = self.path()
        return self._leave(found)

    def _nested(self, *, in_value: bool) -> str:
        space = self._next()
        outer = self.path(in_value=in_value)
        name, number = self._identifier()
        if space.islower():
            return f"{outer}::{name}" if name else outer
        kind = {"C": "closure", "S": "shim"}.get(space, space)
        return f"{outer}::{{{kind}{f':{name}' if name else ''}#{number}}}"

    def _skip_implementation(self) -> None:
        self._number_after("s")
        self.path()

    def _generic(self) -> str:
        if self._has("L"):
            self._number()
            return "'_"
        return self._constant() if self._has("K") else self.type_()

    def _function(self) -> str:
        self._number_after("G")
        unsafe = "unsafe " if self._has("U") else ""
        abi = ""
        if self._has("K"):
            abi = "C" if self._has("C") else self._identifier()[0].replace("_", "-")
            abi = f'extern "{abi}" '
        takes = ", ".join(self._until_end(self.type_))
        gives = self.type_()
        return f"{unsafe}{abi}fn({takes})" + ("" if gives == "()" else f" -> {gives}")

    def _bound(self) -> str:
        found = self.path()
        names = []
        while self._has("p"):
            names.append(f"{self._identifier()[0]} = {self.type_()}")
        if names and found.endswith(">"):
            return f"{found[:-1]}, {', '.join(names)}>"
        return f"{found}<{', '.join(names)}>" if names else found

    def _constant(self) -> str:
        if self._has("B"):
            return self._back(self._constant)
        if self._has("p"):
            return "_"
        kind = self.type_()
        sign = "-" if self._has("n") else ""
        start = self._at
        while not self._has("_"):
            self._next()
        number = int(self._text[start : self._at - 1] or "0", 16) if self._is_hex(start) else None
        if number is None:
            raise _Unreadable
        if kind == "bool":
            return str(bool(number)).lower()
        return repr(chr(number)) if kind == "char" and number <= 0x10FFFF else f"{sign}{number}"

    def _is_hex(self, start: int) -> bool:
        return re.fullmatch(r"[0-9a-f]{0,32}", self._text[start : self._at - 1]) is not None

    def _identifier(self) -> tuple[str, int]:
        """Return an identifier and its number among those of the same name."""
        number = self._number_after("s")
        is_punycode = self._has("u")
        digits = re.compile(r"0|[1-9]\d{0,3}").match(self._text, self._at)
        if digits is None:
            raise _Unreadable
        self._at = digits.end()
        self._has("_")
        end = self._at + int(digits[0])
        name = self._text[self._at : end]
        if end > len(self._text):
            raise _Unreadable
        self._at = end
        return (_from_punycode(name) if is_punycode else name), number

    def _back(self, read: Callable[[], str]) -> str:
        """Read what stands further to the left once more."""
        start = self._at - 1
        to = self._number()
        if to >= start:
            raise _Unreadable
        back, self._at = self._at, to
        found = read()
        self._at = back
        return found

    def _until_end(self, read: Callable[[], str]) -> list[str]:
        found = []
        while not self._has("E"):
            found.append(read())
        return found

    def _number_after(self, tag: str) -> int:
        """Return the number behind a tag, from 1; 0 without the tag."""
        return self._number() + 1 if self._has(tag) else 0

    def _number(self) -> int:
        if self._has("_"):
            return 0
        value = 0
        while not self._has("_"):
            value = value * 62 + _DIGITS_62.get(self._next(), _LONGEST)
            if value > 1 << 64:
                raise _Unreadable
        return value + 1

    def _has(self, tag: str) -> bool:
        is_there = self._text.startswith(tag, self._at)
        self._at += is_there
        return is_there

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _enter(self) -> None:
        self._steps += 1
        self._depth += 1
        if self._steps > _MOST_STEPS or self._depth > _DEEPEST:
            raise _Unreadable

    def _leave(self, found: str) -> str:
        self._depth -= 1
        if len(found) > _LONGEST:
            raise _Unreadable
        return found


def _from_punycode(name: str) -> str:
    """Return an identifier that is not ASCII; the last ``_`` stands for punycode's ``-``."""
    try:
        return name[::-1].replace("_", "-", 1)[::-1].encode().decode("punycode")
    except UnicodeError:
        raise _Unreadable from None
