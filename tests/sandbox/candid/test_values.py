"""The Python classes for Candid values."""

import copy
import pickle

import pytest

from sandbox.candid.values import RecordValue, Some, VariantValue


def test_record_field_reads_as_attribute_and_as_key() -> None:
    record = RecordValue(owner="alice", amount=5)

    assert record.owner == record["owner"] == "alice"


def test_record_equals_the_dict_with_the_same_fields() -> None:
    assert RecordValue({"a": 1, 7: 2}) == {"a": 1, 7: 2}


def test_unknown_record_attribute_names_the_field() -> None:
    with pytest.raises(AttributeError, match="no field 'amuont'"):
        _ = RecordValue(amount=5).amuont


def test_record_offers_its_fields_for_completion() -> None:
    record = RecordValue({"owner": 1, "not an identifier": 2, 3: 4})

    assert "owner" in dir(record)
    assert "not an identifier" not in dir(record)


def test_record_keeps_its_class_when_copied_and_pickled() -> None:
    record = RecordValue(inner=RecordValue(a=1))

    for again in (copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert again.inner.a == 1


def test_record_repr_shows_its_fields() -> None:
    assert repr(RecordValue(a=1)) == "RecordValue({'a': 1})"


def test_variant_equals_the_mapping_of_its_tag() -> None:
    assert VariantValue("Ok", 1) == {"Ok": 1}
    assert VariantValue("Ok", 1) != {"Ok": 2}
    assert VariantValue("Ok", 1) != {"Ok": 1, "Err": 2}


def test_variant_without_payload_equals_its_bare_tag() -> None:
    assert VariantValue("Ready") == "Ready"
    assert VariantValue("Ready", 0) != "Ready"
    assert VariantValue(7) == 7


def test_equal_variants_and_tags_hash_alike() -> None:
    assert {VariantValue("Ready"), "Ready", VariantValue("Ready", None)} == {"Ready"}
    assert hash(VariantValue("Ok", (1, 2))) == hash(VariantValue("Ok", (1, 2)))


def test_variant_payload_is_read_by_its_tag_only() -> None:
    variant = VariantValue("Ok", 1)

    assert variant["Ok"] == 1
    assert "Err" not in variant
    with pytest.raises(KeyError):
        variant["Err"]


def test_variant_matches_by_class_and_as_mapping() -> None:
    match VariantValue("Err", "no funds"):
        case VariantValue("Ok", _):
            pytest.fail("matched the wrong tag")
        case VariantValue("Err", reason):
            assert reason == "no funds"
    match VariantValue("Ok", 5):
        case {"Err": _}:
            pytest.fail("matched the wrong tag")
        case {"Ok": amount}:
            assert amount == 5


def test_variant_repr_leaves_an_absent_payload_out() -> None:
    assert repr(VariantValue("Ready")) == "VariantValue('Ready')"
    assert repr(VariantValue("Ok", 1)) == "VariantValue('Ok', 1)"


def test_variant_survives_copy_and_pickle() -> None:
    variant = VariantValue("Ok", [1])

    assert copy.deepcopy(variant) == variant
    assert pickle.loads(pickle.dumps(variant)) == variant


def test_nested_options_stay_apart() -> None:
    assert Some(None) != Some(Some(None)) != Some(Some(Some(None)))
