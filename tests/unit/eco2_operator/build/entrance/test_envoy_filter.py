from typing import Any

from support.specimens import JWT, admission, entrance, gateway_context

from eco2_operator.build.entrance import envoy_filter
from eco2_operator.build.entrance.context import Admission, GatewayContext
from eco2_operator.build.entrance.names import entrance_id, token_header

ONE, OTHER = entrance(name="one"), entrance(name="other", hosts=["other.example.org"], auth={"jwt": JWT})


def built(ctx: GatewayContext) -> dict[str, Any]:
    manifest = envoy_filter.build(ctx)
    assert manifest is not None
    return manifest


def mutations(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    config = manifest["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]
    found: list[dict[str, Any]] = config["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    return found


def test_who_is_admitted_is_read_from_what_was_written() -> None:
    entries = {entrance_id(one): admission(one).entries for one in (ONE, OTHER)}
    assert envoy_filter.said(built(gateway_context([ONE, OTHER]))) == entries
    assert envoy_filter.said(built(gateway_context([ONE, OTHER], waiting=[ONE]))).keys() == {entrance_id(OTHER)}
    assert envoy_filter.said(built(gateway_context([ONE], waiting=[ONE]))) == {}


def test_what_somebody_else_wrote_admits_nobody() -> None:
    assert envoy_filter.said({"spec": {}}) == {}
    assert envoy_filter.said({"spec": {"configPatches": [{"patch": {"operation": "REMOVE"}}]}}) == {}


def test_the_client_cannot_admit_itself() -> None:
    assert mutations(built(gateway_context([ONE], waiting=[ONE])))[-1] == {"remove": "x-eco2-guard"}
    last = mutations(built(gateway_context([ONE])))[-1]["append"]
    assert last["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"


def test_the_guard_is_set_after_whatever_is_removed() -> None:
    greedy = entrance(auth={"identityHeaders": ["x-eco2-guard"]})
    assert [next(iter(mutation)) for mutation in mutations(built(gateway_context([greedy])))][-1] == "append"


def test_a_private_header_only_where_tokens_are_verified() -> None:
    removed = {mutation.get("remove") for mutation in mutations(built(gateway_context([ONE, OTHER])))}
    assert token_header(OTHER) in removed
    assert token_header(ONE) not in removed


def test_an_entrance_without_a_host_leaves_no_trace() -> None:
    alone = gateway_context([ONE])
    gone = Admission(OTHER, ())
    both = GatewayContext(alone.namespace, alone.selector, (*alone.entrances, gone))
    assert built(both) == built(alone)
    assert envoy_filter.build(GatewayContext(alone.namespace, alone.selector, (gone,))) is None


def test_the_filters_stand_in_this_order() -> None:
    patches = [
        (patch["applyTo"], patch["patch"]["operation"], patch["patch"].get("value", {}).get("name"))
        for patch in built(gateway_context([ONE, OTHER]))["spec"]["configPatches"]
    ]
    assert patches == [
        ("NETWORK_FILTER", "MERGE", None),
        ("HTTP_FILTER", "REMOVE", None),
        ("HTTP_FILTER", "INSERT_FIRST", "envoy.filters.http.cors"),
        ("HTTP_FILTER", "INSERT_AFTER", "envoy.filters.http.lua"),
    ]
    assert len(built(gateway_context([ONE]))["spec"]["configPatches"]) == 3
