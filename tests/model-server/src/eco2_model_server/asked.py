"""A request to `POST /v1/responses`, as the OpenAI API takes it and no other.

https://platform.openai.com/docs/api-reference/responses/create. Of the parameters, those are known that a program
without tools and without stored conversations sends; what the API calls an error is one here.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from eco2_model_server import strict_schemas
from eco2_model_server.pictures import NotAPicture, open_picture
from eco2_model_server.refusals import Refused, invalid_type, invalid_value, missing_parameter, unknown_parameter

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "input": (str, list),
    "instructions": (str,),
    "max_output_tokens": (int,),
    "metadata": (dict,),
    "model": (str,),
    "parallel_tool_calls": (bool,),
    "prompt_cache_key": (str,),
    "prompt_cache_retention": (str,),
    "reasoning": (dict,),
    "safety_identifier": (str,),
    "service_tier": (str,),
    "store": (bool,),
    "stream": (bool,),
    "stream_options": (dict,),
    "temperature": (int, float),
    "text": (dict,),
    "top_p": (int, float),
    "truncation": (str,),
    "user": (str,),
}
"""Parameters and their JSON types; each may be null, except `model` and `input`."""
_NAMES: Final = {str: "a string", list: "an array", int: "an integer", dict: "an object", bool: "a boolean"}
_REQUIRED: Final = ("model", "input")
_MODEL: Final = re.compile(r"(gpt-|o[1-9]|test-)[a-z0-9.-]*")
_REASONING: Final = re.compile(r"gpt-([5-9]|[1-9]\d)|o[1-9]")
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh")
_VERBOSITIES: Final = ("low", "medium", "high")
_DETAILS: Final = ("low", "high", "auto", "original")
_LEAST_OUTPUT: Final = 16
_SCHEMA_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_IMAGE_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
_DATA_URL: Final = re.compile(r"data:([a-z0-9.+-]+/[a-z0-9.+-]+);base64,(.*)", re.DOTALL)
_ROLES: Final = ("assistant", "system", "developer", "user")
_EXPECTED_IMAGE: Final = (
    "Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), "
    "but got "
)


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `role`: system, developer, user or assistant; instructions are the system's."""

    role: str
    text: str


@dataclass(slots=True)
class Asked:
    """A request that is taken.

    Attributes:
        said: all messages, in order.
        images: decoded, in order.
        shown: the body without the bytes of images.
        schema: of the structured output; None: the output is text.
        reasons: whether the model thinks first, and the output has an item for that.
    """

    model: str = ""
    stream: bool = False
    store: bool = True
    said: list[Said] = field(default_factory=list)
    images: list[Image.Image] = field(default_factory=list)
    image_digests: list[str] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    schema_name: str = ""
    schema: Mapping[str, Any] | None = None
    max_output_tokens: int | None = None
    reasons: bool = False

    @property
    def prompt(self) -> str:
        """All that was said."""
        return "\n".join(message.text for message in self.said)


def parse(body: object) -> Asked:
    """Take a request. Raises Refused with what the API would answer."""
    if not isinstance(body, dict):
        raise Refused("We could not parse the JSON body of your request.")
    _check_types(body)
    if _MODEL.fullmatch(body["model"]) is None:
        message = f"The requested model '{body['model']}' does not exist."
        raise Refused(message, "model", "model_not_found")
    store = body.get("store")
    asked = Asked(model=body["model"], stream=bool(body.get("stream")), store=store is not False, shown=dict(body))
    _read_sampling(asked, body)
    if body.get("instructions"):
        asked.said.append(Said("system", body["instructions"]))
    _read_input(asked, body["input"])
    _read_text(asked, body.get("text") or {})
    return asked


