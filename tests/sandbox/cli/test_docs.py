"""The pages of docs/ hold: what they write down is done, from an empty directory."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sandbox.demo.story import module
from sandbox.engine.compiler import wat_to_wasm
from told_story import Page

DOCS = Path(__file__).parents[3] / "docs"
MOTOKO = (
    "moc $(mops sources) --legacy-persistence {0}.mo -o {0}.wasm --public-metadata candid:service"
)


# What the Rust tutorial's counter is without a Rust compiler: the skeleton's, with its interface
# outside, and then with the hooks that its second version gets.
COUNTER = (Path(__file__).parents[3] / "sandbox/cli/skeleton/counter.wat").read_text("utf-8")
COUNTER_DID = """service : (nat64) -> {
  get : () -> (nat64) query; inc : () -> (nat64); dec : () -> (nat64) }"""

STABLE = """
  (import "ic0" "stable64_size" (func $size (result i64)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))"""
HOOKS = """
  (data (i32.const 64) "nothing was saved")
  (func (export "canister_pre_upgrade")
    (if (i64.eqz (call $size)) (then (drop (call $grow (i64.const 1)))))
    (call $write (i64.const 0) (i64.const 7) (i64.const 8)))
  (func (export "canister_post_upgrade")
    (if (i64.eqz (call $size)) (then (call $trap (i32.const 64) (i32.const 17))))
    (call $read (i64.const 7) (i64.const 0) (i64.const 8))))"""


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _put(path: str, data: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)


@pytest.mark.slow
def test_the_motoko_tutorial_holds() -> None:
    names = ("ledger_v1", "ledger_v2_bad", "ledger_v2_good")
    builds = {
        MOTOKO.format(name): lambda name=name: _put(
            f"{name}.wasm", gzip.decompress(module(f"{name}.classical"))
        )
        for name in names
    }

    assert Page(DOCS / "tutorial-motoko.md").tell(builds) > 15


@pytest.mark.slow
def test_the_rust_tutorial_holds() -> None:
    v1 = COUNTER.replace("candid:", "not-candid:")
    v2 = v1.replace("\n  (memory 1)", STABLE + "\n  (memory 1)").rstrip().removesuffix(")") + HOOKS
    made = iter([v1, v2])
    builds = {
        "cargo build --release --target wasm32-unknown-unknown": lambda: _put(
            "target/built.wasm", wat_to_wasm(next(made))
        ),
        "cp target/wasm32-unknown-unknown/release/counter.wasm counter.wasm": lambda: _put(
            "counter.wasm", Path("target/built.wasm").read_bytes()
        ),
        "candid-extractor counter.wasm > counter.did": lambda: _put(
            "counter.did", COUNTER_DID.encode()
        ),
    }

    assert Page(DOCS / "tutorial-rust.md").tell(builds) > 15
    assert next(made, None) is None


@pytest.mark.slow
def test_the_how_to_for_pocket_ic_holds() -> None:
    _put("ledger.wasm.gz", module("ledger_v1.classical"))

    assert Page(DOCS / "how-to-move-from-pocket-ic.md").tell({}) == 2
