"""Candid values as Python values: one table, and the classes Python lacks.

========================  ==============================  ===============================
Candid type               read as                         written from
========================  ==============================  ===============================
null, reserved            None                            None (reserved: anything)
bool                      bool                            bool
nat, int, nat8 … int64    int                             int or ``__index__``, not bool
float32, float64          float                           float, int
text                      str                             str
vec nat8 (blob)           bytes                           bytes, bytearray, memoryview, ints
vec t                     list                            any iterable but str and mappings;
                                                          numbers also from a buffer (array,
                                                          numpy) of the same item format
opt t                     None or the value               None, the value, ``Some(value)``
opt t, t opt/null/        None or ``Some(value)``         None, ``Some(value)``
reserved
record, ids 0 … n-1       tuple                           tuple, list, dict
record, other             ``RecordValue``                 dict, dataclass
variant                   ``VariantValue``                ``VariantValue``, ``{"Ok": 1}``;
                                                          ``"Ok"`` where there is no payload
principal                 ``Principal``                   ``Principal``, its text
service                   ``ServiceRef``                  ``ServiceRef``, ``Principal``, text
func                      ``FuncRef``                     ``FuncRef``, (principal, method)
empty                     (no value)                      (no value)
========================  ==============================  ===============================

A field or tag is a str where its name is known and its 32-bit id (an int) where not.
A field of type opt, null or reserved may be left out of a record on input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sandbox.principal import Principal

# What a value is depends on a Candid type known at run time only; ``object`` would
# make every user cast every field.
Value: TypeAlias = Any
Label: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Some:
    """``opt value`` where the bare value could be taken for ``null``."""

    value: Value


class RecordValue(dict[Label, Value]):
    """A record: a dict whose fields can also be read as attributes.

    Names that dict itself uses (``items``, ``keys``, …) are read as ``record["items"]``.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Value:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the record has no field {name!r}") from None

    def __repr__(self) -> str:
        return f"RecordValue({dict.__repr__(self)})"

    def __dir__(self) -> list[str]:
        fields = [name for name in self if isinstance(name, str) and name.isidentifier()]
        return sorted({*super().__dir__(), *fields})


class VariantValue(Mapping[Label, Value]):
    """A variant: one tag and its payload, None where the case has none.

    Reads like the mapping ``{tag: value}`` and equals it; without payload it also
    equals the bare tag. ``match`` takes ``VariantValue("Ok", x)`` and ``{"Ok": x}``.
    """

    __slots__ = ("tag", "value")
    __match_args__ = ("tag", "value")
    tag: Label
    value: Value

    def __init__(self, tag: Label, value: Value = None) -> None:
        self.tag = tag
        self.value = value

    def __getitem__(self, tag: Label) -> Value:
        if tag != self.tag:
            raise KeyError(tag)
        return self.value

    def __iter__(self) -> Iterator[Label]:
        return iter((self.tag,))

    def __len__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        if isinstance(other, VariantValue):
            return self.tag == other.tag and bool(self.value == other.value)
        if isinstance(other, str | int):
            return self.value is None and self.tag == other
        if isinstance(other, Mapping):
            return len(other) == 1 and self.tag in other and bool(self.value == other[self.tag])
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.tag) if self.value is None else hash((self.tag, self.value))

    def __repr__(self) -> str:
        payload = "" if self.value is None else f", {self.value!r}"
        return f"VariantValue({self.tag!r}{payload})"


@dataclass(frozen=True, slots=True)
class FuncRef:
    """A method of some service, as a value that can be passed on."""

    principal: Principal
    method: str


@dataclass(frozen=True, slots=True)
class ServiceRef:
    """A service, as a value that can be passed on."""

    principal: Principal
