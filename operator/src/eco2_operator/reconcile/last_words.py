"""What a container wrote last, without the secrets it knew."""

import base64
from collections.abc import Iterable

from eco2_operator.build.references import Reference
from eco2_operator.kinds import SECRET
from eco2_operator.kube import Reader
from eco2_operator.masking import mask


async def last_words(reader: Reader, where: tuple[str, str, str], *, reads: Iterable[Reference]) -> str:
    """The end of its log; empty when there is none.

    Args:
        where: namespace, pod and container.
        reads: what the container is given; values of Secrets are taken out.

    Raises:
        ChildError: when the API server or the kubelet refuses or does not answer.
    """
    namespace, pod, container = where
    text = await reader.log_tail(namespace, pod, container)
    if not text.strip():
        return ""
    values: list[str] = []
    for name in sorted({reference.name for reference in reads if reference.kind == "Secret"}):
        secret = await reader.get(SECRET, namespace, name)
        values += [_text(value) for value in ((secret or {}).get("data") or {}).values()]
    return mask(text, values).strip()


def _text(value: str) -> str:
    return base64.b64decode(value).decode(errors="replace")
