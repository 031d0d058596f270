"""Octets with something wrong in them."""

from itertools import pairwise
from random import Random

_TELLING = b"\x00\x01\x1f\x20\x3f\x40\x7f\x80\xff"
"""Octets that mean something in one format or another."""


def mutated(random: Random, data: bytes) -> bytes:
    """A copy in which one to three things are different: octets flipped, set, put in, left out, repeated, cut off."""
    octets = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _mutate(random, octets)
    return bytes(octets)


def _mutate(random: Random, octets: bytearray) -> None:
    kind, where = random.randrange(6), random.randrange(len(octets) + 1)
    if kind == 0:
        octets[where:where] = random.randbytes(random.randint(1, 4))
    elif kind == 1:
        del octets[where : where + random.randint(1, 4)]
    elif kind == 2:
        octets[where:where] = octets[where : where + random.randint(1, 16)]
    elif kind == 3:
        del octets[where:]
    elif where < len(octets):
        octets[where] = octets[where] ^ 1 << random.randrange(8) if kind == 4 else random.choice(_TELLING)


def pieces(random: Random, data: bytes, *, at_most: int = 6) -> list[bytes]:
    """The same octets cut at random places."""
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.randint(0, at_most)))
    bounds = [0, *places, len(data)]
    return [data[begin:end] for begin, end in pairwise(bounds)]
