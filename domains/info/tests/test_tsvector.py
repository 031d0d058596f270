"""Literals of tsvector: PostgreSQL reads back what was meant, whatever the tokens are."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from eco2_info.tsvector import MAX_LENGTH, quoted, search_tokens, tsvector

Sql = Callable[..., list[tuple[Any, ...]]]
TOKENS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8))


@examples(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TOKENS)
@example(["'", "\\", "\\'", ":", "a:1A", " ", "&", "|", "!", "(", "*", "우유", "'우유':1"])
def test_postgresql_reads_the_tokens_back(sql: Sql, tokens: list[str]) -> None:
    ((read,),) = sql("SELECT tsvector_to_array($1::text::tsvector)", tsvector([("A", tokens)]))
    assert set(read) == set(tokens)
    for token in tokens:
        assert sql("SELECT $1::text::tsvector @@ $2::text::tsquery", tsvector([("D", tokens)]), quoted(token)) == [
            (True,)
        ]


def test_each_place_has_its_weight(sql: Sql) -> None:
    vector = tsvector([("A", ["우유"]), ("B", ["팩"]), ("D", ["우유", "헹구"])])
    rows = sql("SELECT lexeme, positions::int[], weights FROM unnest($1::text::tsvector) ORDER BY 2", vector)
    assert rows == [("우유", [1, 3], ["A", "D"]), ("팩", [2], ["B"]), ("헹구", [4], ["D"])]


def test_a_token_that_is_everywhere_is_taken_all_the_same(sql: Sql) -> None:
    vector = tsvector([("D", ["가"] * 20_000 + ["나"])])
    assert sql("SELECT tsvector_to_array($1::text::tsvector)", vector) == [(["가", "나"],)]


def test_a_token_without_an_end_is_cut_on_both_sides_alike(sql: Sql) -> None:
    text = "a" * 5000
    tokens = search_tokens(text)
    assert max(map(len, tokens)) <= MAX_LENGTH
    queries = [quoted(token) for token in tokens]
    statement = "SELECT $1::text::tsvector @@ $2::text::tsquery"
    assert sql(statement, tsvector([("D", tokens)]), " | ".join(queries)) == [(True,)]
