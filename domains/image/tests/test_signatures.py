"""What a signed URL lets through: asked of a server that verifies signatures (rule 24)."""

import re
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import httpx2
import pytest
from support.s3 import BUCKET, REGION, S3

from eco2_image.errors import StorageUnavailable
from eco2_image.media import Media
from eco2_image.settings import Settings
from eco2_image.storage import Storage
from eco2_service.metrics import Metrics

KEY = "raw/0123"
DATA = b"0123456789"
MakeStorage = Callable[..., Storage]


@pytest.fixture
def storage(settings: Callable[..., Settings]) -> MakeStorage:
    """Makes a storage with these settings."""
    return lambda **changes: Storage(settings(**changes), Metrics(name="image", version="0"))


def put(url: str, data: bytes, headers: dict[str, str]) -> int:
    with httpx2.Client(timeout=30) as client:
        return client.put(url, content=data, headers=headers).status_code


def test_the_signature_is_of_version_4_and_short(storage: MakeStorage) -> None:
    query = parse_qs(urlsplit(storage().sign_put(KEY, Media.PNG, 10)).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["600"]
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert query["X-Amz-Credential"][0].split("/")[2:] == [REGION, "s3", "aws4_request"]
    assert len(query) == 6  # nothing a client would have to send besides: no checksum


def test_what_was_signed_passes(storage: MakeStorage, s3: S3) -> None:
    url = storage().sign_put(KEY, Media.PNG, len(DATA))
    assert put(url, DATA, {"content-type": "image/png"}) == 200
    found = s3.client.get_object(Bucket=BUCKET, Key=KEY)
    assert (found["ContentType"], found["Body"].read()) == ("image/png", DATA)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (DATA, {"content-type": "image/jpeg"}),
        (DATA, {"content-type": "text/html"}),
        (DATA, {"content-type": "image/png; charset=utf-8"}),
        (DATA, {}),
        (DATA + b"x", {"content-type": "image/png"}),
        (DATA[:-1], {"content-type": "image/png"}),
        (b"", {"content-type": "image/png"}),
        (DATA * 1_000_000, {"content-type": "image/png"}),
    ],
    ids=["another type", "html", "a parameter", "no type", "longer", "shorter", "nothing", "much longer"],
)
def test_nothing_else_passes(storage: MakeStorage, s3: S3, data: bytes, headers: dict[str, str]) -> None:
    url = storage().sign_put(KEY, Media.PNG, len(DATA))
    assert put(url, data, headers) == 403
    assert s3.keys() == []


def test_a_length_that_is_not_said_does_not_pass(storage: MakeStorage, s3: S3) -> None:
    url = storage().sign_put(KEY, Media.PNG, len(DATA))
    with httpx2.Client(timeout=30) as client:
        answer = client.put(url, content=iter([DATA]), headers={"content-type": "image/png"})  # chunked
    assert answer.status_code in (403, 411)
    assert s3.keys() == []


def test_a_body_that_is_longer_than_it_says_is_cut(storage: MakeStorage, s3: S3) -> None:
    """What follows is the next request of the connection, and no such thing is one."""
    url = urlsplit(storage().sign_put(KEY, Media.PNG, len(DATA)))
    head = (
        f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: image/png\r\n"
        f"Content-Length: {len(DATA)}\r\n\r\n"
    )
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=30) as connection:
        connection.sendall(head.encode() + DATA + b"and more")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert s3.client.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == DATA


@pytest.mark.parametrize("part", ["X-Amz-Expires=600", "raw/0123", "X-Amz-Signature=", "content-length%3B"])
def test_a_changed_url_does_not_pass(storage: MakeStorage, s3: S3, part: str) -> None:
    changes = {"X-Amz-Expires=600": "X-Amz-Expires=6000", "raw/0123": "images/0", "content-length%3B": ""}
    url = storage().sign_put(KEY, Media.PNG, len(DATA))
    assert part in url
    changed = url.replace(part, changes.get(part, "X-Amz-Signature=0"))
    assert put(changed, DATA, {"content-type": "image/png"}) == 403
    assert s3.keys() == []


def test_a_url_ends(storage: MakeStorage, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    now = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now() - timedelta(seconds=601))
    url = storage().sign_put(KEY, Media.PNG, len(DATA))
    assert put(url, DATA, {"content-type": "image/png"}) == 403
    assert s3.keys() == []


def post(signed: Any, data: bytes, **changes: str | None) -> tuple[int, str]:
    fields = {name: value for name, value in {**signed.fields, **changes}.items() if value is not None}
    with httpx2.Client(timeout=30) as client:
        answer = client.post(signed.url, data=fields, files={"file": ("photo.png", data)})
    code = re.search("<Code>(.*)</Code>", answer.text)
    return answer.status_code, code.group(1) if code else ""


def test_a_form_takes_what_it_says(storage: MakeStorage, s3: S3) -> None:
    signed = storage().sign_post(KEY, Media.PNG, len(DATA))
    for data in (DATA, DATA[:1]):
        assert post(signed, data) == (204, "")
        found = s3.client.get_object(Bucket=BUCKET, Key=KEY)
        assert (found["ContentType"], found["Body"].read()) == ("image/png", data)


@pytest.mark.parametrize(
    ("data", "changes", "expected"),
    [
        (DATA + b"x", {}, (400, "EntityTooLarge")),
        (b"", {}, (400, "EntityTooSmall")),
        (DATA, {"Content-Type": "image/jpeg"}, (403, "AccessDenied")),
        (DATA, {"Content-Type": "text/html"}, (403, "AccessDenied")),
        (DATA, {"Content-Type": None}, (403, "AccessDenied")),
        (DATA, {"key": "images/mine"}, (403, "AccessDenied")),
        (DATA, {"acl": "public-read"}, (403, "AccessDenied")),
        (DATA, {"policy": "e30="}, (403, "SignatureDoesNotMatch")),
        (DATA, {"x-amz-signature": "0" * 64}, (403, "SignatureDoesNotMatch")),
    ],
    ids=["longer", "nothing", "another type", "html", "no type", "another key", "more", "policy", "signature"],
)
def test_a_form_takes_nothing_else(
    storage: MakeStorage, s3: S3, data: bytes, changes: dict[str, str | None], expected: tuple[int, str]
) -> None:
    assert post(storage().sign_post(KEY, Media.PNG, len(DATA)), data, **changes) == expected
    assert s3.keys() == []


def test_at_aws_it_is_signed_for_the_host_of_the_region(storage: MakeStorage) -> None:
    """The host without a region redirects, for a day after the bucket was made, and a browser does not sign again."""
    aws = storage(aws_endpoint_url=None, aws_region="ap-northeast-2")
    host = f"https://{BUCKET}.s3.ap-northeast-2.amazonaws.com/"
    assert aws.sign_put(KEY, Media.PNG, 10).startswith(f"{host}{KEY}?")
    assert aws.sign_post(KEY, Media.PNG, 10).url == host


def test_without_credentials_it_says_so(storage: MakeStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    made = storage()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(StorageUnavailable):
        storage().sign_put(KEY, Media.PNG, 10)
    assert made.sign_put(KEY, Media.PNG, 10)
