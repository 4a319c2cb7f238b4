"""Which canisters exist, and what each is made of.

The only list of buildable canisters. A name is ``<language>/<variant>/<source>``, where the
variant is what a compiler can do differently with one source: Motoko's persistence, C's
pointer width. Nothing here runs a compiler.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = CHECKOUT / "tests" / "canisters"
DEMO_SOURCES: Final = CHECKOUT / "sandbox" / "demo" / "canisters"


class Language(enum.Enum):
    """What compiles a recipe."""

    MOTOKO = "motoko"
    C = "c"
    AZLE = "azle"
    RUST = "rust"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One canister to build.

    name: also its path below ``.cache/canisters``, without the suffix.
    sources: the file given to the compiler first, then all it reads besides.
    flags: what the compiler is told: Motoko's collector; for C the pointer width, then the
        features of Wasm to use.
    """

    name: str
    language: Language
    sources: tuple[Path, ...]
    flags: tuple[str, ...]


# What Motoko's compiler calls its two ways of keeping data across upgrades.
MOTOKO_FLAGS: Final = {"eop": ("enhancedOP",), "classical": ("classicOP",)}

MOTOKO_SOURCES: Final = (
    "counter_v1",
    "counter_v2_good",
    "counter_v2_bad",
    "counter_v2_field_removed",
    "counter_v2_postupgrade_traps",
    "counter_v2_preupgrade_traps",
    "counter_v2_migration",
    "await_self",
    "big_heap",
    "certified_data",
    "cycles",
    "debug_print",
    "heartbeat",
    "inspect_message",
    "map_v1",
    "map_v2_bad",
    "owner_only",
    "parent",
    "shared_array",
    "timers",
    "trap_after_write",
)

# What a source imports, apart from the compiler's library.
MOTOKO_IMPORTS: Final = MappingProxyType({"parent": ("child",)})

DEMO_VERSIONS: Final = ("ledger_v1", "ledger_v2_bad", "ledger_v2_good")

C_WIDTHS: Final = ("wasm32", "wasm64")

C_SHARED: Final = ("ic0.h", "imports.inc", "ops.inc")

# Each names the Wasm features it is about; the others keep to the target's baseline.
C_SOURCES: Final = {
    "counter": (),
    "stable": (),
    "universal": (),
    "bulk_memory": ("-mbulk-memory",),
    "multi_value": ("-mmultivalue", "-Xclang", "-target-abi", "-Xclang", "experimental-mv"),
    "simd": ("-msimd128",),
    "tail_call": ("-mtail-call",),
}

RUST_PROJECTS: Final = ("notes", "values")


def _motoko() -> list[Recipe]:
    def sources(stem: str) -> tuple[Path, ...]:
        names = (stem, *MOTOKO_IMPORTS.get(stem, ()))
        return tuple(SOURCES / f"motoko/{name}.mo" for name in names)

    return [
        Recipe(f"motoko/{mode}/{stem}", Language.MOTOKO, sources(stem), flags)
        for stem in MOTOKO_SOURCES
        for mode, flags in MOTOKO_FLAGS.items()
    ]


def _demo() -> list[Recipe]:
    return [
        Recipe(f"demo/{mode}/{stem}", Language.MOTOKO, (DEMO_SOURCES / f"{stem}.mo",), flags)
        for stem in DEMO_VERSIONS
        for mode, flags in MOTOKO_FLAGS.items()
    ]


def _c() -> list[Recipe]:
    shared = tuple(SOURCES / "c" / name for name in C_SHARED)
    return [
        Recipe(
            f"c/{width}/{stem}",
            Language.C,
            (SOURCES / f"c/{stem}.c", *shared),
            (width, *features),
        )
        for stem, features in C_SOURCES.items()
        for width in C_WIDTHS
    ]


def _azle() -> list[Recipe]:
    folder = SOURCES / "azle/counter"
    files = ("index.ts", "dfx.json")
    return [Recipe("azle/counter", Language.AZLE, tuple(folder / name for name in files), ())]


def _rust() -> list[Recipe]:
    crates = SOURCES / "rust/cdk"
    shared = tuple(sorted((*crates.glob("*/Cargo.toml"), *crates.glob("*/src/*.rs"))))
    files = ("src/lib.rs", "Cargo.toml")
    return [
        Recipe(
            f"rust/{name}",
            Language.RUST,
            (*(SOURCES / f"rust/{name}/{file}" for file in files), *shared),
            (),
        )
        for name in RUST_PROJECTS
    ]


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {recipe.name: recipe for recipe in (*_motoko(), *_demo(), *_c(), *_azle(), *_rust())}
)
