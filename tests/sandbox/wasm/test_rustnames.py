"""Names of Rust functions, as binutils' c++filt reads them (which also prints hashes)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import CanisterTrapped
from sandbox.wasm.rustnames import demangled

if TYPE_CHECKING:
    from sandbox import Sandbox

NAMES = {
    # the mangling of stable compilers
    "_ZN3app8transfer17h0123456789abcdefE": "app::transfer",
    "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE":
        "<alloc::string::String as core::fmt::Display>::fmt",
    "_ZN4core3ptr23drop_in_place$LT$u8$GT$17h0123456789abcdefE": "core::ptr::drop_in_place<u8>",
    "_ZN3app4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE": "app::main::{{closure}}",
    # the newer one, of the standard library among others
    "_RNvNtCsgEmfK2I1SDS_4core9panicking5panic": "core::panicking::panic",
    "_RNCNvCs1234_7mycrate4main0B3_": "mycrate::main::{closure#0}",
    "_RINvNtC3std3mem8align_ofjE": "std::mem::align_of::<usize>",
    "_RNvXCs15kBYyAo9fc_7mycrateNtB2_7ExampleNtB2_5Trait3foo":
        "<mycrate::Example as mycrate::Trait>::foo",
    "_RNvMCs_1aNtB2_1S3new": "<a::S>::new",
    "_RINvC1a1fTlEE": "a::f::<(i32,)>",
    "_RINvC1a1fRShE": "a::f::<&[u8]>",
    "_RINvC1a1fAhj20_E": "a::f::<[u8; 32]>",
    "_RINvC1a1fFUKChEuE": 'a::f::<unsafe extern "C" fn(u8)>',
    "_RINvC1a1fKb1_Klna_Kc41_E": "a::f::<true, -10, 'A'>",
    "_RNvC1au8gdel_5qa": "a::gödel",
}  # fmt: skip


@pytest.mark.parametrize("mangled", NAMES)
def test_a_name_is_read(mangled: str) -> None:
    assert demangled(mangled) == NAMES[mangled]


@pytest.mark.parametrize(
    "name",
    [
        "inner", "", "_ZN", "_ZN99999xE", "_ZN3abc", "_R", "_RB_", "_RNvB_1a", "_RNvC9999a",
        "_RIC1aL", "_RNvCs", "_ZN3app" + "9" * 5_000, "_R" + "N" * 1_000, "_RNvC1\xe94name",
    ],
)  # fmt: skip
def test_what_is_no_name_of_rust_stays_as_it_is(name: str) -> None:
    assert demangled(name) == name


def test_a_name_that_would_double_and_double_stays_as_it_is() -> None:
    name = "IC1aTuuE"
    at = 4
    for _ in range(30):
        backwards = f"B{_base_62(at)}"
        at = len(name)
        name += f"T{backwards}{backwards}E"

    assert demangled(f"_R{name}E") == f"_R{name}E"


@given(st.text("_RZNvCIBTEKLs019abuhj$.", max_size=60))
def test_any_name_is_read_or_left(text: str) -> None:
    assert isinstance(demangled(f"_R{text}"), str)
    assert isinstance(demangled(f"_ZN{text}"), str)


def test_a_backtrace_has_the_names_of_the_source(ic: Sandbox) -> None:
    canister = ic.install(b"""(module
      (func $_ZN3app5inner17h0123456789abcdefE unreachable)
      (func (export "canister_update go") (call $_ZN3app5inner17h0123456789abcdefE)))""")

    with pytest.raises(CanisterTrapped) as caught:
        canister.update_raw("go")

    assert caught.value.backtrace[0] == "app::inner"
    assert "\napp::inner\n" in str(caught.value)


def _base_62(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    if number == 0:
        return "_"
    number -= 1
    text = digits[number % 62]
    while number := number // 62:
        text = digits[number % 62] + text
    return f"{text}_"
