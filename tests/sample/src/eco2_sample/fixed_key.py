"""The one key that all images of the stand-in sign with, whenever and wherever they are built.

Who verifies tokens reads the public half once and keeps it for minutes: an image that is built anew may not sign with
another one. The key is made of its name, and is no secret.
"""

import hashlib
import itertools
import math
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

NAME: Final = "eco2 stand-in for the domain auth"
EXPONENT: Final = 65537
PRIME_OCTETS: Final = 128
WITNESSES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def make_fixed_key() -> rsa.RSAPrivateKey:
    """Always the same one, of 2048 bits; takes about a second."""
    p, q = _prime("p"), _prime("q")
    d = pow(EXPONENT, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    )
    return numbers.private_key()


def _prime(part: str) -> int:
    octets = hashlib.shake_256(f"{NAME}: {part}".encode()).digest(PRIME_OCTETS)
    # Odd, and with the two highest bits, so that the product of two of them has all of its bits.
    first = int.from_bytes(octets) | 3 << (8 * PRIME_OCTETS - 2) | 1
    return next(n for n in itertools.count(first, 2) if math.gcd(n - 1, EXPONENT) == 1 and _is_prime(n))


def _is_prime(number: int) -> bool:
    """Miller and Rabin: a number that nobody has chosen to deceive it passes only when it is one."""
    if any(number % witness == 0 for witness in WITNESSES):
        return False
    twos = ((number - 1) & (1 - number)).bit_length() - 1
    return all(_agrees(witness, number, twos) for witness in WITNESSES)


def _agrees(witness: int, number: int, twos: int) -> bool:
    power = pow(witness, (number - 1) >> twos, number)
    if power in (1, number - 1):
        return True
    return any((power := power * power % number) == number - 1 for _ in range(twos - 1))
