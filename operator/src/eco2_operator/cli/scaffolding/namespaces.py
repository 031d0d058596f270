"""A Namespace more in a file of many. Pure."""

import re
from typing import Final

from eco2_operator.cli import yamls

_SEPARATOR: Final = re.compile(r"^---[ \t]*\n", re.MULTILINE)


def with_namespace(text: str, added: str) -> str:
    """The file with one more document, after the last Namespace of a domain; everything else stays as it is.

    Args:
        text: YAML documents.
        added: the new one.
    """
    parts = [part if part.endswith("\n") or not part else f"{part}\n" for part in _SEPARATOR.split(text)]
    domains = [number for number, part in enumerate(parts) if _is_of_a_domain(part)]
    place = domains[-1] + 1 if domains else len(parts)
    return "---\n".join([*parts[:place], added, *parts[place:]])


def _is_of_a_domain(part: str) -> bool:
    content = next(yamls.load_all(part), None)
    metadata = content.get("metadata") if isinstance(content, dict) else None
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return isinstance(labels, dict) and "domain" in labels
