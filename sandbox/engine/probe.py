"""The tree of calls that a profiled instance keeps, over all the messages it runs.

Below the root stands an entry for each way in that was taken, named by the host, and below an
entry the functions. Between messages nothing is read: a message costs two rows of globals.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import wasmtime

from sandbox.engine.binding import Globals, memory_address
from sandbox.wasm.profiling import NODE, TREE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.wasm.profiling import ProfileNames

_OWN: Final = ctypes.c_int64
_OWN_AT: Final = 24


@dataclass(slots=True)
class Entry:
    """A way in that was taken.

    node: its number in the tree. messages: how often. late: instructions in none of its nodes,
        which are system calls'. page_instructions: for so many pages that were changed.
    """

    node: int
    messages: int = 0
    late: int = 0
    pages: int = 0
    page_instructions: int = 0


@dataclass(frozen=True, slots=True)
class CallTree:
    """Where instructions went.

    nodes: as ``wasm.profiling`` lays them out; node 0 stands for nothing.
    """

    nodes: bytes
    entries: Mapping[str, Entry] = field(default_factory=dict)

    @classmethod
    def of_entry(cls, name: str, instructions: int, pages: int, page_instructions: int) -> Self:
        """Return a tree that has these of an entry, and none of functions."""
        nodes = bytes(NODE.size) + NODE.pack(-1, 0, 0, 0, 0, instructions)
        return cls(nodes, {name: Entry(1, pages=pages, page_instructions=page_instructions)})

    def negated(self) -> CallTree:
        """Return a tree that takes off what this one adds."""
        nodes = bytearray(self.nodes)
        for at, (*place, calls, own) in enumerate(NODE.iter_unpack(self.nodes)):
            NODE.pack_into(nodes, at * NODE.size, *place, -calls, -own)
        entries = {
            name: Entry(it.node, -it.messages, -it.late, -it.pages, -it.page_instructions)
            for name, it in self.entries.items()
        }
        return CallTree(bytes(nodes), entries)

    def __iter__(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (function, number of the calling node, calls, own instructions) from node 1 on.

        A node comes after the one that called it; an entry's function is below 0.
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
        listed = (names.node, names.free, names.over, names.last, names.sum)
        state = [item for name in listed if isinstance(item := exports[name], wasmtime.Global)]
        self._state = Globals(store, state, ("i32", "i32", "i32", "i64", "i64"))
        self._free = NODE.size
        self._entries: dict[str, Entry] = {}
        self._current = Entry(0)

    @property
    def is_full(self) -> bool:
        """Whether the tree should be taken before another message begins."""
        return self._free > TREE_BYTES // 2

    def start(self, name: str, counter: int) -> None:
        """Begin a message. name: of the entry. counter: what the counter begins with.

        Requires: the tree is not full.
        """
        assert not self.is_full, "a node behind the tree's end would be written"
        self._current = self._entries.get(name) or self._new_entry(name)
        self._current.messages += 1
        at = self._current.node * NODE.size
        self._state.write((at, self._free, 0, counter, 0))

    def counter_rose(self, by: int) -> None:
        """Take notice of a pause, at which the counter got more; nothing was used by that."""
        node, free, over, last, counted = self._state.read()
        self._state.write((node, free, over, last + by, counted))

    def stop(self, instructions: int) -> None:
        """End a message that used so many instructions."""
        node, self._free, _over, _last, counted = self._state.read()
        late = instructions - counted
        if node == self._current.node * NODE.size:
            self._current.late += late
        else:  # it trapped there
            own = _OWN.from_address(self._address + node + _OWN_AT)
            own.value += late

    def add_pages(self, pages: int, instructions: int) -> None:
        """Let the last message have changed so many pages, at that price."""
        self._current.pages += pages
        self._current.page_instructions += instructions

    def take(self) -> CallTree:
        """Return the tree and begin with an empty one."""
        nodes = ctypes.string_at(self._address, self._free)
        found = CallTree(nodes, self._entries)
        ctypes.memset(self._address, 0, self._free)
        self._free, self._entries = NODE.size, {}
        return found

    def _new_entry(self, name: str) -> Entry:
        number = -1 - len(self._entries)
        at, self._free = self._free, self._free + NODE.size
        NODE.pack_into(self._memory(at), 0, number, 0, 0, 0, 0, 0)
        found = self._entries[name] = Entry(at // NODE.size)
        return found

    def _memory(self, at: int) -> ctypes.Array[ctypes.c_char]:
        return (ctypes.c_char * NODE.size).from_address(self._address + at)
