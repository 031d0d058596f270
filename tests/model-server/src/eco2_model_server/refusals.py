"""What is answered to a request that the real servers would not take."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response


@dataclass(eq=False)
class Refused(Exception):
    """An error of the OpenAI API (https://platform.openai.com/docs/guides/error-codes).

    Attributes:
        param: where in the request it is, such as ``input[0].content[1].image_url``.
        code: such as ``unknown_parameter``.
        retry_after: seconds, for the header of that name.
    """

    message: str
    param: str | None = None
    code: str | None = None
    status: int = 400
    kind: str = "invalid_request_error"
    retry_after: float | None = None

    def response(self) -> Response:
        """As the API writes it."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return JSONResponse({"error": error}, self.status, headers=_retry(self.retry_after))


@dataclass(eq=False)
class AzureRefused(Exception):
    """An error of Azure AI Vision (https://learn.microsoft.com/azure/ai-services/computer-vision/, "Error codes")."""

    code: str
    message: str
    status: int = 400
    inner: str | None = None
    retry_after: float | None = None

    def response(self) -> Response:
        """As the API writes it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner:
            error["innererror"] = {"code": self.inner, "message": self.message}
        return JSONResponse({"error": error}, self.status, headers=_retry(self.retry_after))


def _retry(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": f"{seconds:g}"}


def unknown_parameter(path: str) -> Refused:
    """A name that the API does not know."""
    return Refused(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def missing_parameter(path: str) -> Refused:
    """A name that has to be there."""
    return Refused(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def invalid_type(path: str, expected: str, value: object) -> Refused:
    """A value of another JSON type."""
    message = f"Invalid type for '{path}': expected {expected}, but got {_json_type(value)} instead."
    return Refused(message, path, "invalid_type")


def invalid_value(path: str, value: object, *supported: str) -> Refused:
    """A value that is none of those that are taken."""
    choices = ", ".join(f"'{name}'" for name in supported)
    return Refused(f"Invalid value: '{value}'. Supported values are: {choices}.", path, "invalid_value")


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer"}
    return names.get(type(value), "null" if value is None else "a decimal number")
