"""What every service has: probes, metrics, documentation, settings; and the program."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner
from support.services import identity, serve, service_token

from eco2_image.__main__ import main
from eco2_image.application import create_app
from eco2_image.settings import Settings
from eco2_service.settings import explain

PREFIX = "/api/v1/images"
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
ENVIRONMENT = {"DATABASE_URL": NOWHERE, "S3_BUCKET": "eco2-dev-images", "CDN_BASE_URL": "https://images.example.org"}
OPERATIONS = {
    ("post", f"{PREFIX}/uploads"): {"201", "400", "401", "403", "409", "410", "413", "422", "429", "503"},
    ("get", f"{PREFIX}/uploads"): {"200", "401", "404", "422", "503"},
    ("get", f"{PREFIX}/uploads/{{upload_id}}"): {"200", "401", "404", "422", "503"},
    ("delete", f"{PREFIX}/uploads/{{upload_id}}"): {"204", "401", "403", "404", "422", "503"},
    ("post", f"{PREFIX}/uploads/{{upload_id}}/complete"): {"200", "202", "401", "403", "404", "409", "422", "503"},
    ("get", "/api/v1/internal/images"): {"200", "401", "404", "422", "503"},
    ("get", "/api/v1/internal/images/{image_id}"): {"200", "401", "404", "409", "422", "503"},
    ("get", "/api/v1/internal/images/{image_id}/content"): {"200", "304", "401", "404", "409", "422", "503"},
    ("delete", "/api/v1/internal/users/{user_id}"): {"204", "401", "403", "422", "503"},
}


async def test_it_lives_is_ready_and_counts(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ok", "checks": {"postgres": "ok"}}
    assert 'eco2_service_info{name="image",' in (await client.get("/metrics/status")).text


async def test_its_documentation_is_below_its_prefix(client: httpx2.AsyncClient) -> None:
    assert f"{PREFIX}/openapi.json" in (await client.get(f"{PREFIX}/docs")).text


def test_the_schema_names_every_operation_and_all_its_answers() -> None:
    result = CliRunner(env=ENVIRONMENT).invoke(main, ["openapi"])
    assert result.exit_code == 0, result.output
    paths = json.loads(result.stdout)["paths"]
    found = {(method, path): set(said["responses"]) for path, item in paths.items() for method, said in item.items()}
    assert found == OPERATIONS


async def test_without_its_database_it_says_so(settings: Callable[..., Settings]) -> None:
    headers = identity("user-1") | service_token()
    async with serve(create_app(settings(database_url=NOWHERE)), headers=headers) as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/ready")).status_code == 503
        answers = [
            await client.post(f"{PREFIX}/uploads", json={"content_type": "image/png", "size": 1}),
            await client.get(f"{PREFIX}/uploads"),
            await client.delete("/api/v1/internal/users/user-1"),
        ]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/database-unavailable"


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://s3.local:9000", "IMAGE_UPLOADS_PER_DAY": "7"}
    for name, value in (ENVIRONMENT | names).items():
        monkeypatch.setenv(name, value)
    found = Settings()
    assert (found.s3_bucket, found.aws_region) == ("eco2-dev-images", "eu-west-1")
    assert (found.aws_endpoint_url, found.cdn_base_url) == ("http://s3.local:9000", "https://images.example.org")
    assert found.image_uploads_per_day == 7
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert Settings().aws_region == "us-west-2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("S3_BUCKET", "Not_A_Bucket"),
        ("CDN_BASE_URL", "images.example.org"),
        ("CDN_BASE_URL", "https://user:secret@images.example.org"),
        ("CDN_BASE_URL", "https://images.example.org/?x"),
        ("AWS_ENDPOINT_URL", "s3://bucket"),
        ("IMAGE_BYTES_PER_USER", "1000"),
        ("IMAGE_UPLOAD_SECONDS", "604800"),
    ],
    ids=lambda value: value[:40],
)
def test_a_setting_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for known, good in ENVIRONMENT.items():
        monkeypatch.setenv(known, good)
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r".") as caught:
        Settings()
    error: Any = caught.value
    assert explain(error).startswith(f"{name}: ")
    assert "secret" not in explain(error)


def test_a_worker_needs_a_broker() -> None:
    result = CliRunner(env=ENVIRONMENT).invoke(main, ["worker"])
    assert result.exit_code == 2
    assert "CELERY_BROKER_URL" in result.output
