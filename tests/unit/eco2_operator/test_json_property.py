import pytest

from eco2_operator.json_property import NotJson, join, steps, value_at


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("password", ("password",)),
        ("db.password", ("db", "password")),
        (r"db\.password", ("db.password",)),
        (r"a\\.b", ("a\\", "b")),
        ("a\\", ("a\\",)),
        ("a..b", ("a", "", "b")),
        (".", ("", "")),
    ],
)
def test_dots_divide_a_path_unless_they_are_escaped(path: str, names: tuple[str, ...]) -> None:
    assert steps(path) == names


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (("db_1", "eu-west", "a:b"), "db_1.eu-west.a:b"),
        (("db.password",), r"db\.password"),
        (("@this", "pass*word", "비밀 번호"), r"\@this.pass\*word.비밀 번호"),
        (("a\\", "{", "#"), r"a\\.\{.\#"),
    ],
)
def test_what_gjson_would_take_for_syntax_is_escaped(names: tuple[str, ...], path: str) -> None:
    assert join(names) == path
    assert steps(path) == names


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        ('{"password": "p"}', "password", "p"),
        ('{"db": {"password": "p"}}', "db.password", "p"),
        ('{"hosts": [{"name": "a"}, {"name": "b"}]}', "hosts.1.name", "b"),
        ('{"0": "zero"}', "0", "zero"),
        ('{"a": {"b.c": 1}}', r"a.b\.c", "1"),
        # Who has a field of the whole name means that one.
        ('{"a.b": "whole", "a": {"b": "deeper"}}', "a.b", "whole"),
        ('{"a.b": "whole", "a": {"b": "deeper"}}', r"a\.b", "whole"),
        (r'{"a\\.b": "odd", "a.b": "dot"}', r"a\.b", "dot"),
    ],
)
def test_a_property_is_found(document: str, path: str, value: str) -> None:
    assert value_at(document, path) == value


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("{}", "a"),
        ('{"a": null}', "a"),
        ('{"a.b": null, "a": {"b": "deeper"}}', "a.b"),
        ('{"a": "text"}', "a.b"),
        ('{"a": [1]}', "a.1"),
        ('{"a": [1]}', "a.-1"),
        ('{"a": [1]}', "a.²"),
        ('{"a": [1]}', "a."),
        ('"text"', "a"),
        ("[1]", "a"),
    ],
)
def test_what_is_missing_or_null_has_no_value(document: str, path: str) -> None:
    assert value_at(document, path) is None


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("true", "true"),
        ("false", "false"),
        ("1.10", "1.10"),
        ("1e5", "1e5"),
        ("-0", "-0"),
        ("9" * 5000, "9" * 5000),
        ('""', ""),
        ('"\\u00e9 \\n"', "é \n"),
        ('{"b": [1.0, "x", null], "a": {}}', '{"b":[1.0,"x",null],"a":{}}'),
        ('["비밀", 12345678901234567890]', '["비밀",12345678901234567890]'),
    ],
)
def test_strings_come_as_they_are_and_anything_else_as_the_json_it_is(document: str, text: str) -> None:
    assert value_at(f'{{"a": {document}}}', "a") == text


@pytest.mark.parametrize(
    "document",
    [
        "",
        "s3cret",
        '{"a": s3cret}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a": ' + "[" * 400 + "]" * 400 + "}",
        '{"a": ["\\ud800"]}',
    ],
)
def test_what_is_no_json_is_told_without_being_shown(document: str) -> None:
    with pytest.raises(NotJson) as caught:
        value_at(document, "a")
    assert str(caught.value) == ""
    assert caught.value.__context__ is None
