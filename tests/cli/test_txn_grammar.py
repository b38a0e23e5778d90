"""A transaction is understood exactly, or refused with the place where it is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaios import api, errors
from gaios.cli.txn_grammar import TEXT_BYTES_MAX, parse


def parsed(**root: Any) -> api.MultiOp:
    return parse(json.dumps(root).encode())


def reason(text: bytes | dict[str, Any]) -> str:
    with pytest.raises(errors.InvalidCommand) as caught:
        parse(text if isinstance(text, bytes) else json.dumps(text).encode())
    return caught.value.reason


def test_every_form_of_the_grammar_is_understood() -> None:
    made = parsed(
        guard=[
            {"key": "a", "is": "present"},
            {"key": "a", "is": "absent", "end": "b"},
            {"key": "a", "field": "value", "op": "<", "to": {"b64": "/w=="}},
            {"key": "a", "field": "version", "op": "==", "to": 0, "end": ""},
            {"key": "a", "field": "mod_revision", "op": "!=", "to": 7},
            {"key": "a", "field": "create_revision", "op": ">", "to": api.NUMBER_MAX},
        ],
        then=[
            {"op": "put", "key": "ä", "value": ""},
            {"op": "get", "key": {"b64": "/w=="}},
            {"op": "get", "key": "a", "end": "b", "limit": 3},
            {"op": "delete", "key": "a"},
            {"op": "delete", "key": "a", "end": ""},
            {"op": "increment", "key": "n"},
            {"op": "increment", "key": "n", "by": -5},
        ],
        **{"else": [{"op": "get", "key": "a"}]},
    )
    assert made.guard == (
        api.Test(b"a", "present"),
        api.Test(b"a", "absent", end=b"b"),
        api.Test(b"a", "value", "<", b"\xff"),
        api.Test(b"a", "version", "==", 0, b""),
        api.Test(b"a", "mod_revision", "!=", 7),
        api.Test(b"a", "create_revision", ">", api.NUMBER_MAX),
    )
    assert made.then == (
        api.Put("ä".encode(), b""),
        api.Get(b"\xff"),
        api.Get(b"a", b"b", 3),
        api.Delete(b"a"),
        api.Delete(b"a", b""),
        api.Increment(b"n"),
        api.Increment(b"n", -5),
    )
    assert made.otherwise == (api.Get(b"a"),)


def test_an_empty_transaction_is_one() -> None:
    assert parse(b"\xef\xbb\xbf {}\n") == api.MultiOp()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "not JSON at line 1, column 1"),
        (b'{"then": [\n{"op": "put" "key"}]}', "not JSON at line 2, column 14"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"[]", "expected an object, found a list"),
        (b"null", "expected an object, found null"),
        (b"{} {}", "not JSON at line 1, column 4"),
        (b'{"then": NaN}', "NaN is not a number"),
        (b'{"then": [], "then": []}', "'then' stands twice in one object"),
        (b"[" * 100_000, "lists and objects stand too deep within each other"),
        (b'{"then": [{"op": "increment", "key": "a", "by": ' + b"9" * 5_000 + b"}]}", "a number has 5000 digits; numbers go from"),
        (b'{"then": [{"op": "increment", "key": "a", "by": ' + b"9" * 50 + b"}]}", "then[0].by: expected a number from"),
        ({"than": []}, "unknown name 'than'; did you mean 'then'?"),
        ({"otherwise": []}, "unknown name 'otherwise'; known are 'guard', 'then', 'else'"),
        ({"then": {}}, "then: expected a list, found an object"),
        ({"then": ["put"]}, "then[0]: expected an object, found text"),
        ({"then": [{}]}, "then[0]: needs 'op': 'put', 'get', 'delete', 'increment'"),
        (
            {"then": [{"op": "get", "key": "a"}, {"op": "puts", "key": "a"}]},
            "then[1].op: expected 'put', 'get', 'delete', 'increment', found",
        ),
        ({"then": [{"op": "put", "key": "a"}]}, "then[0]: needs 'value'"),
        ({"then": [{"op": "put", "value": "a"}]}, "then[0]: needs 'key'"),
        ({"then": [{"op": "put", "key": "a", "value": 1}]}, "then[0].value: expected text or {'b64': …}, found a number"),
        ({"then": [{"op": "put", "key": "a", "value": None}]}, "then[0].value: expected text or {'b64': …}, found null"),
        ({"then": [{"op": "put", "key": "a", "value": {"b64": "@"}}]}, "then[0].value.b64: is not base64"),
        (
            {"then": [{"op": "put", "key": "a", "value": {"b64": "YQ==", "x": 1}}]},
            "then[0].value: expected text or {'b64': …}, found an object",
        ),
        (b'{"then": [{"op": "get", "key": "\\ud800"}]}', "then[0].key: holds half a surrogate pair"),
        ({"then": [{"op": "put", "key": "a", "value": "b", "end": "c"}]}, "then[0]: unknown name 'end'"),
        ({"then": [{"op": "get", "key": "a", "limit": -1}]}, "then[0].limit: expected a number from 0 to"),
        ({"then": [{"op": "get", "key": "a", "limit": 1.5}]}, "then[0].limit: expected a whole number, found a number with a fraction"),
        ({"else": [{"op": "increment", "key": "a", "by": True}]}, "else[0].by: expected a whole number, found true or false"),
        ({"else": [{"op": "increment", "key": "a", "by": 1 << 63}]}, "else[0].by: expected a number from"),
        ({"guard": [{"is": "absent"}]}, "guard[0]: needs 'key'"),
        ({"guard": [{"key": "a"}]}, "guard[0]: needs 'is' or 'field'"),
        ({"guard": [{"key": "a", "is": "there"}]}, "guard[0].is: expected 'present', 'absent', found 'there'"),
        ({"guard": [{"key": "a", "is": "absent", "to": 1}]}, "guard[0].to: does not go with 'is'"),
        ({"guard": [{"key": "a", "op": "==", "to": 1}]}, "guard[0]: needs 'field'"),
        ({"guard": [{"key": "a", "field": "version", "to": 1}]}, "guard[0]: needs 'op'"),
        ({"guard": [{"key": "a", "field": "version", "op": ">=", "to": 1}]}, "guard[0].op: expected '==', '!=', '<', '>', found '>='"),
        ({"guard": [{"key": "a", "field": "version", "op": "==", "to": "1"}]}, "guard[0].to: expected a whole number, found text"),
        ({"guard": [{"key": "a", "field": "value", "op": "==", "to": 1}]}, "guard[0].to: expected text or {'b64': …}, found a number"),
        ({"guard": [{"key": "a", "field": ["x"], "op": "==", "to": 1}]}, "guard[0].field: expected 'value'"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: bytes | dict[str, Any], told: str) -> None:
    assert reason(text).startswith(told)


def test_too_many_operations_have_their_own_error() -> None:
    """The limit is the database's; it is told under the name that the file uses."""
    get = {"op": "get", "key": "a"}
    assert len(parsed(then=[get] * api.OPERATIONS_MAX).then) == api.OPERATIONS_MAX
    for name in ("guard", "then", "else"):
        with pytest.raises(errors.TooManyOperations) as caught:
            parsed(**{name: [get] * (api.OPERATIONS_MAX + 1)})
        assert (caught.value.where, caught.value.count) == (name, api.OPERATIONS_MAX + 1)


def test_a_text_without_end_is_not_parsed() -> None:
    assert "longer" in reason(b" " * (TEXT_BYTES_MAX + 1))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["a", "put", "get", "==", "value", "absent"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["guard", "then", "else", "key", "op", "is", "field", "to", "end", "value", "by", "limit", "b64", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(json_values | st.dictionaries(st.sampled_from(["guard", "then", "else"]), st.lists(json_values, max_size=3), max_size=3))
def test_any_json_is_a_multiop_or_an_invalid_command(value: Any) -> None:
    try:
        made = parse(json.dumps(value).encode())
    except errors.InvalidCommand:
        return
    assert api.decode_command(api.encode(made)) == made


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_multiop_or_an_invalid_command(text: bytes) -> None:
    try:
        assert isinstance(parse(text), api.MultiOp)
    except errors.InvalidCommand:
        return
