"""A trap stays a trap when somebody else has installed signal handlers meanwhile."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# In a process of its own: if this is wrong, the process dies.
SCRIPT = """
import faulthandler, signal
from sandbox import CanisterRejected, CanisterTrapped, Sandbox

TRAPS = '''(module (memory 1)
  (func (export "canister_update unreachable") (unreachable))
  (func (export "canister_update divide") (drop (i32.div_u (i32.const 1) (i32.const 0))))
  (func (export "canister_update outside") (drop (i32.load (i32.const -1)))))'''
with Sandbox() as ic:
    canister = ic.install(TRAPS.encode())
    {interference}
    for method in ("unreachable", "divide", "outside"):
        try:
            canister.update_raw(method)
        except CanisterTrapped as error:
            print(error.message.split("trapped: ")[1].split(".")[0])
    try:
        ic.install(b'(module (memory 1) (data (i32.const 65535) "too long"))')
    except CanisterRejected as error:
        print(error.error_code)
    {afterwards}
"""


@pytest.mark.parametrize(
    ("interference", "afterwards"),
    [
        ("pass", "pass"),
        ("faulthandler.enable()", "assert faulthandler.is_enabled()"),
        ("faulthandler.enable(); faulthandler.disable()", "pass"),
        (
            "signal.signal(signal.SIGILL, signal.SIG_DFL)",
            "assert signal.getsignal(signal.SIGILL) == signal.SIG_DFL",
        ),
    ],
)
def test_a_trap_is_an_error_whoever_handles_signals(interference: str, afterwards: str) -> None:
    script = SCRIPT.replace("{interference}", interference).replace("{afterwards}", afterwards)

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "unreachable",
        "integer division by 0",
        "heap out of bounds",
        "IC0505",
    ]


def test_the_other_handler_is_back_after_the_call() -> None:
    script = (
        "import faulthandler, os, signal\n"
        "from sandbox import Sandbox\n"
        "ic = Sandbox()\n"
        'c = ic.install(b\'(module (import "ic0" "msg_reply" (func $r))'
        ' (func (export "canister_update x") (call $r)))\')\n'
        "faulthandler.enable()\n"
        "c.update_raw('x')\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert "Fatal Python error: Segmentation fault" in result.stderr
