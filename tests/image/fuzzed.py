"""The child that the fuzz test feeds: whatever bytes it is given, it answers with what became of them.

Standard input: lengths of four bytes, little-endian, each followed by a file. Standard output: a line for each.
"""

from __future__ import annotations

import io
import logging
import struct
import sys

from PIL import Image as Pillow

from mrimage.errors import ImageError
from mrimage.image import Buffer, Image
from mrimage.types import Edits, Limits

EDITS = Edits(resize=(32, 32), fit="cover", to="srgb", format="png", metadata="keep")
MOST = 4_000_000


def outcome(content: bytes, allow_truncated: bool) -> str:
    """``fine``, a reason, or what is wrong with the kernel."""
    image = Image(Buffer(content), Limits(max_pixels=MOST, allow_truncated=allow_truncated))
    try:
        found = image.metadata
        columns = image.features(["content", "hash", "descriptor", "findings"])
        result = image.edited(EDITS)
    except ImageError as error:
        return error.reason
    except BaseException as error:  # noqa: BLE001 - that nothing else comes out is what is tested
        return f"escaped: {type(error).__name__}: {error}".replace("\n", " ")
    made = Pillow.open(io.BytesIO(result.data))
    made.load()
    if not (made.size == (result.width, result.height) == EDITS.resize):
        return f"wrong size: {made.size}"
    if not (found.width > 0 and found.height > 0 and len(str(columns["phash"])) == 16):
        return f"wrong facts: {found}"
    return "fine"


def main() -> None:
    logging.disable()
    while length := sys.stdin.buffer.read(4):
        content = sys.stdin.buffer.read(struct.unpack("<I", length)[0])
        print(outcome(content, False), "|", outcome(content, True), flush=True)


if __name__ == "__main__":
    main()
