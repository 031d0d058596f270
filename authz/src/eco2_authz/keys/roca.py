"""Recognises RSA keys of a broken generator (CVE-2017-15361; Nemec et al., "The Return of Coppersmith's Attack")."""

from typing import Final

_PRIMES: Final = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
)  # fmt: skip
_GENERATOR: Final = 65_537


def _powers(prime: int) -> frozenset[int]:
    """The remainders that powers of the generator can have."""
    return frozenset(pow(_GENERATOR, exponent, prime) for exponent in range(1, prime))


_FINGERPRINT: Final = tuple((prime, _powers(prime)) for prime in _PRIMES)


def is_roca(modulus: int) -> bool:
    """Whether it is, modulo every small prime, a power of 65537.

    The generator's primes are such powers modulo the product of all these, hence so are their products; of good keys
    one in 2**27 is.
    """
    return all(modulus % prime in powers for prime, powers in _FINGERPRINT)
