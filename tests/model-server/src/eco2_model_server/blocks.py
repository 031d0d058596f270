"""Data in prompts: blocks of three lines, of which the one in the middle is JSON.

<<<DATA name=question fence=0a1b>>>
{"text": "..."}
<<<END fence=0a1b>>>
"""

import re
from typing import Any, Final

import orjson

_BLOCK: Final = re.compile(r"^<<<DATA name=(\w+) fence=(\w+)>>>\n(.*)\n<<<END fence=\2>>>$", re.MULTILINE)


def blocks(text: str) -> dict[str, Any]:
    """What the blocks of a message hold, by name; empty when there are none."""
    found = {}
    for name, _, line in _BLOCK.findall(text):
        try:
            found[name] = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
    return found
