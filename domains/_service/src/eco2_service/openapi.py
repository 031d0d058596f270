"""The schema of a service: what every operation has in common is said here, so that it is said everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from fastapi import FastAPI

from eco2_service.identity import PROVIDER, PROVIDER_PATTERN, USER_ID, USER_ID_PATTERN, current_user
from eco2_service.problems import FieldError, ProblemDetails, problem_responses

_SAFE: Final = frozenset({"get", "head", "options", "trace"})
_IDENTITY: Final = tuple(
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": "Set by the gateway for a valid access token; a client's own is removed there",
        "schema": {"type": "string", "pattern": f"^{pattern.pattern}$"},
    }
    for name, pattern in ((USER_ID, USER_ID_PATTERN), (PROVIDER, PROVIDER_PATTERN))
)
"""Parameters, not a security scheme: whoever reaches a domain is believed, since only the gateway does."""
_REFERENCE: Final = "#/components/schemas/{model}"


def completed(application: FastAPI) -> Callable[[], dict[str, Any]]:
    """In place of `FastAPI.openapi`: adds the identity headers and the problems that any operation may answer."""
    build = application.openapi

    def openapi() -> dict[str, Any]:
        if application.openapi_schema is None:
            complete(build())
        return build()

    return openapi


def complete(schema: dict[str, Any]) -> None:
    """Add to a schema of FastAPI what FastAPI does not know."""
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (ProblemDetails, FieldError):
        described = model.model_json_schema(ref_template=_REFERENCE)
        described.pop("$defs", None)
        schemas[model.__name__] = described
    components.get("securitySchemes", {}).pop(current_user.scheme_name, None)
    for method, operation in _operations(schema):
        _complete_operation(method, operation)


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in schema["paths"].values():
        yield from path.items()


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    statuses = [503]
    security = operation.pop("security", [])
    if security:
        statuses.append(401)
    if others := [requirement for requirement in security if current_user.scheme_name not in requirement]:
        operation["security"] = others
    if len(others) < len(security):
        operation["parameters"] = [*operation.get("parameters", ()), *_IDENTITY]
    if method not in _SAFE:
        statuses.append(403)  # a cookie without an Origin of the list
    if "422" in operation["responses"]:
        del operation["responses"]["422"]
        statuses.append(422)
    if "requestBody" in operation:
        statuses += (400, 413)  # not JSON at all; too long
    if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
        statuses.append(404)  # not one of this list's
    for status, answer in problem_responses(*statuses).items():
        operation["responses"].setdefault(str(status), answer)
