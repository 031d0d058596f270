"""Azure AI Vision, image analysis: `POST /computervision/imageanalysis:analyze`, version 2023-10-01.

https://learn.microsoft.com/rest/api/computervision/image-analysis/analyze. Of the features there are `caption`, `tags`
and `read`; the caption is the colour of the picture, since Azure knows nothing of our items.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from PIL import Image

from eco2_model_server.pictures import NotAPicture, open_picture
from eco2_model_server.refusals import AzureRefused

API_VERSION: Final = "2023-10-01"
MODEL_VERSION: Final = "2023-10-01"
SMALLEST, LARGEST = 50, 16_000
"""Pixels of a side."""
MOST_BYTES: Final = 20 * 1024 * 1024
FEATURES: Final = ("caption", "denseCaptions", "objects", "people", "read", "smartCrops", "tags")
_FEATURES: Final = {name.lower(): name for name in FEATURES}
_GIVEN: Final = ("caption", "read", "tags")
_QUERY: Final = frozenset(
    {"api-version", "features", "language", "gender-neutral-caption", "smartcrops-aspect-ratios", "model-version"}
)
_WORDS: Final = ("bottle", "box", "can", "carton", "container", "cup", "paper", "plastic")


def check_key(key: str | None) -> None:
    """Raise AzureRefused without one, or with the one that is never good."""
    if not key or key.startswith("invalid"):
        raise AzureRefused(
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
            "for an active subscription and use a correct regional API endpoint for your resource.",
            status=401,
        )


def analyze(query: Mapping[str, str], content_type: str, content: bytes) -> dict[str, Any]:
    """The result. Raises AzureRefused."""
    features = _features(query)
    if content_type.partition(";")[0] not in ("application/octet-stream", "image/jpeg", "image/png"):
        raise AzureRefused("InvalidRequest", "The Content-Type is not supported.", status=415)
    if len(content) > MOST_BYTES:
        raise AzureRefused("InvalidRequest", "Input image is too large.", inner="InvalidImageSize")
    try:
        image = open_picture(content)
    except NotAPicture:
        raise AzureRefused("InvalidRequest", "Image format is not valid.", inner="InvalidImageFormat") from None
    if not all(SMALLEST <= side <= LARGEST for side in image.size):
        message = f"The image dimension is not allowed: {SMALLEST} to {LARGEST} pixels."
        raise AzureRefused("InvalidRequest", message, inner="InvalidImageSize")
    return {"modelVersion": MODEL_VERSION, "metadata": dict(zip(("width", "height"), image.size, strict=True))} | {
        f"{feature}Result": _result(feature, image) for feature in features
    }


def _features(query: Mapping[str, str]) -> list[str]:
    if unknown := sorted(set(query) - _QUERY):
        raise AzureRefused("InvalidRequest", f"{unknown[0]}: there is no such parameter")
    if query.get("api-version") != API_VERSION:
        raise AzureRefused("404", "Resource not found", status=404)
    features = [_FEATURES.get(name.lower(), name) for name in query.get("features", "").split(",") if name]
    wrong = [name for name in features if name not in FEATURES]
    if wrong or not features:
        raise AzureRefused("InvalidRequest", "The features are not valid.", inner="NotSupportedVisualFeature")
    if absent := [name for name in features if name not in _GIVEN]:
        raise AzureRefused("InvalidRequest", f"{absent[0]}: not in this region", inner="NotSupportedFeature")
    if query.get("language", "en") != "en":
        raise AzureRefused("InvalidRequest", "The language is not supported.", inner="NotSupportedLanguage")
    return features


def _result(feature: str, image: Image.Image) -> dict[str, Any]:
    if feature == "read":
        return {"blocks": []}
    words = _words(image)
    if feature == "tags":
        return {"values": [{"name": word, "confidence": 0.9 - number / 10} for number, word in enumerate(words)]}
    return {"text": f"a {words[0]} on a table", "confidence": 0.8}


def _words(image: Image.Image) -> list[str]:
    """Three, which follow from the picture."""
    pixel = hashlib.sha256(image.resize((2, 2), Image.Resampling.BOX).tobytes()).digest()
    start = pixel[0] % len(_WORDS)
    return [_WORDS[(start + step) % len(_WORDS)] for step in range(3)]
