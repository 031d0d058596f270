"""Reading an articles file: every fault is found, with its line and place, and nothing raises."""

import unicodedata
from datetime import date
from importlib.resources import files

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eco2_info.articles_file import MAX_ARTICLES, MAX_BYTES, Fault, read_articles
from eco2_info.entry import EntrySource

LINES = {
    "id": "paper",
    "title": "종이",
    "summary": "종이는 묶는다",
    "category": "품목",
    "tags": "[종이, 상자]",
    "published_on": "2026-01-31",
    "verified": "false",
    "sources": "[{document: 지침, publisher: 환경부}]",
    "body": "묶어서 내놓는다",
}


def article(**changes: str | None) -> str:
    """An article as a file has it; None leaves a field out."""
    fields = {**LINES, **changes}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\n".join(f"{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines)) + "\n"


def faults(text: str | bytes) -> list[Fault]:
    found = read_articles(text.encode() if isinstance(text, str) else text)
    return found.faults


def test_an_article_is_read_and_tidied() -> None:
    decomposed = unicodedata.normalize("NFD", "종이  모으기 ")
    body = "|\n    첫째 줄  \n    둘째 줄\n\n\n\n    다음 문단\n\n"
    text = article(title=f"'{decomposed}'", body=body, sources="[{document: 지침, publisher: 부, date: 2024-01}]")
    found = read_articles(b"\xef\xbb\xbf" + text.encode())
    assert found.faults == []
    (entry,) = found.entries
    assert entry.title == "종이 모으기"
    assert entry.body == "첫째 줄\n둘째 줄\n\n다음 문단"
    assert (entry.tags, entry.published_on, entry.verified) == (("종이", "상자"), date(2026, 1, 31), False)
    assert entry.sources == (EntrySource(document="지침", publisher="부", date="2024-01"),)


def test_words_that_yaml_takes_for_something_else_are_texts() -> None:
    (entry,) = read_articles(article(title="no", summary="2024", category="1e3", tags="[yes, ~]").encode()).entries
    assert (entry.title, entry.summary, entry.category, entry.tags) == ("no", "2024", "1e3", ("yes", "~"))


def test_the_first_articles_have_no_fault() -> None:
    found = read_articles(files("eco2_info").joinpath("data/articles.yaml").read_bytes())
    assert found.faults == []
    assert len(found.entries) == 14


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        ({"id": "Paper"}, "0.id", "pattern"),
        ({"id": "-a"}, "0.id", "pattern"),
        ({"id": "a" * 64}, "0.id", "pattern"),
        ({"title": None}, "0.title", "required"),
        ({"title": "' '"}, "0.title", "at least 1"),
        ({"title": "가" * 101}, "0.title", "at most 100"),
        ({"title": '"가\\u0007나"'}, "0.title", "control character"),
        ({"summary": "가" * 301}, "0.summary", "at most 300"),
        ({"category": "가" * 31}, "0.category", "at most 30"),
        ({"tags": "종이"}, "0.tags", "tuple"),
        ({"tags": "[종이, '']"}, "0.tags.1", "at least 1"),
        ({"tags": "[종이, 종이]"}, "0", "a tag is there twice"),
        ({"published_on": "2026-02-30"}, "0.published_on", "date"),
        ({"published_on": "31.1.2026"}, "0.published_on", "date"),
        ({"verified": "maybe"}, "0.verified", "boolean"),
        ({"verified": "true"}, "0", "nothing is verified by what was not read"),
        ({"sources": "[]"}, "0.sources", "no sources"),
        ({"sources": "[{document: 지침}]"}, "0.sources.0.publisher", "required"),
        ({"sources": "[{document: a, publisher: b, date: 2024-1}]"}, "0.sources.0.date", "pattern"),
        ({"sources": "[{document: a, publisher: b, url: 'javascript:1'}]"}, "0.sources.0.url", "pattern"),
        ({"sources": "[{document: a, publisher: b, page: 1}]"}, "0.sources.0.page", "not permitted"),
        ({"body": "' '"}, "0.body", "at least 1"),
        ({"body": "[a]"}, "0.body", "string"),
        ({"author": "누구"}, "0.author", "not permitted"),
    ],
)
def test_a_fault_says_where_it_is(changes: dict[str, str | None], place: str, words: str) -> None:
    (fault,) = faults(article(**changes))
    assert fault.place == place
    assert words in fault.problem
    names = list({**LINES, **changes})
    field = place.split(".")[1] if "." in place else "id"
    expected = 1 if changes.get(field, "") is None else names.index(field) + 1
    assert fault.line == expected


def test_all_faults_of_all_articles_are_found() -> None:
    found = faults(article(id="A", title="''") + article() + article(published_on="x", category=None))
    assert [fault.place for fault in found] == ["0.id", "0.title", "2.category", "2.published_on"]


def test_the_same_id_or_the_same_key_twice() -> None:
    assert faults(article() + article()) == [Fault("the same id as on line 1", line=10, place="1.id")]
    doubled = faults(article() + "  title: 또\n")
    assert doubled == [Fault("it is there twice: keep one", line=10, place="0.title")]
    nested = faults(article(sources="[{document: a, publisher: b, document: c}]"))
    assert [(fault.place, fault.line) for fault in nested] == [("0.sources.0.document", 8)]


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"", None, "not a list of articles"),
        (b"a: b", None, "not a list of articles"),
        (b"[]", None, "no articles"),
        (b"- [", 1, "not YAML"),
        (b"- a\n- b: c: d", 2, "not YAML"),
        (b"- a\n---\n- b", 2, "not YAML"),
        (b"- \x00", None, "not YAML"),
        (b"- a\n- &x b\n- *x", 3, "an alias"),
        ("- 종이".encode("cp949"), 1, "not UTF-8"),
        (b"\n" + "- 종이".encode("utf-16"), 2, "not UTF-8"),
        (b"-" + b" [" * 50_000, None, "lists within lists"),
        (b"x" * (MAX_BYTES + 1), None, "more than"),
        (b"- a\n" * (MAX_ARTICLES + 1), None, "more than"),
    ],
    ids=lambda value: None if not isinstance(value, bytes) else repr(value[:12]),
)
def test_a_file_that_is_none_is_refused(data: bytes, line: int | None, words: str) -> None:
    (fault,) = faults(data)
    assert words in fault.problem
    assert (fault.line, fault.place) == (line, None)


def test_what_is_no_mapping_is_no_article() -> None:
    assert [fault.place for fault in faults("- a\n- [b]\n- {[c]: d}\n")][:2] == ["0", "1"]


@given(st.binary(max_size=200) | st.text(st.sampled_from("-[]{}:, \n&*!|>'\"%@`#a종"), max_size=60).map(str.encode))
@example(b"- !!python/object:os.system x")
@example(b"? - a\n: b")
@example(b"- {[a]: b}")
def test_whatever_the_bytes_are_it_answers(data: bytes) -> None:
    found = read_articles(data)
    assert found.faults or found.entries
