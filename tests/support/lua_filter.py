"""Envoy's Lua filter as far as the gateway's script needs it: LuaJIT, and a handle with headers."""

from collections.abc import Callable, Iterable
from typing import Any

from lupa import luajit21


class Headers:
    """The headers of a request: names in lower case, a name as often as it was sent."""

    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        self.entries = list(entries)

    def values(self, name: str) -> list[str]:
        """Every value of a name."""
        return [value for key, value in self.entries if key == name]

    def get(self, _: Any, name: str) -> str | None:
        """All values as one, as Envoy gives them."""
        return ",".join(self.values(name)) if self.values(name) else None

    def getNumValues(self, _: Any, name: str) -> int:  # noqa: N802
        """How often it was sent."""
        return len(self.values(name))

    def getAtIndex(self, _: Any, name: str, index: int) -> str | None:  # noqa: N802
        """One of the values, counted from 0."""
        return self.values(name)[index] if index < len(self.values(name)) else None

    def replace(self, _: Any, name: str, value: str) -> None:
        """Set to this one value."""
        self.entries = [(key, old) for key, old in self.entries if key != name] + [(name, value)]


class LuaFilter:
    """A loaded script."""

    def __init__(self, script: str) -> None:
        runtime = luajit21.LuaRuntime(unpack_returned_tuples=True)
        runtime.execute(script)
        self._call: Callable[[Headers], None] = runtime.eval(
            """function(python)
                 local headers = {}
                 for _, name in ipairs({"get", "getNumValues", "getAtIndex", "replace"}) do
                   headers[name] = python[name]
                 end
                 envoy_on_request({headers = function() return headers end})
               end"""
        )

    def run(self, *entries: tuple[str, str]) -> dict[str, str]:
        """The headers that were added to a request, or changed."""
        headers = Headers(entries)
        self._call(headers)
        return {name: value for name, value in headers.entries if (name, value) not in entries}
