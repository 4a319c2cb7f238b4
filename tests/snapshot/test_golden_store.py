"""Stores as older versions wrote them; never written again (docs/snapshot-format.md)."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.memory import mapped_region, new_region
from snapshot.content import GlobalValue
from snapshot.record import Origin, Source
from snapshot.store import Store, verify
from snapshot_world import CANISTER, MODULE, PAGE, everything

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.memory import Region

GOLDEN = Path(__file__).parent / "golden"


def test_version_one_store_is_still_sound() -> None:
    with Store(GOLDEN / "v1", read_only=True) as store:
        report = verify(store)

    assert report.is_sound
    assert (report.snapshots, report.chunks) == (2, 9)


def test_version_one_snapshots_are_still_loadable() -> None:
    with Store(GOLDEN / "v1", read_only=True) as store:
        first, second = (store.load(item, new_region) for item in store.manifests())

    heap = b"heap of the golden store".ljust(PAGE, b"\0")
    stable = bytes(600 * PAGE) + b"stable".ljust(PAGE, b"\0")
    globals_ = (
        GlobalValue("i32", 7),
        GlobalValue("f32", 0x7FC0_0001),
        GlobalValue("v128", 1 << 127),
    )
    chunks = {bytes(range(32)): b"chunk" * 20_000}
    small = (MODULE, globals_, b"certified", 5, "ready", chunks)
    assert everything(first) == (heap, stable, *small)
    assert everything(second) == (heap + heap, b"", *small)
    assert (first.canister_id, first.label, first.taken_on) == (CANISTER, "first", 1_000)
    assert second.origin == Origin(Source.UPLOADED, 9, ("global 0: 1 -> 7",))


def test_version_one_checksums_have_not_changed() -> None:
    with Store(GOLDEN / "v1", read_only=True) as store:
        for manifest in store.manifests():
            assert store.load(manifest, new_region).checksum == manifest.checksum


def test_version_one_store_can_be_added_to(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "v1", tmp_path / "store")

    with Store(tmp_path / "store") as store:
        again = store.save(store.load(store.find("first"), new_region)).manifest

        assert again == store.find("first")
        assert len(store.manifests()) == 2


def test_a_manifest_that_names_the_limits_is_still_read() -> None:
    with Store(GOLDEN / "v1-limits", read_only=True) as store:
        (snapshot,) = (store.load(item, new_region) for item in store.manifests())
        assert verify(store).is_sound

    assert snapshot.limits == "mainnet 2026-08 with chunk_bytes=5"
    assert snapshot.checksum == "7f48b5696da6860913daf628a7b8e69ef3c2839d22a5e8c249d7fa24ada66b8a"


def test_version_two_patches_are_still_applied() -> None:
    first = b"heap of the golden store".ljust(2 * PAGE, b"\0")
    second = first[:5_000] + b"patched once" + first[5_012:]
    third = second[: 9 * 4_096] + b"and again" + second[9 * 4_096 + 9 :]
    with Store(GOLDEN / "v2", read_only=True) as store:
        assert verify(store).is_sound
        heaps = [everything(store.load(item, new_region))[0] for item in store.manifests()]
        patches = [entry.pages for _, entries in store.packs for entry in entries if entry.pages]

    assert heaps == [first, second, third]
    assert sorted(patches) == [1 << 1, 1 << 1 | 1 << 9]


@pytest.mark.parametrize("map_files", [None, mapped_region])
def test_version_three_chunks_are_still_found(
    map_files: Callable[..., Region] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snapshot.store.mapping._WORTH_MAPPING", 0)
    rng = random.Random(3)
    first = b"".join(rng.randbytes(PAGE) for _ in range(3)) + bytes(PAGE)
    second = first[: PAGE + 5_000] + b"patched" + first[PAGE + 5_007 : 3 * PAGE]
    second += b"a new chunk".ljust(PAGE, b"\0")
    with Store(GOLDEN / "v3", read_only=True) as store:
        assert verify(store).is_sound
        loaded = [store.load(item, new_region, map_files) for item in store.manifests()]
        patches = [entry.pages for _, entries in store.packs for entry in entries if entry.pages]

    assert [everything(snapshot)[0] for snapshot in loaded] == [first, second]
    assert patches == [1 << 1]
    assert loaded[1].checksum == "b522bd221acaaa5a1604d4b89a64fa9964b231d2f100874ffbc0d2999cf08339"
