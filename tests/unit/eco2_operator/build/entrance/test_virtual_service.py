from dataclasses import replace
from typing import Any

import pytest
from support.specimens import asked, context, denied, entrance, public

from eco2_operator.build.entrance import virtual_service


def http(*routes: dict[str, Any], **spec: Any) -> list[dict[str, Any]]:
    one = entrance(*routes, **spec)
    made = virtual_service.build(one, context(one))
    assert made is not None
    found: list[dict[str, Any]] = made["spec"]["http"]
    return found


@pytest.mark.parametrize(
    ("given", "written"), [("60s", "60s"), ("1h30m", "5400s"), ("1500ms", "1.5s"), ("1ms", "0.001s"), ("0s", None)]
)
def test_durations_as_protobuf_writes_them(given: str, written: str | None) -> None:
    (route,) = http(asked("/", timeout=given))
    assert route.get("timeout") == written


def test_no_part_of_the_manifest_is_shared_with_another() -> None:
    first, second = http(asked("/a", rewrite="/b"), cors={"allowOrigins": ["https://a.example.org"]})
    for field in ("route", "retries", "headers", "corsPolicy"):
        assert first[field] == second[field]
        assert first[field] is not second[field]


def test_a_route_whose_target_nobody_looked_up_leads_nowhere() -> None:
    one = entrance(asked("/a"), public("/b"), denied("/c"))
    made = virtual_service.build(one, replace(context(one), targets={}))
    assert made is not None
    assert [route["directResponse"]["status"] for route in made["spec"]["http"]] == [503, 503, 403]
