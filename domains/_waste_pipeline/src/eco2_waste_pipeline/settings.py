"""What the pipeline reads from the environment; a service adds it to its own settings as a second base class."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from eco2_waste_pipeline.prices import Price

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]


class PipelineSettings(BaseSettings):
    """The environment of the pipeline. Names are those of the contract, in capitals.

    Args:
        openai_api_key: without it every run ends with NotConfigured.
        openai_base_url: of OpenAI's API, or of a server that is compatible with it.
        openai_model_vision: looks at pictures.
        openai_model_text: classifies questions and writes answers.
        openai_timeout_seconds: for one request to OpenAI, within the time of the run.
        openai_attempts: for one request: how often it is sent at most.
        openai_prices: US dollars for a million tokens, by model, beside and before the built-in table:
            ``{"my-model": {"input": 1.25, "output": 10, "cached_input": 0.125}}``.
        azure_vision_endpoint: such as ``https://<name>.cognitiveservices.azure.com``; empty: no step before OpenAI's.
        pipeline_timeout_seconds: for a whole run, all stages, attempts and pauses.
        pipeline_cache_seconds: how long it is kept what is in a picture; 0: not at all.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True)

    openai_api_key: SecretStr | None = None
    openai_base_url: str = "https://api.openai.com/v1"
    openai_model_vision: ModelName = "gpt-5.1"
    openai_model_text: ModelName = "gpt-5.1"
    openai_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    openai_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    openai_prices: dict[ModelName, Price] = {}
    azure_vision_endpoint: str | None = None
    azure_vision_key: SecretStr | None = None
    pipeline_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 45.0
    pipeline_cache_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 86_400

    @field_validator("openai_base_url", "azure_vision_endpoint")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
                raise ValueError("must be https://host[:port][/path]")
        return value

    @field_validator("openai_api_key", "azure_vision_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
            raise ValueError("must be visible ASCII: no line break at the end")
        return value

    @model_validator(mode="after")
    def _azure_is_whole(self) -> Self:
        if (self.azure_vision_endpoint is None) != (self.azure_vision_key is None):
            raise ValueError("AZURE_VISION_ENDPOINT and AZURE_VISION_KEY: both or none")
        return self
