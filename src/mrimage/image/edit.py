"""One image through its edits, as the pixels meet them: orient, crop, resize, colour, correct, encode."""

from __future__ import annotations

from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.canvas import eight_bits, flattened, padded
from mrimage.image.color.conversion import (
    built_in,
    colours,
    converted,
    is_srgb,
    source_profile,
    standard,
)
from mrimage.image.decode.decode import Picture, complaints, decode, from_array, misread, to_array
from mrimage.image.encoding import ENCODERS, Companions, encode_picture, encoder_for
from mrimage.image.geometry import Geometry, as_stored, geometry_of, jpeg_eighths
from mrimage.image.header.model import Header
from mrimage.image.resample import resampled
from mrimage.image.tags.directory import Tree, tree_of
from mrimage.image.tags.exif import Shot
from mrimage.image.tags.exif_writer import copyright_block, whole_block, whole_iptc, whole_packet
from mrimage.image.tags.rights import Rights, packet_of, places_of, rights_of
from mrimage.types import Edits, Limits

LINES = 64
"""Lines of a streamed picture that are held at once, or a few more: of a picture a million pixels wide they count."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished file: its bytes, its size in pixels, and its extension in lower case without dot."""

    data: bytes
    width: int
    height: int
    extension: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An image whose header is read and whose bytes are here."""

    data: bytes
    header: Header
    shot: Shot

    @property
    def orientation(self) -> int:
        """The turn that is still to be made."""
        return 1 if self.header.upright else self.shot.orientation or 1

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height once it is turned."""
        size = self.header.width, self.header.height
        return size if self.orientation < 5 else (size[1], size[0])


def edited(opened: Opened, edits: Edits, limits: Limits) -> Encoded:
    """Apply ``edits``. Raises ImageError."""
    format = encoder_for(edits.format, opened.header.format)
    encoder = ENCODERS[format]
    geometry = geometry_of(*opened.displayed, edits)
    with complaints(opened.data, opened.header):
        image = resized(opened, geometry, limits)
        if geometry.cut is not None:
            image = image.crop(
                geometry.cut.x, geometry.cut.y, geometry.cut.width, geometry.cut.height
            )
        profile = source_profile(opened.header, opened.shot)
        image, profile = _coloured(image, profile, edits, format)
        if edits.correct is not None:
            image = _corrected(image, edits.correct)
        if (
            geometry.canvas is not None
        ):  # Behind the correction, whose statistics the padding is none of.
            image = padded(image, geometry.canvas, edits.background, profile)
        if not encoder.alpha and image.hasalpha():
            image = flattened(image, edits.background, profile)
        if not encoder.deep:
            image = eight_bits(image)
        data = encode_picture(image, format, edits.quality, _companions(opened, profile, edits))
    return Encoded(data, image.width, image.height, encoder.extension)


def resized(opened: Opened, geometry: Geometry, limits: Limits) -> Picture:
    """The decoded image, cropped, scaled and turned upright, in its own colour space and depth."""
    header = opened.header
    stored = as_stored(geometry, opened.orientation, header.width, header.height)
    eighths = jpeg_eighths(stored) if header.format == "jpeg" else 8
    guard(header, stored, eighths, limits)
    image = decode(opened.data, header, limits, eighths)
    image = _scaled(image, stored, eighths)
    return turned(image, opened.orientation)


def guard(header: Header, stored: Geometry, eighths: int, limits: Limits) -> None:
    """Raises ImageError ``too-large`` when decoding would hold more than ``limits.max_pixels`` at once."""
    result = stored.width * stored.height
    held = header.pixels * eighths * eighths // 64
    if header.format == "jpeg" and header.progressive:
        held = header.pixels
    if streams(header):
        held = min(held, header.width * LINES)
    if max(held, result) > limits.max_pixels:
        has = (
            f"image has {header.width}x{header.height} = {header.pixels}"
            if held > limits.max_pixels
            else f"result, before it is cut, has {stored.width}x{stored.height} = {result}"
        )
        raise ImageError(
            "too-large",
            f"Expected at most {limits.max_pixels} pixels at once (--max-pixels), but the {has}.",
        )


