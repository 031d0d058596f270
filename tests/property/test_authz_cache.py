"""Laws of the memory of verified tokens: never too large, never wrong, never a token whose id was dropped."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from tests.unit.eco2_authz.tokens import SECRET

from eco2_authz.check import Verified
from eco2_authz.decision import Identity
from eco2_authz.keys.keyset import KeySet
from eco2_authz.token.signature import HmacKey
from eco2_authz.token_cache import ENTRY, TokenCache

ENTRIES, SIZE = 8, 8 * ENTRY + 400
OLD, NEW = HmacKey(SECRET), HmacKey(SECRET[::-1])


class Cache(RuleBasedStateMachine):
    """Against a dictionary that forgets nothing but what it is told to forget."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.cache = TokenCache(ENTRIES, SIZE)
        self.model: dict[str, Verified] = {}

    @rule(target=tokens, number=st.integers(0, 9), jti=st.sampled_from("abc"), length=st.sampled_from([2, 300]))
    def token(self, number: int, jti: str, length: int) -> str:
        """Its last character is its id."""
        return f"{number}{jti}".zfill(length)

    @rule(token=tokens, key=st.sampled_from([OLD, NEW]))
    def verified(self, token: str, key: HmacKey) -> None:
        """As the server does: asked first, put if it was not there."""
        if self.cache.get(token) is None:
            self.model[token] = Verified(Identity("u", None), token[-1], 2.0, 1.0, key)
            self.cache.put(token, self.model[token])

    @rule(token=tokens)
    def used(self, token: str) -> None:
        assert self.cache.get(token) in (None, self.model.get(token))

    @rule(jti=st.sampled_from("abc"))
    def revoked(self, jti: str) -> None:
        self.cache.drop_jti(jti)
        self.model = {token: verified for token, verified in self.model.items() if verified.jti != jti}

    @rule()
    def rotated(self) -> None:
        self.cache.retain(KeySet((NEW,)))
        self.model = {token: verified for token, verified in self.model.items() if verified.key == NEW}

    @rule()
    def cleared(self) -> None:
        self.cache.clear()
        self.model = {}

    @invariant()
    def is_bounded(self) -> None:
        cache = self.cache
        everything = [*cache._young, *cache._old, *cache._buried]
        assert len(cache) <= len(everything) <= ENTRIES
        assert sum(len(token) + ENTRY for token in everything) == cache.bytes <= SIZE

    @invariant()
    def finds_every_token_by_its_id(self) -> None:
        cache = self.cache
        there = {**cache._buried, **cache._old, **cache._young}
        by_id = {
            token: jti
            for jti, tokens in cache._ids.items()
            for token in ([tokens] if isinstance(tokens, str) else tokens)
        }
        assert by_id == {token: verified.jti for token, verified in there.items()}


Cache.TestCase.settings = settings(max_examples=100, stateful_step_count=60, derandomize=True, deadline=None)
TestCache = Cache.TestCase


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(2, 40), st.integers(0, 200))
def test_the_last_half_of_what_was_put_is_there(entries: int, count: int) -> None:
    cache = TokenCache(entries, 10**9)
    for number in range(count):
        cache.put(f"t{number}", Verified(Identity("u", None), f"j{number}", 2.0, 1.0, OLD))
    last = range(max(0, count - entries // 2), count)
    assert [number for number in last if cache.get(f"t{number}") is None] == []
