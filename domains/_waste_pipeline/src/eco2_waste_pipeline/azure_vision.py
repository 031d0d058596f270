"""Azure AI Vision, Image Analysis 4.0: words about a picture, before OpenAI looks at it.

https://learn.microsoft.com/azure/ai-services/computer-vision/concept-describe-images-40
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog
from azure.ai.vision.imageanalysis import ImageAnalysisClient
from azure.ai.vision.imageanalysis.models import ImageAnalysisResult, VisualFeatures
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.policies import SansIOHTTPPolicy
from pydantic import SecretStr

from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.guard import cleaned

TIMEOUT_SECONDS: Final = 5.0
"""It helps a little, and nobody waits for it longer."""
MIN_CONFIDENCE: Final = 0.5
MAX_TAGS: Final = 15
MAX_LINES: Final = 15
MAX_CHARACTERS: Final = 100
_AT_ONCE: Final = 8
_FEATURES: Final = [VisualFeatures.CAPTION, VisualFeatures.TAGS, VisualFeatures.READ]
log = structlog.get_logger("eco2.pipeline")


class AzureVision:
    """Asked once for each picture; whatever goes wrong, there are no words."""

    def __init__(self, endpoint: str, key: SecretStr) -> None:
        self._client = ImageAnalysisClient(
            endpoint,
            AzureKeyCredential(key.get_secret_value()),
            retry_total=0,
            use_env_settings=False,
            http_logging_policy=SansIOHTTPPolicy(),  # the usual one has a line for each header
        )
        # The library has time limits for single reads alone: a thread of ours is left to it when time is up.
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="azure-vision")
        self._free = threading.BoundedSemaphore(_AT_ONCE)

    def describe(self, jpeg: bytes, *, deadline: Deadline) -> Mapping[str, Any] | None:
        """Caption, tags and what is written in the picture, for a data block; None when it is not known."""
        seconds = min(TIMEOUT_SECONDS, deadline.remaining())
        if not self._free.acquire(blocking=False):  # a queue would hold pictures, for answers that nobody waits for
            log.warning("no words from Azure", error="no free thread")
            return None
        try:
            future = self._threads.submit(
                self._client.analyze, jpeg, _FEATURES, connection_timeout=seconds, read_timeout=seconds
            )
        except RuntimeError:  # closed, while a run is still under way
            self._free.release()
            return None
        future.add_done_callback(lambda _future: self._free.release())
        try:
            return _words(future.result(seconds))
        except Exception as error:  # also of the client once it is closed, and of a future that was dropped then
            future.cancel()
            log.warning("no words from Azure", error=type(error).__name__)
            return None

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()


def _words(result: ImageAnalysisResult) -> dict[str, Any]:
    caption = result.caption.text if result.caption else ""
    tags = [tag.name for tag in result.tags.list if tag.confidence >= MIN_CONFIDENCE] if result.tags else []
    lines = [line.text for block in result.read.blocks for line in block.lines] if result.read else []
    return {
        "caption": cleaned(caption, MAX_CHARACTERS),
        "tags": [cleaned(tag, MAX_CHARACTERS) for tag in tags[:MAX_TAGS]],
        "texts": [cleaned(line, MAX_CHARACTERS) for line in lines[:MAX_LINES]],
    }
