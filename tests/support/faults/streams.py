"""A watch that goes through the proxy, line by line."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp import ClientResponse, web

from support.faults.actions import LineAction, Silence
from support.faults.exchange import Exchange
from support.faults.rules import Rule

LineRule = Callable[[Exchange, str], Rule | None]
"""The rule for a line: the watch with the object's namespace and name, and the event's type."""


class Watch:
    """One open watch.

    Args:
        break_off: closes the connection to the client without a word.
    """

    def __init__(self, exchange: Exchange, client: web.StreamResponse, break_off: Callable[[], Any]) -> None:
        self.exchange = exchange
        self.told: list[bytes] = []
        """Every line that came from the API server."""
        self._client = client
        self._break_off = break_off
        self._ended = asyncio.Event()

    async def relay(self, server: ClientResponse, rule_for: LineRule) -> None:
        """Pass lines on until the server, the client or a rule ends it."""
        both = {asyncio.ensure_future(self._ended.wait()), asyncio.ensure_future(self._pump(server, rule_for))}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        for task in done:
            task.result()

    async def say(self, *lines: bytes, end: bool) -> None:
        """Tell the client something the server did not say; `end` the watch after it."""
        for line in lines:
            await self._client.write(line)
        if end:
            self._ended.set()

    def abort(self) -> None:
        """Break it off."""
        self._break_off()
        self._ended.set()

    async def _pump(self, server: ClientResponse, rule_for: LineRule) -> None:
        rest = b""
        async for chunk in server.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if await self._pass(line + b"\n", rule_for):
                    return

    async def _pass(self, line: bytes, rule_for: LineRule) -> bool:
        """Tell one line as the rules will have it; whether the watch ends with it."""
        event = json.loads(line)
        metadata = event["object"].get("metadata", {})
        self.told.append(line)
        about = replace(self.exchange, namespace=metadata.get("namespace", ""), name=metadata.get("name", ""))
        rule = rule_for(about, event["type"])
        if rule is None:
            await self._client.write(line)
            return False
        if isinstance(rule.action, Silence):
            await rule.lifted.wait()
            self.abort()
            return True
        assert isinstance(rule.action, LineAction)
        told, ends = rule.action.told(line)
        for each in told:
            await self._client.write(each)
        return ends
