"""What the real API would not take."""

import base64
from typing import Any

import httpx2
import openai
import pytest
from pydantic import BaseModel

from eco2_model_server.pictures import picture
from eco2_model_server.testing import API_KEY, RunningModelServer

GOOD = base64.b64encode(picture("can")).decode()
IMAGE = {"type": "input_image", "image_url": f"data:image/jpeg;base64,{GOOD}"}
OBJECT = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def user(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


def image(**changes: Any) -> list[Any]:
    return user({**IMAGE, **changes})


def formatted(schema: Any, **changes: Any) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "name": "thing", "schema": schema, "strict": True, **changes}}


def of(**properties: Any) -> dict[str, Any]:
    return {**OBJECT, "properties": properties, "required": list(properties)}


def refusal(server: RunningModelServer, **body: Any) -> dict[str, Any]:
    sent = {"model": "gpt-5.1", "input": "?", **body}
    answer = httpx2.post(
        f"{server.base_url}/responses",
        json={name: value for name, value in sent.items() if value != "absent"},
        headers={"authorization": f"Bearer {API_KEY}"},
        trust_env=False,
    )
    assert answer.status_code == 400, answer.text
    assert server.requests()[-1].outcome == "refused"
    error: dict[str, Any] = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error


CASES: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    "no model": ({"model": "absent"}, "model", "missing_required_parameter"),
    "no input": ({"input": "absent"}, "input", "missing_required_parameter"),
    "empty input": ({"input": []}, "input", "empty_array"),
    "unknown model": ({"model": "nobody"}, "model", "model_not_found"),
    "unknown parameter": ({"messages": []}, "messages", "unknown_parameter"),
    "a number for a flag": ({"store": 1}, "store", "invalid_type"),
    "a flag for a number": ({"max_output_tokens": True}, "max_output_tokens", "invalid_type"),
    "text for a temperature": ({"temperature": "0"}, "temperature", "invalid_type"),
    "too few tokens": ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
    "temperature of a model that thinks": (
        {"model": "gpt-5", "temperature": 0}, "temperature", "unsupported_parameter",
    ),
    "temperature and effort": (
        {"reasoning": {"effort": "low"}, "top_p": 1}, "top_p", "unsupported_parameter",
    ),
    "effort of a model that does not think": (
        {"model": "gpt-4.1", "reasoning": {"effort": "low"}}, "reasoning.effort", "unsupported_parameter",
    ),
    "effort that is none": ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "invalid_value"),
    "effort of an older model": ({"reasoning": {"effort": "minimal"}}, "reasoning.effort", "unsupported_value"),
    "effort of a newer model": (
        {"model": "gpt-5", "reasoning": {"effort": "none"}}, "reasoning.effort", "unsupported_value",
    ),
    "unknown in reasoning": ({"reasoning": {"depth": 1}}, "reasoning.depth", "unknown_parameter"),
    "an item that is none": ({"input": ["?"]}, "input[0]", "invalid_type"),
    "an item of another type": ({"input": [{"type": "function_call"}]}, "input[0].type", "invalid_value"),
    "unknown in an item": (
        {"input": [{"role": "user", "content": "?", "status": "x"}]}, "input[0].status", "unknown_parameter",
    ),
    "no content": ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
    "another role": ({"input": [{"role": "tool", "content": "?"}]}, "input[0].role", "invalid_value"),
    "content of another type": ({"input": [{"role": "user", "content": 1}]}, "input[0].content", "invalid_type"),
    "a part that is none": ({"input": user("?")}, "input[0].content[0]", "invalid_type"),
    "what the assistant cannot say": (
        {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "?"}]}]},
        "input[0].content[0].type", "invalid_value",
    ),
    "what a user cannot say": (
        {"input": user({"type": "text", "text": "?"})}, "input[0].content[0].type", "invalid_value",
    ),
    "text that is none": (
        {"input": user({"type": "input_text", "text": 1})}, "input[0].content[0].text", "invalid_type",
    ),
    "unknown in a part": (
        {"input": user({"type": "input_text", "text": "?", "cache": 1})},
        "input[0].content[0].cache", "unknown_parameter",
    ),
    "unknown in an image": ({"input": image(size=1)}, "input[0].content[0].size", "unknown_parameter"),
    "no image": (
        {"input": user({"type": "input_image"})}, "input[0].content[0].image_url", "missing_required_parameter",
    ),
    "detail that is none": ({"input": image(detail="all")}, "input[0].content[0].detail", "invalid_value"),
    "an object for an image": ({"input": image(image_url={})}, "input[0].content[0].image_url", "invalid_type"),
    "an image elsewhere": (
        {"input": image(image_url="http://169.254.169.254/a.jpg")},
        "input[0].content[0].image_url", "invalid_image_url",
    ),
    "no data URL": ({"input": image(image_url=GOOD)}, "input[0].content[0].image_url", "invalid_value"),
    "no base64": ({"input": image(image_url="data:image/png,abc")}, "input[0].content[0].image_url", "invalid_value"),
    "bad base64": (
        {"input": image(image_url="data:image/png;base64,a b")}, "input[0].content[0].image_url", "invalid_value",
    ),
    "no bytes": (
        {"input": image(image_url="data:image/png;base64,")}, "input[0].content[0].image_url", "invalid_value",
    ),
    "another media type": (
        {"input": image(image_url=f"data:image/tiff;base64,{GOOD}")},
        "input[0].content[0].image_url", "invalid_value",
    ),
    "bytes that are no image": ({"input": image(image_url="data:image/png;base64,AAAA")}, "input", "invalid_value"),
    "unknown in text": ({"text": {"style": 1}}, "text.style", "unknown_parameter"),
    "verbosity that is none": ({"text": {"verbosity": "long"}}, "text.verbosity", "invalid_value"),
    "format that is none": ({"text": {"format": "json"}}, "text.format", "invalid_type"),
    "the older JSON mode": ({"text": {"format": {"type": "json_object"}}}, "text.format.type", "invalid_value"),
    "unknown in a format": (
        {"text": formatted(OBJECT, json_schema={})}, "text.format.json_schema", "unknown_parameter",
    ),
    "no schema": (
        {"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema", "missing_required_parameter",
    ),
    "a name with spaces": ({"text": formatted(OBJECT, name="a b")}, "text.format.name", "invalid_value"),
    "a schema that is none": ({"text": formatted("x")}, "text.format.schema", "invalid_type"),
    "not strict": ({"text": formatted(OBJECT, strict=False)}, "text.format.strict", "invalid_value"),
    "a list at the top": ({"text": formatted({"type": "array"})}, "text.format.schema", "invalid_json_schema"),
    "a choice at the top": ({"text": formatted({**OBJECT, "anyOf": []})}, "text.format.schema", "invalid_json_schema"),
    "more properties": (
        {"text": formatted({**OBJECT, "additionalProperties": True})}, "text.format.schema", "invalid_json_schema",
    ),
    "optional properties": (
        {"text": formatted({**of(a={"type": "string"}), "required": []})}, "text.format.schema", "invalid_json_schema",
    ),
    "required left out": (
        {"text": formatted({name: value for name, value in OBJECT.items() if name != "required"})},
        "text.format.schema", "invalid_json_schema",
    ),
    "a keyword that is not taken": (
        {"text": formatted(of(a={"type": "string", "maxLength": 5}))}, "text.format.schema", "invalid_json_schema",
    ),
    "a default": (
        {"text": formatted(of(a={"type": "string", "default": "x"}))}, "text.format.schema", "invalid_json_schema",
    ),
    "a list of anything": ({"text": formatted(of(a={"type": "array"}))}, "text.format.schema", "invalid_json_schema"),
    "a property of any type": ({"text": formatted(of(a={}))}, "text.format.schema", "invalid_json_schema"),
    "a property that is no schema": ({"text": formatted(of(a=True))}, "text.format.schema", "invalid_json_schema"),
    "words beside a reference": (
        {"text": formatted({**of(a={"$ref": "#/$defs/x", "description": "y"}), "$defs": {"x": OBJECT}})},
        "text.format.schema", "invalid_json_schema",
    ),
    "too many choices": (
        {"text": formatted(of(a={"type": "string", "enum": [f"v{number}" for number in range(1001)]}))},
        "text.format.schema", "invalid_json_schema",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_it_is_refused(model_server: RunningModelServer, case: str) -> None:
    body, param, code = CASES[case]
    error = refusal(model_server, **body)
    assert (error["param"], error["code"]) == (param, code), error


def test_a_schema_that_is_too_deep_is_refused(model_server: RunningModelServer) -> None:
    schema = OBJECT
    for _ in range(11):
        schema = of(a=schema)
    assert refusal(model_server, text=formatted(schema))["code"] == "invalid_json_schema"


def test_the_place_in_a_schema_is_named(model_server: RunningModelServer) -> None:
    inner = {"type": "object", "properties": {}, "required": []}
    error = refusal(model_server, text=formatted(of(a={"anyOf": [{"type": "null"}, inner]})))
    assert error["message"] == (
        "Invalid schema for response_format 'thing': In context=('properties', 'a', 'anyOf', '1'), "
        "'additionalProperties' is required to be supplied and to be false."
    )


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "sk-x"}, {"authorization": "Bearer invalid-key"}],
    ids=["none", "no scheme", "wrong"],
)
def test_a_key_is_needed(model_server: RunningModelServer, headers: dict[str, str]) -> None:
    body = {"model": "gpt-5.1", "input": "?"}
    with httpx2.Client(base_url=model_server.base_url, headers=headers, trust_env=False) as client:
        for answer in (client.post("/responses", json=body), client.get("/models"), client.get("/models/gpt-5.1")):
            assert answer.status_code == 401, answer.text
            assert "invalid-key" not in answer.text


