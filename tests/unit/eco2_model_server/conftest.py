"""The real clients of both APIs, against the server."""

from collections.abc import Iterator

import openai
import pytest
from azure.ai.vision.imageanalysis import ImageAnalysisClient
from azure.core.credentials import AzureKeyCredential
from support.model_server import model_process, model_server

from eco2_model_server.testing import API_KEY, RunningModelServer

__all__ = ["azure", "model_process", "model_server", "openai_client"]


@pytest.fixture
def openai_client(model_server: RunningModelServer) -> Iterator[openai.OpenAI]:
    """It tries once."""
    with openai.OpenAI(base_url=model_server.base_url, api_key=API_KEY, max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
def azure(model_server: RunningModelServer) -> Iterator[ImageAnalysisClient]:
    """It tries once."""
    with ImageAnalysisClient(model_server.azure_endpoint, AzureKeyCredential(API_KEY), retry_total=0) as client:
        yield client
