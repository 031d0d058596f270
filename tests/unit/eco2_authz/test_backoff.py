from eco2_authz.backoff import Backoff


def test_the_first_attempt_is_at_once_and_pauses_double_up_to_a_bound() -> None:
    backoff = Backoff(first=1.0, cap=5.0, random=lambda: 1.0)
    assert [backoff.pause() for _ in range(6)] == [0.0, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.pause() == 0.0


def test_chance_shortens_a_pause_by_half_at_most() -> None:
    backoff = Backoff(first=1.0, cap=5.0, random=lambda: 0.0)
    assert [backoff.pause() for _ in range(3)] == [0.0, 0.5, 1.0]
