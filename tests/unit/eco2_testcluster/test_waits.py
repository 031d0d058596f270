from __future__ import annotations

import pytest

from eco2_testcluster.waits import until


def test_the_first_true_answer_is_returned() -> None:
    answers = iter([None, "", "found"])
    assert until(lambda: next(answers), seconds=5, what="it") == "found"


def test_a_wait_that_is_too_long_names_what_it_waited_for() -> None:
    with pytest.raises(TimeoutError, match=r"the moon: not within 0\.02 s"):
        until(lambda: False, seconds=0.02, what="the moon")
