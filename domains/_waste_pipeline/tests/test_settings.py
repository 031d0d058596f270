"""What the environment says."""

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from eco2_waste_pipeline.prices import Price
from eco2_waste_pipeline.settings import PipelineSettings


def test_names_are_those_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "sk-1",
        "OPENAI_BASE_URL": "http://models.local:8080/v1",
        "OPENAI_MODEL_VISION": "gpt-4o",
        "OPENAI_MODEL_TEXT": "gpt-5-mini",
        "OPENAI_TIMEOUT_SECONDS": "7",
        "OPENAI_ATTEMPTS": "2",
        "OPENAI_PRICES": '{"own-model": {"input": 1, "output": 2}}',
        "AZURE_VISION_ENDPOINT": "https://x.cognitiveservices.azure.com",
        "AZURE_VISION_KEY": "k",
        "PIPELINE_TIMEOUT_SECONDS": "20",
        "PIPELINE_CACHE_SECONDS": "0",
    }.items():
        monkeypatch.setenv(name, value)
    settings = PipelineSettings()
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-1"
    assert settings.openai_base_url == "http://models.local:8080/v1"
    assert (settings.openai_model_vision, settings.openai_model_text) == ("gpt-4o", "gpt-5-mini")
    assert (settings.openai_timeout_seconds, settings.openai_attempts) == (7, 2)
    assert settings.openai_prices == {"own-model": Price(input=1, output=2)}
    assert settings.azure_vision_endpoint == "https://x.cognitiveservices.azure.com"
    assert (settings.pipeline_timeout_seconds, settings.pipeline_cache_seconds) == (20, 0)


def test_nothing_has_to_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    settings = PipelineSettings()
    assert settings.openai_api_key is None
    assert settings.openai_model_vision == settings.openai_model_text == "gpt-5.1"


def test_it_is_a_second_base_class() -> None:
    class Kit(BaseSettings):
        model_config = SettingsConfigDict(extra="ignore", frozen=True)

        log_level: str = "info"

    class Settings(Kit, PipelineSettings):
        pass

    settings = Settings(openai_attempts=1)
    assert (settings.log_level, settings.openai_attempts) == ("info", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"openai_base_url": "openai.com"},
        {"openai_base_url": "ftp://openai.com/v1"},
        {"openai_base_url": "https://user:password@openai.com/v1"},
        {"openai_base_url": "https:///v1"},
        {"openai_api_key": "sk-1\n"},
        {"openai_api_key": "열쇠"},
        {"openai_model_text": "two words"},
        {"openai_attempts": 0},
        {"openai_prices": {"m": {"input": -1, "output": 1}}},
        {"openai_prices": {"m": {"input": 1}}},
        {"azure_vision_endpoint": "https://x.test"},
        {"azure_vision_key": "k"},
        {"pipeline_timeout_seconds": 0},
    ],
    ids=lambda wrong: "-".join(f"{name}={value!r}" for name, value in wrong.items()),
)
def test_what_is_wrong_is_refused_without_showing_it(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as raised:
        PipelineSettings(**wrong)  # type: ignore[arg-type]
    assert "sk-1" not in str(raised.value.errors(include_input=False))