def _check_types(body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        if name not in _TYPES:
            raise unknown_parameter(name)
        kinds = _TYPES[name]
        if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise invalid_type(name, "a number" if float in kinds else _NAMES[kinds[-1]], value)
    for name in _REQUIRED:
        if body.get(name) is None:
            raise missing_parameter(name)


def _read_sampling(asked: Asked, body: Mapping[str, Any]) -> None:
    reasoning = body.get("reasoning") or {}
    for name in reasoning:
        if name not in ("effort", "summary"):
            raise unknown_parameter(f"reasoning.{name}")
    thinks = _REASONING.match(asked.model) is not None
    if reasoning and not thinks:
        raise Refused(
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
            "reasoning.effort",
            "unsupported_parameter",
        )
    effort = reasoning.get("effort")
    if effort is not None:
        _check_effort(asked.model, effort)
    # From 5.1 on not to think is the default; the first of its kind cannot leave it.
    asked.reasons = thinks and (effort or ("none" if _may_not_think(asked.model) else "medium")) != "none"
    for name in ("temperature", "top_p"):
        if body.get(name) is not None and asked.reasons:
            raise Refused(
                f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter"
            )
    limit = body.get("max_output_tokens")
    if limit is not None and limit < _LEAST_OUTPUT:
        raise Refused(
            "Invalid 'max_output_tokens': integer below minimum value. "
            f"Expected a value >= {_LEAST_OUTPUT}, but got {limit} instead.",
            "max_output_tokens",
            "integer_below_min_value",
        )
    asked.max_output_tokens = limit


def _may_not_think(model: str) -> bool:
    return re.match(r"gpt-(5\.[1-9]|[6-9]|[1-9]\d)", model) is not None


def _check_effort(model: str, effort: object) -> None:
    if effort not in _EFFORTS:
        raise invalid_value("reasoning.effort", effort, *_EFFORTS)
    if effort == ("minimal" if _may_not_think(model) else "none"):
        message = f"Unsupported value: '{effort}' is not supported with the '{model}' model."
        raise Refused(message, "reasoning.effort", "unsupported_value")


def _read_input(asked: Asked, said: str | list[Any]) -> None:
    if isinstance(said, str):
        asked.said.append(Said("user", said))
        return
    if not said:
        raise Refused("Invalid 'input': empty array.", "input", "empty_array")
    asked.shown["input"] = [_read_item(asked, item, f"input[{number}]") for number, item in enumerate(said)]


def _read_item(asked: Asked, item: Any, path: str) -> dict[str, Any]:
    _check_item(item, path)
    role, content = item["role"], item["content"]
    if isinstance(content, str):
        asked.said.append(Said(role, content))
        return dict(item)
    shown, texts = [], []
    for number, part in enumerate(content):
        text, seen = _read_part(asked, role, part, f"{path}.content[{number}]")
        texts += [text] if text is not None else []
        shown.append(seen)
    asked.said.append(Said(role, "\n".join(texts)))
    return {**item, "content": shown}


def _check_item(item: Any, path: str) -> None:
    if not isinstance(item, dict):
        raise invalid_type(path, "an object", item)
    if item.get("type", "message") != "message":
        raise invalid_value(f"{path}.type", item["type"], "message")
    for name in item:
        if name not in ("type", "role", "content"):
            raise unknown_parameter(f"{path}.{name}")
    for name in ("role", "content"):
        if name not in item:
            raise missing_parameter(f"{path}.{name}")
    if item["role"] not in _ROLES:
        raise invalid_value(f"{path}.role", item["role"], *_ROLES)
    if not isinstance(item["content"], str | list):
        raise invalid_type(f"{path}.content", "a string or an array", item["content"])


def _read_part(asked: Asked, role: str, part: Any, path: str) -> tuple[str | None, dict[str, Any]]:
    if not isinstance(part, dict):
        raise invalid_type(path, "an object", part)
    takes = ("output_text", "refusal") if role == "assistant" else ("input_text", "input_image")
    kind = part.get("type")
    if kind not in takes:
        raise invalid_value(f"{path}.type", kind, *takes)
    if kind == "input_image":
        return None, _read_image(asked, part, path)
    name = "refusal" if kind == "refusal" else "text"
    if not isinstance(part.get(name), str):
        raise invalid_type(f"{path}.{name}", "a string", part.get(name))
    for other in part:
        if other not in ("type", name, *(("annotations", "logprobs") if kind == "output_text" else ())):
            raise unknown_parameter(f"{path}.{other}")
    return part[name], part


def _read_image(asked: Asked, part: dict[str, Any], path: str) -> dict[str, Any]:
    for name in part:
        if name not in ("type", "image_url", "detail"):
            raise unknown_parameter(f"{path}.{name}")
    if part.get("detail", "auto") not in _DETAILS:
        raise invalid_value(f"{path}.detail", part["detail"], *_DETAILS)
    if "image_url" not in part:
        raise missing_parameter(f"{path}.image_url")
    content = _image_bytes(part["image_url"], f"{path}.image_url")
    try:
        asked.images.append(open_picture(content))
    except NotAPicture:
        message = (
            "The image data you provided does not represent a valid image. Please check your input and try again "
            "with one of the supported image formats: ['image/jpeg', 'image/png', 'image/gif', 'image/webp']."
        )
        raise Refused(message, "input", "invalid_value") from None
    asked.image_digests.append(hashlib.sha256(content).hexdigest())
    return {**part, "image_url": f"sha256:{asked.image_digests[-1]}"}


def _image_bytes(address: object, path: str) -> bytes:
    if not isinstance(address, str):
        raise invalid_type(path, "an image URL", address)
    if address.startswith(("http://", "https://")):  # the real API would fetch it; this one fetches nothing
        message = f"Error while downloading {address}. Upstream status code: 404."
        raise Refused(message, path, "invalid_image_url")
    wrong = f"Invalid '{path}'. {_EXPECTED_IMAGE}"
    if not address.startswith("data:"):
        raise Refused(f"{wrong}a value without the 'data:' prefix.", path, "invalid_value")
    found = _DATA_URL.fullmatch(address)
    if found is None:
        raise Refused(f"{wrong}a value that is not base64-encoded.", path, "invalid_value")
    if found[1] not in _IMAGE_TYPES:
        raise Refused(f"{wrong}unsupported MIME type '{found[1]}'.", path, "invalid_value")
    if not found[2]:
        raise Refused(f"{wrong}empty base64-encoded bytes.", path, "invalid_value")
    try:
        return base64.b64decode(found[2], validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"{wrong}an invalid base64-encoded value.", path, "invalid_value") from None


def _read_text(asked: Asked, text: Mapping[str, Any]) -> None:
    for name in text:
        if name not in ("format", "verbosity"):
            raise unknown_parameter(f"text.{name}")
    if text.get("verbosity") is not None and text["verbosity"] not in _VERBOSITIES:
        raise invalid_value("text.verbosity", text["verbosity"], *_VERBOSITIES)
    wanted = text.get("format")
    if wanted is None:
        return
    if not isinstance(wanted, dict):
        raise invalid_type("text.format", "an object", wanted)
    kind = wanted.get("type")
    if kind == "text":
        return
    if kind != "json_schema":
        raise invalid_value("text.format.type", kind, "text", "json_schema")
    _read_format(asked, wanted)


def _read_format(asked: Asked, wanted: Mapping[str, Any]) -> None:
    for name in wanted:
        if name not in ("type", "name", "schema", "strict", "description"):
            raise unknown_parameter(f"text.format.{name}")
    for name in ("name", "schema"):
        if name not in wanted:
            raise missing_parameter(f"text.format.{name}")
    name, schema = wanted["name"], wanted["schema"]
    if not isinstance(name, str) or _SCHEMA_NAME.fullmatch(name) is None:
        message = "Invalid 'text.format.name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
        raise Refused(message, "text.format.name", "invalid_value")
    if not isinstance(schema, dict):
        raise invalid_type("text.format.schema", "an object", schema)
    if wanted.get("strict") is not True:  # the API takes it, and then promises nothing: a program must not rely on it
        raise Refused("text.format.strict has to be true here", "text.format.strict", "invalid_value")
    strict_schemas.check(name, schema)
    asked.schema_name, asked.schema = name, schema
