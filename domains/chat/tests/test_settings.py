"""The environment."""

import pytest
from pydantic import ValidationError

from eco2_chat.settings import Settings

URL = "postgresql://nobody@127.0.0.1:1/none"


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "DATABASE_URL": URL,
        "IMAGE_URL": "http://image.image.svc.cluster.local",
        "CDN_BASE_URL": "https://images.growbin.app",
        "CHAT_PHOTOS": "3",
        "CHAT_MESSAGES_PER_DAY": "7",
        "CHAT_HISTORY_KEPT": "8",
        "CHAT_WORKERS": "9",
        "CHAT_WAITING": "0",
        "OPENAI_API_KEY": "sk-secret",
        "OPENAI_MODEL_TEXT": "gpt-5-mini",
        "METRICS_PORT": "9100",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.image_url, settings.cdn_base_url) == (values["IMAGE_URL"], values["CDN_BASE_URL"])
    assert settings.chat_photos == 3
    own = (settings.chat_messages_per_day, settings.chat_history_kept, settings.chat_workers, settings.chat_waiting)
    assert own == (7, 8, 9, 0)
    assert (settings.openai_model_text, settings.metrics_port) == ("gpt-5-mini", 9100)
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize("url", ["image", "ftp://image", "http://", "http://image?x=1", "http://image#x"])
def test_an_address_of_image_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("IMAGE_URL", url)
    with pytest.raises(ValidationError, match="http://host"):
        Settings()