def streams(header: Header) -> bool:
    """Can libvips decode this file from top to bottom without holding it?"""
    return (header.format == "png" and not header.progressive) or (
        header.format == "tiff" and not misread(header)
    )


def _scaled(image: Picture, stored: Geometry, eighths: int) -> Picture:
    """The crop and scale of ``stored`` on a decode at ``eighths``/8, whose last column and row may stand for fewer
    pixels of the file than the others: scaling by what it covers, not by its size, keeps the picture in its place."""
    box, part = stored.crop, eighths / 8
    across, down = box.width * part, box.height * part
    x, y = round(box.x * part), round(box.y * part)
    wide, high = (max(1, round(side)) for side in (across, down))
    if (x, y, wide, high) != (0, 0, image.width, image.height):
        image = image.crop(x, y, min(wide, image.width - x), min(high, image.height - y))
    if (stored.width, stored.height) == (image.width, image.height):
        return image
    image = resampled(image, stored.width / across, stored.height / down)
    if (image.width, image.height) != (stored.width, stored.height):
        image = image.gravity("north-west", stored.width, stored.height, extend="copy")
    return image


def turned(image: Picture, orientation: int) -> Picture:
    if orientation == 1:
        return image
    image = image.copy_memory()  # A turn reads columns; a streamed image has only rows.
    if orientation in (2, 5, 7):
        image = image.fliphor()
    if orientation == 4:
        return image.flipver()
    return {3: image.rot180, 5: image.rot270, 6: image.rot90, 7: image.rot90, 8: image.rot270}.get(
        orientation, lambda: image
    )()


def _coloured(
    image: Picture, profile: bytes | None, edits: Edits, format: str
) -> tuple[Picture, bytes | None]:
    encoder = ENCODERS[format]
    if edits.to is not None:
        return converted(image, profile, edits.to)
    if format == "tiff" and edits.correct is None:
        return image, profile
    image = standard(image)
    count = colours(image)
    awkward = (count == 4 and (not encoder.cmyk or edits.correct)) or (
        count == 1 and not encoder.gray and profile
    )
    if awkward or count == 2 or count > 4:
        return converted(image, profile, "srgb")
    return image, profile


def _corrected(image: Picture, name: str) -> Picture:
    from mrimage.image.correct import CORRECTIONS

    count = colours(image)
    if image.hasalpha():
        image = (
            image.copy_memory()
        )  # Colours and alpha are read one after the other; a stream can be read once.
    alpha = image[count] if image.hasalpha() else None
    pixels = to_array(image.extract_band(0, n=count) if alpha is not None else image)
    result = from_array(CORRECTIONS[name](pixels))
    return result if alpha is None else result.bandjoin(alpha)


def _companions(opened: Opened, profile: bytes | None, edits: Edits) -> Companions:
    """A profile that is not sRGB stays even when metadata are stripped: without it the numbers mean other colours.
    The one by which untagged CMYK is read was no part of the file, and a megabyte beside a thumbnail: it stays out."""
    header = opened.header
    if header.model == "cmyk" and profile != header.icc and profile == built_in("cmyk"):
        profile = None
    if edits.metadata == "strip":
        return Companions(None if is_srgb(profile) else profile, None)
    rights = rights_of(opened.shot, opened.data, header)
    if edits.metadata == "copyright":
        return Companions(profile, copyright_block(rights), packet_of(rights))
    places = list(places_of(opened.data, header))
    packet = whole_packet(places) or packet_of(rights)
    return Companions(profile, _whole_exif(opened, rights), packet, whole_iptc(places))


def _whole_exif(opened: Opened, rights: Rights) -> bytes | None:
    """A TIFF's own tags are its EXIF."""
    block = opened.header.exif
    tree = tree_of(block) if block else None
    if opened.header.format == "tiff":
        tree = Tree(lambda start, length: opened.data[start : start + length])
    whole = whole_block(tree, rights) if tree is not None and tree.valid else None
    return whole or copyright_block(rights)
