"""A real S3 server on a port of its own, and what a test may have go wrong with it.

versitygw (https://github.com/versity/versitygw) over a folder. It verifies signatures, presigned ones and those of POST
policies included, which moto does not. It is built from its Go module, once, into the user's cache.
"""

import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from eco2_testcluster.binaries import resolve_binaries
from support.redis import free_port
from support.waits import eventually

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION: Final = "ap-northeast-2"
BUCKET: Final = "eco2-test-images"
"""Made at the first start."""
START: Final = 'echo $$ > "$1/pid"; folder=$1; shift; exec "$@" posix --sidecar "$folder/attributes" "$folder/buckets"'
"""Writes its number down before it is the server: the guard knows it whatever happens."""
GUARD: Final = """
trap '' INT TERM HUP
read -r _
pid=$(cat "$1/pid" 2>/dev/null)
if [ -n "$pid" ] && ps -ww -p "$pid" -o args= | grep -qF "$1/buckets"; then kill -KILL "$pid"; fi
rm -rf "$1"
"""
"""Outlives the tests, notices their end by that of its input, and clears away what they could not."""


def client(url: str, access_key: str, secret_key: str) -> "S3Client":
    """A client of a server, with these credentials."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}),
    )


class S3:
    """One server with its folder. Its credentials are its own, and new each time; `client` has them."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.access_key = f"TEST{secrets.token_hex(8).upper()}"
        self.secret_key = secrets.token_urlsafe(30)
        self.client = client(self.url, self.access_key, self.secret_key)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its endpoint: `AWS_ENDPOINT_URL`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 finds the credentials, and looks for none elsewhere."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it with what its folder holds, wait until it answers, and make the bucket if there is none."""
        for name in ("attributes", "buckets"):
            (self.folder / name).mkdir(exist_ok=True)
        program = resolve_binaries(["versitygw"])["versitygw"]
        options = ["--port", f"127.0.0.1:{self.port}", "--region", REGION, "--quiet", "--keep-alive"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", START, "start", str(self.folder), str(program), *options],
                env={"ROOT_ACCESS_KEY_ID": self.access_key, "ROOT_SECRET_ACCESS_KEY": self.secret_key, "PATH": "/bin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._has_bucket)

    def _has_bucket(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            self.client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise
        except BotoCoreError:
            return False
        return True

    def stop(self) -> None:
        """Let it end in order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """End it at once. What was answered stays."""
        self.process.kill()
        self.process.wait(30)
        self._process = None

    def restart(self) -> None:
        """Kill it and start it again, with its data, on the same port."""
        self.kill()
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it say nothing at all; its connections stay."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys of all objects that begin so, sorted."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", ()))

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object without asking anybody."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType=content_type)

    def empty(self) -> None:
        """Delete all objects."""
        for key in self.keys():
            self.client.delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """See that the server and its folder go, whatever becomes of this process."""
    guard = subprocess.Popen(["sh", "-c", GUARD, "guard", str(folder)], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        guard.communicate()


@contextmanager
def running() -> Iterator[S3]:
    """Start one with an empty bucket; it ends with the block, and also when this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="eco2-s3-"))
    server = S3(folder)
    with _guarded(folder):
        try:
            server.start()
            yield server
        finally:
            try:
                server.stop()
            except subprocess.TimeoutExpired:
                server.kill()
            server.client.close()
            shutil.rmtree(folder, ignore_errors=True)
