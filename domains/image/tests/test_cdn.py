"""From any spelling of an address to a key: pure, and nothing but our own images."""

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco2_image.cdn import Addresses
from eco2_image.keys import is_image_key, new_image_key
from eco2_image.media import Media

REGION, BUCKET = "ap-northeast-2", "eco2-images"
OURS = Addresses(cdn_base_url="https://images.growbin.app", bucket=BUCKET, region=REGION)
KEY = "images/0123456789abcdef0123456789abcdef.jpg"
HOSTS = (
    f"s3.{REGION}.amazonaws.com",
    f"s3-{REGION}.amazonaws.com",
    f"s3.dualstack.{REGION}.amazonaws.com",
    "s3.amazonaws.com",
)
BASES = (
    "https://images.growbin.app",
    *(f"https://{host}/{BUCKET}" for host in HOSTS),
    *(f"https://{BUCKET}.{host}" for host in HOSTS),
)
keys = st.sampled_from(Media).map(new_image_key)
queries = st.sampled_from(
    ["", "?", "?x=1", "?X-Amz-Signature=a%20b&versionId=1", "#top", "?a#b", "?url=https://evil/x"]
)
TEXT = string.ascii_letters + string.digits + string.punctuation + " "


def test_an_address_is_below_the_cdn() -> None:
    assert OURS.url(KEY) == f"https://images.growbin.app/{KEY}"
    assert (
        Addresses(cdn_base_url="https://cdn.example/a/", bucket="b", region="r").url("k") == "https://cdn.example/a/k"
    )


@given(key=keys)
def test_what_is_given_out_is_recognised(key: str) -> None:
    assert OURS.key(OURS.url(key)) == key


@pytest.mark.parametrize("base", BASES)
@given(key=keys, query=queries, is_http=st.booleans(), is_upper=st.booleans(), dot=st.booleans(), port=st.booleans())
def test_every_spelling_means_the_same(
    base: str, key: str, query: str, is_http: bool, is_upper: bool, dot: bool, port: bool
) -> None:
    scheme, _, rest = base.partition("://")
    host, slash, path = rest.partition("/")
    scheme = "http" if is_http else scheme
    host = (host.upper() if is_upper else host) + ("." if dot else "")
    host += f":{80 if is_http else 443}" if port else ""
    assert OURS.key(f"{scheme}://{host}{slash}{path}/{key}{query}") == key


@given(key=keys, data=st.data())
def test_percent_encoding_is_taken_away_once(key: str, data: st.DataObject) -> None:
    which = data.draw(st.sets(st.integers(0, len(key) - 1), max_size=len(key)))
    once = "".join(f"%{ord(char):02x}" if number in which else char for number, char in enumerate(key))
    assert OURS.key(f"https://images.growbin.app/{once}") == key
    if which:
        assert OURS.key(f"https://images.growbin.app/{quote(once, safe='/')}") is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        KEY,
        f"/{KEY}",
        f"//images.growbin.app/{KEY}",
        f"ftp://images.growbin.app/{KEY}",
        f"javascript://images.growbin.app/{KEY}",
        f"https://evil.example/{KEY}",
        f"https://images.growbin.app.evil.example/{KEY}",
        f"https://evilimages.growbin.app/{KEY}",
        f"https://evil.example/https://images.growbin.app/{KEY}",
        f"https://evil.example#@images.growbin.app/{KEY}",
        f"https://user@images.growbin.app/{KEY}",
        f"https://images.growbin.app@evil.example/{KEY}",
        f"https://images.growbin.app:8443/{KEY}",
        f"https://images.growbin.app:x/{KEY}",
        f"http://images.growbin.app:443/{KEY}",
        f"https://images.growbin.app../{KEY}",
        f"https://[::1/{KEY}",
        f"https:\\\\images.growbin.app\\{KEY}",
        f"https://images.growbin.app\\@evil.example/{KEY}",
        f"https://ima\nges.growbin.app/{KEY}",
        f" https://images.growbin.app/{KEY}",
        f"https://images.growbin.app/{KEY} ",
        f"https://images.growbin.app//{KEY}",
        f"https://images.growbin.app/./{KEY}",
        f"https://images.growbin.app/x/../{KEY}",
        f"https://images.growbin.app/{KEY}/",
        f"https://images.growbin.app/{KEY.upper()}",
        f"https://images.growbin.app/{KEY}%00",
        f"https://images.growbin.app/{KEY}%ff",
        f"https://images.growbin.app/{KEY}%",
        "https://images.growbin.app/raw/0123456789abcdef0123456789abcdef",
        f"https://images.growbin.app/?url={KEY}",
        f"https://{BUCKET}/{KEY}",
        f"https://s3.{REGION}.amazonaws.com/{KEY}",
        f"https://s3.{REGION}.amazonaws.com/other/{KEY}",
        f"https://s3.{REGION}.amazonaws.com/{BUCKET}x/{KEY}",
        f"https://other.s3.{REGION}.amazonaws.com/{KEY}",
        f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{KEY}",
        f"https://{BUCKET}.s3.{REGION}.amazonaws.com.evil.example/{KEY}",
        f"https://{BUCKET}.s3-website.{REGION}.amazonaws.com/{KEY}",
        f"https://images.growbin.app/{KEY}?{'x' * 2048}",
        f"https://images.growbin.аpp/{KEY}",  # a Cyrillic letter
    ],
)
def test_what_is_foreign_or_odd_is_none(url: str) -> None:
    assert OURS.key(url) is None


@given(url=st.one_of(st.text(), st.text(TEXT), st.text(TEXT).map(lambda text: f"https://images.growbin.app/{text}")))
def test_whatever_is_asked_the_answer_is_an_image_or_none(url: str) -> None:
    key = OURS.key(url)
    assert key is None or (is_image_key(key) and key in url)


@given(key=keys)
def test_an_endpoint_of_ones_own_is_in_place_of_aws(key: str) -> None:
    ours = Addresses(
        cdn_base_url="http://127.0.0.1:9000/cdn/", bucket=BUCKET, region=REGION, endpoint_url="http://s3.local:9001"
    )
    assert ours.key(ours.url(key)) == key
    assert ours.key(f"http://127.0.0.1:9000/cdn/{key}?x") == key
    assert ours.key(f"http://127.0.0.1:9000/{key}") is None
    assert ours.key(f"http://s3.local:9001/{BUCKET}/{key}") == key
    assert ours.key(f"http://{BUCKET}.s3.local:9001/{key}") == key
    assert ours.key(f"http://s3.local/{BUCKET}/{key}") is None
    assert ours.key(f"https://{BUCKET}.s3.{REGION}.amazonaws.com/{key}") is None


def test_an_endpoint_may_be_an_ipv6_address() -> None:
    ours = Addresses(cdn_base_url="https://c", bucket="bkt", region="r", endpoint_url="http://[::1]:9000")
    assert ours.key(f"http://[::1]:9000/bkt/{KEY}") == KEY
