"""All comparisons by name."""

from typing import Final

from support.authz.differences import check_requests, check_responses, cuts, frames, header_blocks, huffman
from support.authz.differences.target import Target

TARGETS: Final[dict[str, Target]] = {
    module.TARGET.name: module.TARGET
    for module in (huffman, header_blocks, frames, cuts, check_requests, check_responses)
}
