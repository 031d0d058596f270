"""What a question takes, and when it is given back."""

import asyncio

import pytest

from eco2_chat.places import AT_ONCE, Place, Places
from eco2_service.problems import TooManyRequests
from eco2_waste_pipeline.threads import Busy


async def test_a_place_is_free_when_its_thread_has_ended() -> None:
    places = Places()
    with places.take("user-1") as place:
        work = place.in_thread()
        work.__enter__()
    others = [places.take("user-1") for _ in range(AT_ONCE - 1)]
    for other in others:
        other.__enter__()
    with pytest.raises(TooManyRequests), places.take("user-1"):
        pass
    await asyncio.to_thread(work.__exit__, None, None, None)
    await asyncio.sleep(0)
    with places.take("user-1"):
        pass
    for other in others:
        other.__exit__(None, None, None)


async def test_work_that_begins_after_all_was_given_back_is_not_done() -> None:
    place = Place()
    given_back: list[bool] = []
    place.gives_back(lambda: given_back.append(True))
    place.leave()
    assert given_back == [True]
    with pytest.raises(Busy), place.in_thread():
        raise AssertionError("nobody waits for it")
    assert given_back == [True]


def test_a_loop_that_is_closed_needs_nothing_back() -> None:
    async def make() -> Place:
        return Place()

    with asyncio.run(make()).in_thread():
        pass
