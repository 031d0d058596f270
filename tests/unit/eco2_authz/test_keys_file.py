"""Keys from a file that is edited, broken, removed and replaced."""

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.aio import becomes
from tests.unit.eco2_authz.tokens import PUBLIC_KEYS, SECRET, document, rsa_jwk, rsa_key

from eco2_authz.keys.file import FileKeys
from eco2_authz.keys.keyset import KeySet
from eco2_authz.keys.source import FixedKeys, KeySource

Names = list[str]


def written(*names: str) -> bytes:
    return document(*(rsa_jwk(rsa_key(name), name) for name in names))


def replace(path: Path, text: bytes) -> None:
    """As a mounted ConfigMap does: another file takes the name."""
    path.with_suffix(".new").write_bytes(text)
    path.with_suffix(".new").replace(path)


def rewrite(path: Path, text: bytes) -> None:
    """As an editor does."""
    path.write_bytes(text)


def remove(path: Path) -> None:
    path.unlink()


class Watched:
    """A source under test, its clock, and the sets it told of."""

    def __init__(self, path: Path, poll_seconds: float) -> None:
        self.now = 1000.0
        self.told: list[Names] = []
        self.source = FileKeys(path, PUBLIC_KEYS, poll_seconds=poll_seconds, clock=lambda: self.now)
        self.source.on_change.append(lambda keys: self.told.append(sorted(key.kid or "" for key in keys.keys)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(written("r1"))
    return path


@pytest.fixture
async def polling(path: Path) -> AsyncIterator[Watched]:
    watched = Watched(path, 0.002)
    await watched.source.start()
    yield watched
    await watched.source.stop()


@pytest.fixture
async def asked(path: Path) -> AsyncIterator[Watched]:
    watched = Watched(path, 3600)
    await watched.source.start()
    yield watched
    await watched.source.stop()


async def test_the_keys_are_there_after_the_start(asked: Watched) -> None:
    source: KeySource = asked.source
    assert asked.told == [["r1"]]
    assert source.current is not None
    assert source.current.generation == 1
    assert source.age == 0


async def test_a_change_is_seen(polling: Watched, path: Path) -> None:
    replace(path, written("r1", "r2"))
    await becomes(lambda: polling.told == [["r1"], ["r1", "r2"]])
    rewrite(path, written("r2"))
    await becomes(lambda: polling.told[2:] == [["r2"]])


async def test_a_file_that_is_only_touched_is_no_change(asked: Watched, path: Path) -> None:
    os.utime(path, (1, 1))
    asked.now += 1
    await asked.source.refetch("r2")
    assert asked.told == [["r1"]]


async def test_a_file_that_stays_as_it_is_confirms_its_keys(asked: Watched) -> None:
    asked.now += 60
    assert asked.source.age == 60
    await asked.source.refetch("r2")
    assert asked.source.age == 0


@pytest.mark.parametrize("text", [b"", b"{", written("r2")[:-3], b'{"keys":[]}', written("r2") + b" " * 262_144])
async def test_a_bad_file_leaves_the_last_good_keys_and_is_logged_once(
    polling: Watched, path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        replace(path, text)
        await becomes(lambda: caplog.records)
        seen = polling.source._next_look
        polling.now += 5
        await becomes(lambda: polling.source._next_look > seen)
        polling.now += 5
        await becomes(lambda: polling.source.age == 10)
    assert [record.message for record in caplog.records] == ["keys not read"]
    assert vars(caplog.records[0])["file"] == str(path)
    assert polling.told == [["r1"]]
    replace(path, written("r2"))
    await becomes(lambda: polling.told == [["r1"], ["r2"]])


async def test_a_file_that_is_removed_leaves_its_keys_and_may_come_back(
    polling: Watched, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remove(path)
    await becomes(lambda: caplog.records)
    assert vars(caplog.records[-1])["error"] == "the file cannot be read: No such file or directory"
    assert polling.source.current is not None
    rewrite(path, written("r3"))
    await becomes(lambda: polling.told == [["r1"], ["r3"]])


async def test_a_file_may_appear_later(tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    watched = Watched(path, 0.002)
    await watched.source.start()
    assert (watched.source.current, watched.source.age) == (None, None)
    replace(path, written("r1"))
    await becomes(lambda: watched.source.current)
    await watched.source.stop()


async def test_a_token_with_an_unknown_key_makes_it_look_once_in_a_while(asked: Watched, path: Path) -> None:
    replace(path, written("r1", "r2"))
    await asked.source.refetch("r2")
    assert asked.told == [["r1"]]
    asked.now += 1
    await asked.source.refetch("r2")
    assert asked.told == [["r1"], ["r1", "r2"]]


async def test_a_callback_that_fails_keeps_nobody_else_from_hearing(
    asked: Watched, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: KeySet) -> None:
        raise RuntimeError("a fault of ours")

    asked.source.on_change.insert(0, fail)
    replace(path, written("r2"))
    asked.now += 1
    await asked.source.refetch("r2")
    assert asked.told == [["r1"], ["r2"]]
    assert caplog.messages == ["not everybody heard of other keys"]


async def test_a_fault_of_ours_does_not_end_the_looking(
    polling: Watched, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("eco2_authz.keys.file.parse_jwks", lambda *_: 1 / 0)
        replace(path, written("r2"))
        await becomes(lambda: "reading keys went wrong" in caplog.messages)
    replace(path, written("r3"))
    await becomes(lambda: polling.told == [["r1"], ["r3"]])


async def test_stopped_before_it_was_started(path: Path) -> None:
    await FileKeys(path, PUBLIC_KEYS).stop()


async def test_a_shared_secret_never_changes() -> None:
    source: KeySource = FixedKeys(KeySet.of_secret(SECRET))
    await source.start()
    await source.refetch("any")
    assert source.current is not None
    assert source.current.find(None, "HS256") is not None
    assert (source.age, source.on_change) == (0, [])
    await source.stop()
