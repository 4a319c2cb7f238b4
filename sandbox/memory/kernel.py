"""The Linux calls the standard library lacks: map at an address, discard, punch a hole.

The only module that talks to libc. A call that the kernel refuses raises ``RegionRefused``.
Importing it works on Linux only.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from errno import EINVAL
from functools import cache
from typing import TYPE_CHECKING, Final, NoReturn

from sandbox.memory.errors import RegionRefused
from sandbox.memory.runs import OS_PAGE, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Absent from the mmap module; the same on x86-64, AArch64, RISC-V and s390x.
_MAP_FIXED: Final = 0x10
_MAP_NORESERVE: Final = 0x4000
_PUNCH_HOLE_KEEP_SIZE: Final = 0x03

# The os module of a Python built for an old glibc (uv's, for example) lacks memfd_create.
_NAME: Final = b"canister memory"  # as /proc/self/maps shows it
_MFD_CLOEXEC: Final = 0x01
_MFD_NOEXEC_SEAL: Final = 0x08  # Linux 6.3; without it vm.memfd_noexec=2 refuses the memfd

_PROCESS_MADVISE: Final = 440  # the same number on every architecture
_PIDFD_SELF: Final = -10_000  # Linux 6.14; older kernels answer EBADF
_MAX_RANGES: Final = 1_024  # IOV_MAX

_libc = ctypes.CDLL(None, use_errno=True)
_mmap = _libc.mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int64,
)
_memcmp = _libc.memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_madvise = _libc.madvise
_madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_fallocate = _libc.fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (
    ctypes.c_long,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_uint,
)


def differing_pages(address: int, data: bytes) -> Iterator[int]:
    """Yield where the OS pages of some data begin that differ from the memory at an address.

    data: whole pages. Compares in place: neither side is copied.
    """
    if not _memcmp(address, data, len(data)):
        return
    if len(data) == OS_PAGE:
        yield 0
        return
    stored = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
    assert stored is not None
    for at in range(0, len(data), OS_PAGE):
        if _memcmp(address + at, stored + at, OS_PAGE):
            yield at


def memfd() -> int:
    """Return the descriptor of a new, empty file that lives in memory."""
    try:
        create = _libc.memfd_create
    except AttributeError as lack:
        raise RegionRefused("the C library has no memfd_create") from lack
    descriptor: int = create(_NAME, _MFD_CLOEXEC | _MFD_NOEXEC_SEAL)
    if descriptor < 0 and ctypes.get_errno() == EINVAL:  # the kernel does not know the seal
        descriptor = create(_NAME, _MFD_CLOEXEC)
    if descriptor < 0:
        _fail("create")
    return descriptor


def map_private(address: int, length: int, fd: int, offset: int) -> None:
    """Replace ``[address, address+length)`` by a private read/write view of the file.

    Costs no memory and no commit charge (MAP_NORESERVE), whatever the length.
    On failure: what was mapped there may be gone.
    """
    flags = mmap.MAP_PRIVATE | _MAP_FIXED | _MAP_NORESERVE
    if _mmap(address, length, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, offset) != address:
        _fail("map")


def discard(address: int, runs: Sequence[Run]) -> None:
    """Forget the private pages in these runs (offsets from ``address``).

    They show the file again, or zeros where anonymous memory is mapped.
    """
    if len(runs) > 2 and _discards_in_one_call() and _discard_in_one_call(address, runs):
        return
    for offset, length in runs:
        if _madvise(address + offset, length, mmap.MADV_DONTNEED):
            _fail("discard pages of")


def punch_hole(fd: int, offset: int, length: int) -> None:
    """Make a range of the file zero and give its memory back."""
    if _fallocate(fd, _PUNCH_HOLE_KEEP_SIZE, offset, length):
        _fail("free")


def map_anonymous(length: int) -> mmap.mmap:
    """Return memory of its own that costs nothing until it is written, whatever the length."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    try:
        return mmap.mmap(-1, length, flags=flags)
    except OSError as refusal:
        raise RegionRefused(f"no {length} bytes of address space: {refusal}") from refusal


def try_process_madvise() -> None:
    """Discard two runs of a scratch memory in one call.

    Raises: RegionRefused, where the kernel is too old (before 6.14) or forbids it.
    """
    with map_anonymous(2 * OS_PAGE) as area:
        area[0] = area[OS_PAGE] = 1
        address = ctypes.addressof(ctypes.c_char.from_buffer(area))
        done = _discard_in_one_call(address, [(0, OS_PAGE), (OS_PAGE, OS_PAGE)])
        if not done or area[0] or area[OS_PAGE]:
            _fail("discard several runs of")


@cache
def _discards_in_one_call() -> bool:
    """Say whether ``process_madvise`` works: 31 scattered runs take 27 us, else 85."""
    try:
        try_process_madvise()
    except RegionRefused:
        return False
    return True


def _discard_in_one_call(address: int, runs: Sequence[Run]) -> bool:
    """Discard all of the runs, or return False (some may then be discarded)."""
    for first in range(0, len(runs), _MAX_RANGES):
        some = runs[first : first + _MAX_RANGES]
        numbers = [number for offset, length in some for number in (address + offset, length)]
        ranges = struct.pack(f"{len(numbers)}N", *numbers)
        done = _syscall(_PROCESS_MADVISE, _PIDFD_SELF, ranges, len(some), mmap.MADV_DONTNEED, 0)
        if done != sum(numbers[1::2]):
            return False
    return True


def _fail(what: str) -> NoReturn:
    reason = os.strerror(ctypes.get_errno())
    raise RegionRefused(f"the operating system refused to {what} a canister memory: {reason}")
