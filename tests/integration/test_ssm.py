"""Parameters read from the real moto server through boto3: what is found, what is missing, and what goes wrong."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.ssm import REGION, Fault, Moto, moto

from eco2_operator.errors import (
    AccessDenied,
    CredentialsRefused,
    ParameterMissing,
    ParameterStoreUnavailable,
    ParameterUnusable,
    RegionUnknown,
    SecretError,
)
from eco2_operator.model.secret import SecretKey
from eco2_operator.parameters.ssm import ATTEMPTS, RELOGIN_SECONDS, Ssm
from eco2_operator.parameters.store import Parameter
from eco2_operator.secret_values import resolve

KEY = "/eco2/dev/scan/openai-api-key"
SECRET = "sk-the-value-nobody-may-see"


@pytest.fixture(scope="module")
def server() -> Iterator[Moto]:
    with moto() as running:
        yield running


@pytest.fixture(autouse=True)
def environment(server: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only the server's variables, and no files: nothing of the machine's own AWS configuration."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server.reset()


@pytest.fixture
async def store() -> AsyncIterator[Ssm]:
    made = Ssm()
    yield made
    await made.close()


def value(answer: Parameter | SecretError) -> str:
    assert isinstance(answer, Parameter), answer
    return answer.value


# -- what is found -----------------------------------------------------------------------------------------------


async def test_a_secure_string_is_decrypted_and_a_string_is_read_as_it_is(server: Moto, store: Ssm) -> None:
    server.put(KEY, SECRET)
    server.put("/eco2/dev/scan/plain", "값", secure=False)
    found = await store.read([KEY, "/eco2/dev/scan/plain"])
    assert {name: value(answer) for name, answer in found.items()} == {KEY: SECRET, "/eco2/dev/scan/plain": "값"}


async def test_each_change_is_a_new_version(server: Moto, store: Ssm) -> None:
    for version in (1, 2):
        server.put(KEY, f"{SECRET}{version}")
        assert await store.read([KEY]) == {KEY: Parameter(KEY, f"{SECRET}{version}", version)}


async def test_properties_of_one_json_parameter_take_one_read(server: Moto, store: Ssm) -> None:
    server.put("/eco2/dev/data/postgres", '{"user": "eco2", "password": "p", "pool": {"size": 5}, "a.b": 1.10}')
    keys = [
        SecretKey(name=name.upper(), parameter="/eco2/dev/data/postgres", property=path)
        for name, path in {"user": "user", "password": "password", "size": "pool.size", "ab": "a.b"}.items()
    ]
    values = resolve(keys, await store.read([key.parameter for key in keys]), last={})
    assert values.data == {"USER": b"eco2", "PASSWORD": b"p", "SIZE": b"5", "AB": b"1.10"}
    assert [request.names for request in server.requests] == [["/eco2/dev/data/postgres"]]


async def test_more_than_ten_parameters_are_read_in_batches_of_ten(server: Moto, store: Ssm) -> None:
    names = [f"/eco2/dev/scan/{number}" for number in range(23)]
    for name in names:
        server.put(name, name.upper())
    found = await store.read(names)
    assert list(found) == names
    assert {name: value(answer) for name, answer in found.items()} == {name: name.upper() for name in names}
    assert sorted(len(request.names) for request in server.requests) == [3, 10, 10]


async def test_the_largest_parameter_arrives_whole(server: Moto, store: Ssm) -> None:
    server.put(KEY, "x" * 8192)
    assert len(value((await store.read([KEY]))[KEY])) == 8192


async def test_nothing_is_asked_for_no_parameters(server: Moto, store: Ssm) -> None:
    assert await store.read([]) == {}
    assert server.requests == []


# -- what is missing ---------------------------------------------------------------------------------------------


async def test_a_missing_parameter_does_not_hide_the_others(server: Moto, store: Ssm) -> None:
    server.put(KEY, SECRET)
    found = await store.read([KEY, "/eco2/dev/scan/none"])
    assert value(found[KEY]) == SECRET
    assert isinstance(found["/eco2/dev/scan/none"], ParameterMissing)
    assert str(found["/eco2/dev/scan/none"]) == (
        f"SSM in {REGION} has no parameter /eco2/dev/scan/none: create it, or correct spec.keys"
    )


async def test_a_parameter_deleted_later_keeps_its_last_value_until_it_is_there_again(server: Moto, store: Ssm) -> None:
    key = SecretKey(name="KEY", parameter=KEY)
    server.put(KEY, SECRET)
    before = resolve([key], await store.read([KEY]), last={})
    server.delete(KEY)
    without = resolve([key], await store.read([KEY]), last=before.data)
    assert without.data == {"KEY": SECRET.encode()}
    assert isinstance(without.errors["KEY"], ParameterMissing)
    server.put(KEY, "new")
    again = resolve([key], await store.read([KEY]), last=without.data)
    assert (again.data, again.errors) == ({"KEY": b"new"}, {})


async def test_a_region_has_its_own_parameters(server: Moto, store: Ssm) -> None:
    server.put(KEY, SECRET)
    server.put(KEY, "elsewhere", region="us-east-1")
    assert value((await store.read([KEY]))[KEY]) == SECRET
    assert value((await store.read([KEY], region="us-east-1"))[KEY]) == "elsewhere"
    missing = (await store.read([KEY], region="eu-west-1"))[KEY]
    assert isinstance(missing, ParameterMissing)
    assert "SSM in eu-west-1" in str(missing)
    assert [request.region for request in server.requests] == [REGION, "us-east-1", "eu-west-1"]


async def test_the_operators_region_is_asked_unless_the_binding_names_one(server: Moto) -> None:
    store = Ssm(region="us-west-2")
    await store.read([KEY])
    await store.read([KEY], region="eu-west-1")
    await store.close()
    assert [request.region for request in server.requests] == ["us-west-2", "eu-west-1"]


# -- what goes wrong ---------------------------------------------------------------------------------------------


async def test_throttling_is_waited_out(server: Moto, store: Ssm) -> None:
    server.put(KEY, SECRET)
    with server.failing(Fault("ThrottlingException", "Rate exceeded", times=2)):
        assert value((await store.read([KEY]))[KEY]) == SECRET
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "fault", [Fault("ThrottlingException", "Rate exceeded"), Fault("InternalServerError", "", 500)]
)
async def test_throttling_without_end_is_given_up_after_a_few_attempts(server: Moto, store: Ssm, fault: Fault) -> None:
    with server.failing(fault):
        answer = (await store.read([KEY]))[KEY]
    assert isinstance(answer, ParameterStoreUnavailable)
    assert fault.code in str(answer)
    assert len(server.requests) == ATTEMPTS


async def test_what_the_role_may_not_read_does_not_hide_what_it_may(server: Moto, store: Ssm) -> None:
    server.put(KEY, SECRET)
    denied = "/eco2/prod/scan/key"
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/eco2/1 is not authorized to perform: ssm:GetParameters"
        " (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; Request ID: 1a2b-3c; Proxy: null)"
    )
    with server.failing(Fault("AccessDeniedException", message, about=lambda names: denied in names)):
        first, second = [await store.read([KEY, denied]) for _ in range(2)]
    assert value(first[KEY]) == SECRET
    assert isinstance(first[denied], AccessDenied)
    assert denied in str(first[denied])
    assert "assumed-role/eco2/1 is not authorized" in str(first[denied])
    assert "1a2b" not in str(first[denied])
    assert str(first[denied]) == str(second[denied])


async def test_a_name_that_ssm_refuses_is_told_apart(server: Moto, store: Ssm) -> None:
    server.put(KEY, SECRET)
    fault = Fault("ValidationException", "must not begin with aws", about=lambda names: "/aws/x" in names)
    with server.failing(fault):
        found = await store.read(["/aws/x", KEY])
    assert isinstance(found["/aws/x"], ParameterUnusable)
    assert value(found[KEY]) == SECRET


async def test_no_credentials(store: Ssm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    answer = (await store.read([KEY]))[KEY]
    assert isinstance(answer, CredentialsRefused)
    assert "Unable to locate credentials" in str(answer)


async def test_expired_credentials_are_looked_up_again_after_a_while(server: Moto, tmp_path: Path) -> None:
    server.put(KEY, SECRET)
    now = [1000.0]
    store = Ssm(clock=lambda: now[0])
    with server.failing(Fault("ExpiredTokenException", "The security token included in the request is expired")):
        for _ in range(2):
            answer = (await store.read([KEY]))[KEY]
            assert isinstance(answer, CredentialsRefused)
            assert "ExpiredTokenException" in str(answer)
        first = store._session
        now[0] += RELOGIN_SECONDS
        await store.read([KEY])
    assert value((await store.read([KEY]))[KEY]) == SECRET
    assert store._session is not first
    await store.close()


async def test_a_role_of_the_service_account_is_assumed_and_its_failure_told(
    store: Ssm, server: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    token = tmp_path / "token"
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/eco2")
    answer = (await store.read([KEY]))[KEY]
    assert isinstance(answer, CredentialsRefused)
    assert str(token) in str(answer)
    token.write_text("a.b.c")
    server.put(KEY, SECRET)
    assert value((await store.read([KEY]))[KEY]) == SECRET


async def test_no_region(store: Ssm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    answer = (await store.read([KEY]))[KEY]
    assert isinstance(answer, RegionUnknown)
    assert str(answer) == "You must specify a region. Set spec.region, or the operator's AWS region"


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("region", "error", "told"),
    [
        (REGION, ParameterStoreUnavailable, "Could not connect"),
        ("xx-nowhere-1", RegionUnknown, "boto3 knows no region"),
    ],
)
async def test_nobody_answers(
    store: Ssm,
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
    region: str,
    error: type[SecretError],
    told: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed_port}")
    answer = (await store.read([KEY], region=region))[KEY]
    assert isinstance(answer, error)
    assert told in str(answer)
    assert region in str(answer)


async def test_a_silent_endpoint_costs_a_bounded_time_and_never_the_event_loop(server: Moto) -> None:
    store = Ssm(timeout=2)
    silence = Fault("InternalServerError", silent=threading.Event())
    with server.failing(silence):
        started = time.monotonic()
        read = asyncio.create_task(store.read([KEY]))
        longest, turns, before = 0.0, 0, started
        while not read.done():
            await asyncio.wait([read], timeout=0.01)
            longest, turns, before = max(longest, time.monotonic() - before), turns + 1, time.monotonic()
        answer = (await read)[KEY]
        assert time.monotonic() - started < 10
    assert isinstance(answer, ParameterStoreUnavailable)
    assert str(answer) == "no answer from SSM in the default region within 2 s: it is asked again by itself"
    assert turns > 20
    assert longest < 1.5
    await store.close()


async def test_a_dead_connection_is_no_secret(server: Moto, store: Ssm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that answers with something else: what it says is not repeated."""
    with server.failing(Fault(SECRET, SECRET, status=200)):
        answer = (await store.read([KEY]))[KEY]
    assert isinstance(answer, ParameterStoreUnavailable)
    assert SECRET not in str(answer)


