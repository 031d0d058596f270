from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import time
from pathlib import Path

import pytest

from eco2_testcluster.errors import BinaryError
from eco2_testcluster.releases import Releases, parse_checksum
from eco2_testcluster.tools import APISERVER, ETCD, KRO, KWOK, Release, Tool

PROGRAM = b"\x7fELF program"
DIGEST = hashlib.sha256(PROGRAM).hexdigest()
PLAIN = Tool(
    name="plain",
    version="v1",
    module="etcd",
    package="p",
    build_seconds=1,
    release=Release(
        "https://a.test/{version}/plain", "https://a.test/{version}/plain.sha256", systems=("linux", "darwin")
    ),
)


class Site:
    """Serves files by the end of their URL, and remembers what was asked for."""

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("__", "."): content for name, content in files.items()}
        self.asked: list[str] = []

    def __call__(self, url: str, path: Path, seconds: float) -> None:
        self.asked.append(url)
        name = url.rpartition("/")[2]
        if name not in self.files:
            raise OSError("no such file")
        path.write_bytes(self.files[name])


def test_a_download_is_checked_and_executable(tmp_path: Path) -> None:
    site = Site(plain=PROGRAM, plain__sha256=f"{DIGEST}\n".encode())
    releases = Releases(site)
    digests = releases.checksums([PLAIN])
    path = releases.download(PLAIN, digest=digests["plain"], into=tmp_path / "bin")
    assert path.read_bytes() == PROGRAM
    assert path.stat().st_mode & 0o111


def test_a_download_with_another_digest_is_not_used(tmp_path: Path) -> None:
    releases = Releases(Site(plain=b"something else"))
    with pytest.raises(BinaryError, match="the download is not used"):
        releases.download(PLAIN, digest=DIGEST, into=tmp_path / "bin")
    assert not (tmp_path / "bin" / "plain").exists()


def test_a_program_is_taken_out_of_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eco2_testcluster.releases.goos", lambda: "linux")
    monkeypatch.setattr("eco2_testcluster.releases.goarch", lambda: "amd64")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        member = tarfile.TarInfo("etcd-v3.6.8-linux-amd64/etcd")
        member.size = len(PROGRAM)
        tar.addfile(member, io.BytesIO(PROGRAM))
    archive = content.getvalue()
    name = "etcd-v3.6.8-linux-amd64.tar.gz"
    digest = hashlib.sha256(archive).hexdigest()
    site = Site(SHA256SUMS=f"{'0' * 64}  other.tar.gz\n{digest}  {name}\n".encode())
    site.files[name] = archive
    releases = Releases(site)
    assert releases.checksums([ETCD]) == {"etcd": digest}
    assert releases.download(ETCD, digest=digest, into=tmp_path / "bin").read_bytes() == PROGRAM


def test_a_host_that_does_not_answer_is_asked_once() -> None:
    site = Site()
    releases = Releases(site)
    assert releases.checksums([PLAIN]) == {}
    assert releases.checksums([PLAIN]) == {}
    assert len(site.asked) == 1


def test_a_host_that_hangs_costs_the_time_limit_once() -> None:
    release = threading.Event()

    def hang(url: str, path: Path, seconds: float) -> None:
        release.wait(30)
        raise OSError

    started = time.monotonic()
    releases = Releases(hang, seconds=0.1)
    assert releases.checksums([PLAIN]) == {}
    assert releases.checksums([PLAIN]) == {}
    assert time.monotonic() - started < 5
    release.set()


def test_what_has_no_release_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eco2_testcluster.releases.goos", lambda: "darwin")
    site = Site()
    assert Releases(site).checksums([KRO, APISERVER]) == {}
    assert site.asked == []


def test_a_release_description_names_the_digests() -> None:
    text = json.dumps(
        {"assets": [{"name": "a", "digest": None}, {"name": "kwok-linux-amd64", "digest": f"sha256:{DIGEST}"}]}
    )
    assert parse_checksum(text, name="kwok-linux-amd64") == DIGEST
    assert parse_checksum(text, name="a") is None
    assert KWOK.release is not None


@pytest.mark.parametrize("text", ["", "<html>not found</html>", "{", "abc  plain", f"{DIGEST}  other"])
def test_anything_else_is_no_checksum(text: str) -> None:
    assert parse_checksum(text, name="plain") is None
