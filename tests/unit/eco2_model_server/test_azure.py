"""Azure AI Vision, through its own client."""

import io
from typing import Any

import httpx2
import pytest
from azure.ai.vision.imageanalysis import ImageAnalysisClient
from azure.ai.vision.imageanalysis.models import VisualFeatures
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from PIL import Image

from eco2_model_server.pictures import picture
from eco2_model_server.testing import API_KEY, RunningModelServer

FEATURES = [VisualFeatures.CAPTION, VisualFeatures.TAGS, VisualFeatures.READ]
CONTENT = picture("can")


def test_a_picture_is_described(azure: ImageAnalysisClient, model_server: RunningModelServer) -> None:
    found = azure.analyze(CONTENT, visual_features=FEATURES)
    assert found.caption is not None
    assert found.tags is not None
    assert found.read is not None
    assert found.caption.text.startswith("a ")
    assert [tag.confidence for tag in found.tags.list] == [0.9, 0.8, 0.7]
    assert (found.metadata.width, found.metadata.height) == (256, 256)
    assert azure.analyze(CONTENT, visual_features=FEATURES) == found
    first, _ = model_server.requests("azure")
    assert (first.outcome, first.status, first.body["api-version"]) == ("answered", 200, "2023-10-01")
    assert API_KEY not in repr(first)


def test_only_what_was_asked_for_is_given(azure: ImageAnalysisClient) -> None:
    found = azure.analyze(CONTENT, visual_features=[VisualFeatures.TAGS])
    assert found.caption is None
    assert found.read is None


@pytest.mark.parametrize("key", ["invalid-key"])
def test_a_key_is_needed(model_server: RunningModelServer, key: str) -> None:
    with (
        ImageAnalysisClient(model_server.azure_endpoint, AzureKeyCredential(key), retry_total=0) as client,
        pytest.raises(ClientAuthenticationError, match="401"),
    ):
        client.analyze(CONTENT, visual_features=FEATURES)
    url = f"{model_server.url}/computervision/imageanalysis:analyze"
    assert httpx2.post(url, content=CONTENT, trust_env=False).status_code == 401


def sized(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (b"no image", {}, "InvalidImageFormat"),
        (sized(49, 60), {}, "InvalidImageSize"),
        (b"\0" * (20 * 1024 * 1024 + 1), {}, "InvalidImageSize"),
        (CONTENT, {"visual_features": ["Nonsense"]}, "NotSupportedVisualFeature"),
        (CONTENT, {"visual_features": [VisualFeatures.PEOPLE]}, "NotSupportedFeature"),
        (CONTENT, {"language": "ko"}, "NotSupportedLanguage"),
    ],
    ids=["no image", "small", "large", "feature", "region", "language"],
)
def test_it_is_refused(azure: ImageAnalysisClient, content: bytes, options: dict[str, Any], code: str) -> None:
    with pytest.raises(HttpResponseError) as caught:
        azure.analyze(content, **{"visual_features": FEATURES, **options})
    assert caught.value.error is not None
    assert caught.value.error.innererror["code"] == code


@pytest.mark.parametrize(
    ("query", "content_type", "status"),
    [
        ("api-version=2023-10-01&features=tags&other=1", "application/octet-stream", 400),
        ("api-version=2020-01-01&features=tags", "application/octet-stream", 404),
        ("api-version=2023-10-01&features=tags", "text/plain", 415),
        ("api-version=2023-10-01", "application/octet-stream", 400),
    ],
    ids=["parameter", "version", "type", "features"],
)
def test_a_request_that_is_none(model_server: RunningModelServer, query: str, content_type: str, status: int) -> None:
    headers = {"ocp-apim-subscription-key": API_KEY, "content-type": content_type}
    url = f"{model_server.url}/computervision/imageanalysis:analyze?{query}"
    assert httpx2.post(url, content=CONTENT, headers=headers, trust_env=False).status_code == status
    assert model_server.requests()[-1].outcome == "refused"


def test_it_fails_on_demand(azure: ImageAnalysisClient, model_server: RunningModelServer) -> None:
    model_server.control({"status": 500, "api": "openai"}, {"status": 429, "retry_after": 2, "api": "azure"})
    with pytest.raises(HttpResponseError) as caught:
        azure.analyze(CONTENT, visual_features=FEATURES)
    assert caught.value.status_code == 429
    assert caught.value.response is not None
    assert caught.value.response.headers["retry-after"] == "2"  # type: ignore[attr-defined]
    assert azure.analyze(CONTENT, visual_features=FEATURES).model_version
