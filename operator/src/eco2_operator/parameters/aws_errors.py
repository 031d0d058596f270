"""What went wrong between us and AWS, as an error of our tree. Messages name no value and are the same each time."""

import re
from collections.abc import Callable
from typing import Final

from eco2_operator.errors import (
    AccessDenied,
    CredentialsRefused,
    ParameterStoreUnavailable,
    ParameterUnusable,
    RegionUnknown,
    SecretError,
)

OPERATION: Final = "GetParameters"
MAX_TOLD: Final = 300
"""Characters of AWS's own words that are repeated."""

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "InvalidKeyId", "UnauthorizedOperation"})
_BAD_CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html, and those of STS."""
_BUSY: Final = re.compile(r"Throttl|TooManyRequests|LimitExceeded|SlowDown|Internal|Unavailable|Timeout")
_REQUEST: Final = re.compile(r"\s*\(Service: [^)]*\)|\s*[(;,]?\s*[Rr]equest ?[Ii][Dd]:? [-0-9A-Za-z]+\)?")
"""What differs from one request to the next: a status that quoted it would never be the same twice."""


def translate(error: Exception, *, names: list[str], region: str, known: Callable[[], bool]) -> SecretError:
    """The meaning of an exception of boto3 for these parameters.

    Args:
        region: the one that was asked.
        known: whether boto3 has heard of that region; asked only when nobody answers there.
    """
    from botocore import exceptions as aws

    match error:
        case aws.ClientError():
            return _refusal(error, names, region)
        case aws.NoRegionError() | aws.InvalidRegionError():
            return RegionUnknown(f"{_told(str(error))} Set spec.region, or the operator's AWS region")
        case aws.EndpointConnectionError() if not known():
            return RegionUnknown(f"{_told(str(error))}: boto3 knows no region {region}; correct spec.region")
        case aws.HTTPClientError() | aws.ConnectionError():  # some are an OSError too
            return _silence(_told(str(error)), region)
        case (
            aws.NoCredentialsError()
            | aws.PartialCredentialsError()
            | aws.CredentialRetrievalError()
            | aws.TokenRetrievalError()
            | aws.SSOError()
            | aws.ProfileNotFound()
            | aws.InvalidConfigError()
            | OSError()
        ):
            return _credentials(_told(str(error)))
        case _:  # its words may quote the answer, and with it a value
            return _silence(type(error).__name__, region)


def _silence(told: str, region: str) -> ParameterStoreUnavailable:
    return ParameterStoreUnavailable(f"no answer from SSM in {region} ({told}): it is asked again by itself")


def _refusal(error: Exception, names: list[str], region: str) -> SecretError:
    """The meaning of an answer that is an error. Of several parameters it does not tell which one it is about."""
    response = getattr(error, "response", {})
    told = response.get("Error") or {}
    code, said = str(told.get("Code") or "?"), _told(str(told.get("Message") or ""))
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode", 0)
    reason = f"{code}: {said}" if said else code
    if status >= 500 or status == 429 or _BUSY.search(code):
        return ParameterStoreUnavailable(f"SSM in {region} is busy ({reason}): it is asked again by itself")
    if code in _BAD_CREDENTIALS or getattr(error, "operation_name", OPERATION) != OPERATION:
        return _credentials(reason)
    what = "parameter " + ", ".join(names)
    if code in _DENIED:
        return AccessDenied(
            f"the operator may not read {what} in {region} ({reason}): allow its IAM role ssm:GetParameters on it,"
            " and kms:Decrypt on its key"
        )
    return ParameterUnusable(f"SSM in {region} refuses {what} ({reason}): correct the name")


def _credentials(told: str) -> CredentialsRefused:
    return CredentialsRefused(
        f"no valid AWS credentials ({told}): annotate the operator's service account with an IAM role, or give it keys"
    )


def _told(text: str) -> str:
    text = _REQUEST.sub("", text).strip()
    return text if len(text) <= MAX_TOLD else f"{text[: MAX_TOLD - 1]}…"
