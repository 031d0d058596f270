"""The environment of the service."""

import pytest
from pydantic import ValidationError

from eco2_my.settings import Settings

DATABASE = "postgresql://my:secret@postgres:5432/eco2"


def test_the_other_domains_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", DATABASE)
    monkeypatch.setenv("AUTH_URL", "http://auth.auth.svc.cluster.local")
    monkeypatch.setenv("CHAT_URL", "")
    urls = Settings().domain_urls  # type: ignore[call-arg]
    assert list(urls) == ["auth", "character", "chat", "scan", "image"]
    assert urls["auth"] == "http://auth.auth.svc.cluster.local"
    assert urls["chat"] is None


@pytest.mark.parametrize("url", ["auth", "ftp://auth", "http://", "http://auth?x=1", "http://auth#x"])
def test_what_is_no_address(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", DATABASE)
    monkeypatch.setenv("AUTH_URL", url)
    with pytest.raises(ValidationError, match="auth_url"):
        Settings()  # type: ignore[call-arg]