# -- what nobody sees, and what nobody pays ------------------------------------------------------------------------


async def test_no_value_is_logged_at_any_level_nor_shown(
    server: Moto, store: Ssm, caplog: pytest.LogCaptureFixture
) -> None:
    server.put(KEY, SECRET)
    with caplog.at_level(logging.DEBUG):
        answer = (await store.read([KEY]))[KEY]
    assert value(answer) == SECRET
    assert SECRET not in repr(answer)
    assert SECRET not in caplog.text


def test_boto3_is_loaded_with_the_first_read_and_not_before(server: Moto) -> None:
    program = (
        "import asyncio, sys\n"
        "from eco2_operator.parameters.ssm import Ssm\n"
        "loaded = lambda: {'boto3', 'botocore'} & sys.modules.keys()\n"
        "store = Ssm()\n"
        "assert not loaded(), loaded()\n"
        "print(asyncio.run(store.read(['/a'])))\n"
        "assert loaded()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "ParameterMissing" in done.stdout


async def test_one_client_serves_a_region(server: Moto, store: Ssm) -> None:
    await asyncio.gather(*(store.read([KEY], region=region) for region in ("eu-west-1", "us-east-1") * 4))
    assert sorted(str(region) for region in store._clients) == ["eu-west-1", "us-east-1"]
    assert len(server.requests) == 8