def test_what_is_no_json_is_refused(model_server: RunningModelServer) -> None:
    headers = {"authorization": f"Bearer {API_KEY}"}
    for content in (b"{", b"[]"):
        url = f"{model_server.base_url}/responses"
        answer = httpx2.post(url, content=content, headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, None)


def test_the_client_says_what_is_wrong(openai_client: openai.OpenAI) -> None:
    class Optional(BaseModel):
        word: str = "default"

    with pytest.raises(openai.BadRequestError) as caught:
        openai_client.responses.parse(model="gpt-5.1", input="?", text_format=Optional)
    assert caught.value.param == "text.format.schema"
    assert "'default' is not permitted" in caught.value.message


def test_everything_that_is_taken_at_once(model_server: RunningModelServer, openai_client: openai.OpenAI) -> None:
    answer = openai_client.responses.create(
        model="gpt-5.1",
        instructions="be kind",
        input=[{"type": "message", "role": "user", "content": "?"}, *image(detail="high")],
        max_output_tokens=400,
        metadata={"a": "b"},
        prompt_cache_key="k",
        reasoning={"effort": "low"},
        safety_identifier="s",
        service_tier="auto",
        store=False,
        text={"format": {"type": "text"}, "verbosity": "low"},
        truncation="disabled",
    )
    assert answer.status == "completed"
    assert (answer.store, answer.max_output_tokens, answer.metadata) == (False, 400, {"a": "b"})  # type: ignore[attr-defined]


def test_an_earlier_refusal_may_be_part_of_the_conversation(openai_client: openai.OpenAI) -> None:
    said: Any = [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, *user({**IMAGE})]
    assert openai_client.responses.create(model="gpt-5.1", input=said).status == "completed"
