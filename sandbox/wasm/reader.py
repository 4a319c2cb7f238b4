"""Bounds-checked reading of the Wasm binary format's primitives.

The only module that decodes LEB128. A reader never looks past its own end, and whatever it
dislikes becomes a ``ModuleRefused`` that names the offset; no other exception leaves it.
The wording follows wasmparser, whose messages the replica shows.
"""

from __future__ import annotations

from sandbox.errors import ModuleRefused


def malformed(what: str, offset: int | None = None) -> ModuleRefused:
    """Return the refusal of bytes that do not decode, in the replica's frame."""
    where = "" if offset is None else f" (at offset 0x{offset:x})"
    return ModuleRefused(f"Failed to decode wasm module: {what}{where}")


class Reader:
    """A cursor over ``data[position:end]``."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    def byte(self) -> int:
        """Read one byte."""
        position = self.position
        if position >= self.end:
            raise malformed("unexpected end-of-file", self.end)
        self.position = position + 1
        return self.data[position]

    def u32(self) -> int:
        """Read an unsigned 32-bit LEB128 number."""
        position = self.position
        if position < self.end and (value := self.data[position]) < 0x80:
            self.position = position + 1
            return value
        return self._unsigned(32)

    def u64(self) -> int:
        """Read an unsigned 64-bit LEB128 number."""
        return self._unsigned(64)

    def s32(self) -> int:
        """Read a signed 32-bit LEB128 number."""
        return self._signed(32)

    def s64(self) -> int:
        """Read a signed 64-bit LEB128 number."""
        return self._signed(64)

    def skip(self, size: int) -> int:
        """Step over ``size`` bytes and return where they began."""
        position = self.position
        if size > self.end - position:
            raise malformed("unexpected end-of-file", self.end)
        self.position = position + size
        return position

    def take(self, size: int) -> bytes:
        """Read ``size`` bytes."""
        position = self.skip(size)
        return self.data[position : position + size]

    def name(self) -> str:
        """Read a length-prefixed UTF-8 string."""
        raw = self.take(self.u32())
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            offset = self.position - len(raw) + error.start
            raise malformed("malformed UTF-8 encoding", offset) from None

    def count(self, what: str, limit: int) -> int:
        """Read the length of a vector whose items take at least one byte each.

        A count beyond the bytes that are left is refused here, so no hostile number ever
        sizes a loop or an allocation.
        """
        offset = self.position
        count = self.u32()
        if count > limit:
            raise malformed(f"{what} count exceeds limit of {limit}", offset)
        if count > self.end - self.position:
            raise malformed("unexpected end-of-file", self.end)
        return count

    def expect_end(self) -> None:
        """Check that nothing is left."""
        if self.position != self.end:
            raise malformed(
                "section size mismatch: unexpected data at the end of the section", self.position
            )

    def _unsigned(self, bits: int) -> int:
        """Read any LEB128 number up to ``bits`` wide as it stands, without its sign."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise malformed(
                    f"invalid var_u{bits}: integer representation too long", self.position - 1
                )
        if value >> bits:
            raise malformed(f"invalid var_u{bits}: integer too large", self.position - 1)
        return value

    def _signed(self, bits: int) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise malformed(
                    f"invalid var_i{bits}: integer representation too long", self.position - 1
                )
        if byte & 0x40:
            value -= 1 << shift
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise malformed(f"invalid var_i{bits}: integer too large", self.position - 1)
        return value
