"""What boto3 raises, and what is made of it. How it comes to that: tests/integration/test_ssm.py."""

from typing import Any

import pytest
from botocore import exceptions as aws

from eco2_operator.errors import (
    AccessDenied,
    CredentialsRefused,
    ParameterStoreUnavailable,
    ParameterUnusable,
    RegionUnknown,
    SecretError,
)
from eco2_operator.parameters.aws_errors import MAX_TOLD, translate

URL = "https://ssm.ap-northeast-2.amazonaws.com/"


def refusal(code: str, message: str = "", *, status: int = 400, operation: str = "GetParameters") -> aws.ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return aws.ClientError(response, operation)


def translated(error: Exception, *, known: bool = True) -> SecretError:
    return translate(error, names=["/a", "/b"], region="ap-northeast-2", known=lambda: known)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (refusal("ThrottlingException", "Rate exceeded"), ParameterStoreUnavailable),
        (refusal("RequestLimitExceeded"), ParameterStoreUnavailable),
        (refusal("Anything", status=503), ParameterStoreUnavailable),
        (refusal("Anything", status=429), ParameterStoreUnavailable),
        (refusal("InternalServerError"), ParameterStoreUnavailable),
        (refusal("AccessDeniedException", "not authorized"), AccessDenied),
        (refusal("InvalidKeyId", "key is disabled"), AccessDenied),
        (refusal("AccessDenied", "no", operation="AssumeRoleWithWebIdentity"), CredentialsRefused),
        (refusal("Throttling", "no", operation="AssumeRoleWithWebIdentity"), ParameterStoreUnavailable),
        (refusal("ExpiredTokenException"), CredentialsRefused),
        (refusal("UnrecognizedClientException"), CredentialsRefused),
        (refusal("InvalidSignatureException"), CredentialsRefused),
        (refusal("ValidationException", "bad name"), ParameterUnusable),
        (aws.ClientError({}, "GetParameters"), ParameterUnusable),
        (aws.NoCredentialsError(), CredentialsRefused),
        (aws.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), CredentialsRefused),
        (aws.CredentialRetrievalError(provider="custom", error_msg="no"), CredentialsRefused),
        (aws.ProfileNotFound(profile="eco2"), CredentialsRefused),
        (FileNotFoundError(2, "No such file", "/var/run/token"), CredentialsRefused),
        (aws.NoRegionError(), RegionUnknown),
        (aws.InvalidRegionError(region_name="Seoul!"), RegionUnknown),
        (aws.EndpointConnectionError(endpoint_url=URL), ParameterStoreUnavailable),
        (aws.ConnectTimeoutError(endpoint_url=URL), ParameterStoreUnavailable),
        (aws.ReadTimeoutError(endpoint_url=URL), ParameterStoreUnavailable),
        (aws.ConnectionClosedError(endpoint_url=URL), ParameterStoreUnavailable),
        (aws.SSLError(endpoint_url=URL, error="self-signed"), ParameterStoreUnavailable),
        (aws.ProxyConnectionError(proxy_url="http://proxy"), ParameterStoreUnavailable),
        (ValueError("s3cret"), ParameterStoreUnavailable),
    ],
    ids=repr,
)
def test_every_failure_has_a_meaning(error: Exception, meaning: type[SecretError]) -> None:
    found = translated(error)
    assert type(found) is meaning
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            refusal("AccessDeniedException", "User x is not authorized"),
            "the operator may not read parameter /a, /b in ap-northeast-2 (AccessDeniedException: User x is not"
            " authorized): allow its IAM role ssm:GetParameters on it, and kms:Decrypt on its key",
        ),
        (
            refusal("ExpiredTokenException"),
            "no valid AWS credentials (ExpiredTokenException): annotate the operator's service account with an IAM"
            " role, or give it keys",
        ),
        (
            refusal("ThrottlingException", "Rate exceeded"),
            "SSM in ap-northeast-2 is busy (ThrottlingException: Rate exceeded): it is asked again by itself",
        ),
        (
            refusal("ValidationException", "x"),
            "SSM in ap-northeast-2 refuses parameter /a, /b (ValidationException: x): correct the name",
        ),
        (ValueError("s3cret"), "no answer from SSM in ap-northeast-2 (ValueError): it is asked again by itself"),
    ],
)
def test_a_message_says_what_where_and_what_to_do(error: Exception, message: str) -> None:
    assert str(translated(error)) == message


def test_a_region_that_boto3_does_not_know_is_suspected_when_nobody_answers() -> None:
    error = aws.EndpointConnectionError(endpoint_url=URL)
    assert isinstance(translated(error, known=False), RegionUnknown)
    assert isinstance(translated(aws.ReadTimeoutError(endpoint_url=URL), known=False), ParameterStoreUnavailable)


@pytest.mark.parametrize(
    "suffix",
    [
        " (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; Request ID: {}; Proxy: null)",
        " (Request ID: {})",
        "; request id: {}",
        ", RequestId: {}",
    ],
)
def test_the_same_failure_reads_the_same_each_time(suffix: str) -> None:
    told = [str(translated(refusal("AccessDeniedException", f"no{suffix.format(i)}"))) for i in ("1a-2b", "3c-4d")]
    assert told[0] == told[1]
    assert "(AccessDeniedException: no)" in told[0]


def test_long_words_of_others_are_cut() -> None:
    long = str(translated(refusal("AccessDeniedException", "x" * 5000)))
    assert "x" * (MAX_TOLD - 1) + "…" in long
    assert "x" * MAX_TOLD not in long
