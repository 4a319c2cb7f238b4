"""The two ways back by snapshot: what each restores, and what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal_samples import Pair, rehearsed

if TYPE_CHECKING:
    from sandbox.engine import Compiler


def test_a_taken_snapshot_leaves_the_timer_and_an_uploaded_copy_restores_it(
    compiler: Compiler,
) -> None:
    outcome = rehearsed(Pair("timer_v1", "v2"), compiler)

    assert outcome.rollback is not None
    taken, uploaded = outcome.rollback.taken, outcome.rollback.uploaded
    assert taken.is_exact
    assert uploaded.is_exact
    assert {fact.what for fact in taken.left} == {"global timer", "canister version"}
    assert {fact.what for fact in uploaded.left} == {"canister version"}
    assert [tuple(fact) for fact in taken.by_itself] == [
        ("canister_global_timer", "runs", "never runs")
    ]
    assert uploaded.by_itself == ()


@pytest.mark.parametrize("new", ["v2", "zeroes_in_post", "calls_out"])
def test_both_restore_every_byte(new: str, compiler: Compiler) -> None:
    outcome = rehearsed(Pair("v1", new), compiler)

    assert outcome.rollback is not None
    assert outcome.rollback.taken.is_exact
    assert outcome.rollback.uploaded.is_exact
    assert outcome.rollback.bytes_compared == 2 * 65_536
