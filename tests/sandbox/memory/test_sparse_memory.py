"""A stable memory of 100 GiB in a view of 500 GiB, with a few pages in it."""

from __future__ import annotations

import pytest

from memory_arena import KINDS, Arena
from sandbox.memory import OS_PAGE, RegionKind, new_region

GIB = 1 << 30
SIZE = 100 * GIB
RESERVED = 500 * GIB
PLACES = (0, 50 * GIB, SIZE - OS_PAGE)

pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_a_sparse_memory_costs_the_pages_in_it(kind: RegionKind) -> None:
    with new_region(0, kind=kind) as region, Arena(RESERVED) as arena:
        region.attach(arena.address, RESERVED, fresh=True)
        region.commit(SIZE, window=(0, 0))
        for place in PLACES:
            arena.write(place, b"here")
            region.commit(SIZE, window=(place, place + 4))

        extents = list(region.extents())

        assert region.size_bytes == SIZE
        assert region.allocated_bytes <= 1 << 20
        assert [offset // GIB for offset, _ in extents] == [0, 50, 99]
        assert all(region.read(place, 4) == b"here" for place in PLACES)


def test_a_sparse_memory_is_marked_rewound_and_forked_by_its_pages(kind: RegionKind) -> None:
    with new_region(SIZE, kind=kind) as region:
        for place in PLACES:
            region.write(place, b"then")
        mark = region.mark()
        region.write(PLACES[1], b"now!")
        region.resize(60 * GIB)

        with region.fork() as fork, region.fork(at=mark) as earlier:
            region.rewind(mark)

            assert region.size_bytes == earlier.size_bytes == SIZE
            assert [region.read(place, 4) for place in PLACES] == [b"then"] * 3
            assert [earlier.read(place, 4) for place in PLACES] == [b"then"] * 3
            assert fork.size_bytes == 60 * GIB
            assert fork.read(PLACES[1], 4) == b"now!"


def test_a_sparse_memory_is_attached_again_with_its_pages(kind: RegionKind) -> None:
    with new_region(SIZE, kind=kind) as region, Arena(RESERVED) as arena:
        for place in PLACES:
            region.write(place, b"here")

        region.attach(arena.address, RESERVED, fresh=True)
        arena.write(PLACES[1], b"lost")
        region.roll_back(window=(PLACES[1], PLACES[1] + 4))

        assert [arena.read(place, 4) for place in PLACES] == [b"here"] * 3
