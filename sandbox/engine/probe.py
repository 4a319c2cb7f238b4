"""The tree of calls that a profiled instance keeps: cleared before a message, read after it."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import wasmtime

from sandbox.engine.binding import Globals, memory_address
from sandbox.wasm.profiling import NODE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.wasm.profiling import ProfileNames

_ROOT_BYTES: Final = NODE.size


@dataclass(frozen=True, slots=True)
class CallTree:
    """Where the instructions of one message went.

    nodes: as ``wasm.profiling`` lays them out; node 0 stands for no function, but the message.
    current: the node that trapped, by number; 0 when every call has returned.
    instructions: of the whole message. Those in no node are system calls', or what the
        function of ``current`` used up since it last called another.
    """

    nodes: bytes
    current: int
    instructions: int

    def __iter__(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (function, number of the calling node, calls, own instructions) from node 1 on.

        A node comes after the one that called it.
        """
        nodes = memoryview(self.nodes)[NODE.size :]
        for function, parent, _child, _sibling, calls, own in NODE.iter_unpack(nodes):
            yield function, parent // NODE.size, calls, own


class Probe:
    """Reaches into one instance's tree."""

    def __init__(
        self, store: wasmtime.Store, exports: Mapping[str, object], names: ProfileNames
    ) -> None:
        tree = exports[names.tree]
        assert isinstance(tree, wasmtime.Memory)
        self._address = memory_address(store, tree)
        found = [exports[name] for name in (names.node, names.free, names.over, names.last)]
        state = [item for item in found if isinstance(item, wasmtime.Global)]
        self._state = Globals(store, state, ("i32", "i32", "i32", "i64"))
        self._used_bytes = _ROOT_BYTES

    def start(self, limit: int) -> None:
        """Begin with an empty tree. limit: what the counter begins with."""
        ctypes.memset(self._address, 0, self._used_bytes)
        self._state.write((0, _ROOT_BYTES, 0, limit))

    def read(self, instructions: int) -> CallTree:
        """Return the tree of a message that used so many instructions."""
        node, self._used_bytes, _over, _last = self._state.read()
        nodes = ctypes.string_at(self._address, self._used_bytes)
        return CallTree(nodes, node // NODE.size, instructions)
