"""What is remembered of verified tokens, for how long, and in how much memory."""

import pytest
from tests.unit.eco2_authz.tokens import SECRET, jwks

from eco2_authz.check import Verified
from eco2_authz.decision import Identity
from eco2_authz.keys.keyset import KeySet
from eco2_authz.token.signature import HmacKey, Key
from eco2_authz.token_cache import ENTRY, TokenCache

KEY = HmacKey(SECRET)
PLENTY = 10**9


def entry(jti: str = "j", key: Key = KEY) -> Verified:
    return Verified(Identity("user-1", None), jti, 2.0, 1.0, key)


def filled(count: int, entries: int = 10, size: int = PLENTY) -> TokenCache:
    cache = TokenCache(entries, size)
    for number in range(count):
        cache.put(f"t{number}", entry(f"j{number}"))
    return cache


def kept(cache: TokenCache, count: int) -> list[int]:
    return [number for number in range(count) if cache.get(f"t{number}") is not None]


def test_a_token_is_found_again() -> None:
    cache, verified = TokenCache(10, PLENTY), entry()
    assert cache.get("t") is None
    cache.put("t", verified)
    assert cache.get("t") is verified
    assert (len(cache), cache.bytes) == (1, ENTRY + 1)


def test_a_token_that_is_put_twice_is_there_once() -> None:
    cache = TokenCache(10, PLENTY)
    for _ in range(3):
        cache.put("t", entry())
    assert (len(cache), cache.bytes) == (1, ENTRY + 1)


def test_a_token_that_is_put_again_when_it_is_old_is_there_once() -> None:
    cache = filled(6)
    cache.put("t0", entry("j0"))
    assert (len(cache), cache.bytes) == (6, 6 * (ENTRY + 2))
    cache.drop_jti("j0")
    assert cache.get("t0") is None


def test_never_more_entries_than_allowed_and_the_last_half_is_there() -> None:
    cache = filled(1000)
    assert len(cache) <= 10
    assert cache.bytes <= 10 * (ENTRY + 4)
    assert set(range(995, 1000)) <= set(kept(cache, 1000))


def test_never_more_bytes_than_allowed() -> None:
    cache = TokenCache(1000, 10 * (ENTRY + 100))
    for number in range(200):
        cache.put(f"{number:0{100 + 37 * number % 900}}", entry(f"j{number}"))
        assert cache.bytes <= 10 * (ENTRY + 100)
    assert len(cache) > 4


def test_a_token_that_is_used_stays() -> None:
    cache = TokenCache(10, PLENTY)
    cache.put("used", entry("used"))
    for number in range(1000):
        cache.put(f"t{number}", entry(f"j{number}"))
        assert cache.get("used") is not None


def test_a_token_larger_than_half_is_not_remembered() -> None:
    cache = TokenCache(10, 2 * (ENTRY + 100))
    cache.put("t" * 101, entry())
    assert (len(cache), cache.bytes) == (0, 0)
    cache.put("t" * 100, entry())
    assert len(cache) == 1


@pytest.mark.parametrize(("entries", "size"), [(0, PLENTY), (1, PLENTY), (10, 0)])
def test_a_cache_of_nothing_remembers_nothing(entries: int, size: int) -> None:
    assert kept(filled(5, entries, size), 5) == []


def test_all_tokens_of_an_id_are_dropped_at_once_young_and_old() -> None:
    cache = TokenCache(10, PLENTY)
    for text in ("a", "b", "c", "d", "e", "f"):
        cache.put(text, entry("other" if text == "b" else "same"))
    cache.drop_jti("same")
    assert [text for text in "abcdef" if cache.get(text)] == ["b"]
    cache.drop_jti("same")
    cache.drop_jti("never seen")
    assert (len(cache), cache.bytes) == (1, ENTRY + 1)


def test_a_token_can_be_put_again_after_its_id_was_dropped() -> None:
    cache = filled(3)
    cache.drop_jti("j1")
    cache.put("t1", entry("j1"))
    assert kept(cache, 3) == [0, 1, 2]
    cache.drop_jti("j1")
    assert kept(cache, 3) == [0, 2]


def test_a_token_that_comes_back_before_its_old_place_was_freed_is_found_by_its_id() -> None:
    cache = filled(11)
    assert cache.get("t0") is None
    cache.put("t0", entry("j0"))
    for number in range(11, 14):
        cache.put(f"t{number}", entry(f"j{number}"))
    assert cache.get("t0") is not None
    cache.drop_jti("j0")
    assert cache.get("t0") is None


def test_an_id_with_two_tokens_of_which_one_was_forgotten() -> None:
    cache = TokenCache(4, PLENTY)
    cache.put("a", entry("same"))
    cache.put("b", entry("same"))
    for number in range(3):
        cache.put(f"t{number}", entry(f"j{number}"))
        cache.get("b")
    assert cache.get("a") is None
    cache.drop_jti("same")
    assert cache.get("b") is None


def test_a_key_takes_its_tokens_with_it() -> None:
    [rsa, ec] = sorted(jwks().keys, key=lambda key: key.alg, reverse=True)
    cache = TokenCache(4, PLENTY)
    for number, key in enumerate((rsa, ec, rsa, ec)):
        cache.put(f"t{number}", entry(f"j{number}", key))
    cache.retain(jwks())
    assert len(cache) == 4
    cache.retain(KeySet((ec,)))
    assert kept(cache, 4) == [1, 3]
    cache.retain(KeySet())
    assert (len(cache), cache.bytes) == (0, 0)


def test_cleared() -> None:
    cache = filled(13)
    cache.clear()
    assert (len(cache), cache.bytes, kept(cache, 13)) == (0, 0, [])
    cache.put("t1", entry("j1"))
    assert kept(cache, 13) == [1]


def test_what_is_freed_leaves_no_trace() -> None:
    """A large token comes before the last small one that is buried was freed."""
    cache = TokenCache(8, 2 * (4 * ENTRY + 200))
    for number in range(11):
        cache.put(f"t{number}", entry(f"j{number}"))
    assert len(cache._buried) == 1
    cache.put("large".zfill(300), entry("large"))
    everything = [*cache._young, *cache._old, *cache._buried]
    assert len(cache._ids) == len(everything)
    assert cache.bytes == sum(len(token) + ENTRY for token in everything)
