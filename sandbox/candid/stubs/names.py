"""Python names for Candid names: valid, unused, and recognisable.

A Candid name may be any text, a Python name may not. Types are written as Python
writes classes (``canister_settings`` becomes ``CanisterSettings``): a class cannot have
a field that is called like the field's type, and in Candid nearly every one has.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

# What the generated text itself needs, by the module that has it; one block of import
# lines each, and Python's own names, which need none.
IMPORTS: Final = (
    {"typing": ("Literal", "Never", "NotRequired", "Protocol", "TypeAlias", "TypedDict", "final")},
    {"sandbox": ("Principal",), "sandbox.candid": ("FuncRef", "ServiceRef", "Some")},
)
_BUILTINS: Final = ("bool", "bytes", "dict", "float", "int", "list", "object", "str", "tuple")
_SEPARATORS: Final = re.compile(r"[\W_]+")


def is_name(text: str) -> bool:
    """Say whether Python can use a name as it is, also inside a class."""
    return (
        text.isidentifier()
        and not keyword.iskeyword(text)
        # Python reads names in this form; another one would become a different name.
        and unicodedata.normalize("NFKC", text) == text
        # Inside a class `__x` means something else.
        and (not text.startswith("__") or text.endswith("__"))
    )


def _initially_taken() -> set[str]:
    return {*_BUILTINS, *(name for block in IMPORTS for names in block.values() for name in names)}


@dataclass(slots=True)
class Names:
    """The names of one module, each given once."""

    _taken: set[str] = field(default_factory=_initially_taken)

    def reserve(self, name: str) -> None:
        """Keep a name from being given."""
        self._taken.add(name)

    def claim(self, wish: str) -> str:
        """Return a free name like the wish, written as Python writes classes, and take it."""
        words = _SEPARATORS.split(unicodedata.normalize("NFKC", wish))
        name = "".join(word[:1].upper() + word[1:] for word in words)
        if not name.isidentifier():
            name = f"_{name}"
        while name in self._taken or keyword.iskeyword(name):
            name += "_"
        self._taken.add(name)
        return name
