"""Settings as YAML text: what is read, what is refused at which place, and that writing loses nothing."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcot.configuration.yaml_text import format_yaml, parse_yaml


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{later}: &{later} [{', '.join([f'*{name}'] * 10)}]\n" for name, later in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
LOOK_ALIKES = st.sampled_from(
    ["1e-3", "no", "True", "null", "~", "", "12:30", "2024-01-01", "0o17", "010", "1_000", "<<", "=", ".inf", "0x1F"]
)
NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | LOOK_ALIKES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | LOOK_ALIKES, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("2.5", 2.5),
        (".5", 0.5),
        ("-1.5E2", -150.0),
        ("7", 7),
        ("010", 10),
        ("-0x1F", -31),
        ("0o17", 15),
        ("1_000", 1000),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("", None),
        ("1.2.3", "1.2.3"),
        ("2024-01-01", "2024-01-01"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        ("=", "="),
        ("<<", "<<"),
        ("'1'", "1"),
        ("{1: 2, null: 3, no: 4, 1.50: 5}", {"1": 2, "null": 3, "no": 4, "1.50": 5}),
        (b"\xef\xbb\xbfa: 1", {"a": 1}),
        ("é: 1".encode("utf-16"), {"é": 1}),
    ],
)
def test_words_and_numbers_are_those_of_yaml_1_2(text, value):
    read = parse_yaml(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "line 1, column 6: while parsing a flow sequence, expected"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' is there twice"),
        ("a: {b: 1, b: 2}", "the key 'b' is there twice"),
        ("a: {1: 2, '1': 3}", "the key '1' is there twice"),
        ("[a]: b", "line 1, column 1: a list or section cannot be a key"),
        ("a: !!python/object:os.system x", "the tag tag:yaml.org,2002:python/object:os.system is not read"),
        ("a: !!int x", "the tag tag:yaml.org,2002:int is not read"),
        (BOMB, "more than 10000 values"),
        ("&a [*a]", r"the alias \*a stands inside of what it repeats"),
        ("*a", "undefined alias 'a'"),
        ("[" * 100_000, "more than 50 sections and lists"),
        ("a: 1\n---\na: 2", "expected a single document"),
        ("a:\n\t- 1", "line 2, column 1: .* cannot start any token"),
        ("a: 1e999", "the number 1e999 is too large"),
        (f"a: {'9' * 5000}", "the number 999.*9... is too large"),
        ("a: 9223372036854775808", "the number 9223372036854775808 is too large"),
        ('"\\0"', "a character that no text can hold"),
        ('"\\ud800"', "a character that no text can hold"),
        ('"\\Uffffffff"', "a character that no text can hold"),
        ("a\0b", "character 2: special characters are not allowed"),
        (b"a: \xff", "character 4: invalid start byte"),
        (b"\x89PNG\r\n\x1a\n", "character 1: invalid start byte"),
    ],
)
def test_refusals_name_the_place(text, message):
    with pytest.raises(ValueError, match=message):
        parse_yaml(text)


def test_bounded_aliases_are_copies():
    read = parse_yaml("a: &a {b: [1]}\nc: *a\nd: {<<: *a, e: 2}")
    assert read == {"a": {"b": [1]}, "c": {"b": [1]}, "d": {"b": [1], "e": 2}}
    assert read["a"] is not read["c"]
    assert read["a"]["b"] is not read["d"]["b"]


@given(PLAIN)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_is_written_is_read_back_by_this_and_by_other_readers(value):
    text = format_yaml({"key": value})
    assert parse_yaml(text) == {"key": value}
    assert yaml.safe_load(text) == {"key": value}
