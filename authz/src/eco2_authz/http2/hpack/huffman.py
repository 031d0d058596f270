"""Huffman strings (RFC 7541, section 5.2), decoded a byte at a time.

The decoder is an automaton: a state is a place in the code's tree, a transition takes a whole byte and yields the
symbols that ended within it. Rows of transitions are made when first needed: headers use few of the 256 states.
"""

from typing import Final

from eco2_authz.http2.hpack.huffman_code import CODES

_EOS: Final = 256
_LONGEST_PADDING: Final = 7

Transition = tuple[int, bytes]


class HuffmanError(ValueError):
    """Not a Huffman string: the end-of-string symbol within, or padding that is too long or not all ones."""


def _tree() -> tuple[list[list[int]], dict[int, int]]:
    """Inner nodes as [child for 0, child for 1]; a leaf is ``-1 - symbol``. And the states that padding may end in."""
    nodes: list[list[int]] = [[0, 0]]
    for symbol, (code, length) in enumerate(CODES):
        node = 0
        for shift in range(length - 1, 0, -1):
            bit = code >> shift & 1
            if not nodes[node][bit]:
                nodes.append([0, 0])
                nodes[node][bit] = len(nodes) - 1
            node = nodes[node][bit]
        nodes[node][code & 1] = -1 - symbol
    ends, node = {0: 0}, 0
    for length in range(1, _LONGEST_PADDING + 1):
        node = nodes[node][1]
        ends[node] = length
    return nodes, ends


_NODES, _ENDS = _tree()
_ROWS: Final[list[tuple[Transition | None, ...] | None]] = [None] * len(_NODES)


def _row(state: int) -> tuple[Transition | None, ...]:
    """What each byte does in this state; None where the end-of-string symbol would be passed."""
    row = tuple(_step(state, byte) for byte in range(256))
    _ROWS[state] = row
    return row


def _step(state: int, byte: int) -> Transition | None:
    symbols = bytearray()
    for shift in range(7, -1, -1):
        state = _NODES[state][byte >> shift & 1]
        if state < 0:
            symbol = -1 - state
            if symbol == _EOS:
                return None
            symbols.append(symbol)
            state = 0
    return state, bytes(symbols)


def decode(data: bytes) -> bytes:
    """The string. Raises HuffmanError."""
    rows, state = _ROWS, 0
    parts: list[bytes] = []
    for byte in data:
        transition = (rows[state] or _row(state))[byte]
        if transition is None:
            raise HuffmanError("the end-of-string symbol within a string")
        state, symbols = transition
        parts.append(symbols)
    if state not in _ENDS:
        raise HuffmanError("padding is not the beginning of the end-of-string symbol, or longer than 7 bits")
    return b"".join(parts)
