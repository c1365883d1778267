"""One image through its edits, as the pixels meet them: orient, crop, resize, color, correct, encode."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mrimage.errors import ImageError
from mrimage.image.color.canvas import eight_bits, flattened, padded
from mrimage.image.color.conversion import (
    built_in,
    colors_of,
    converted,
    is_srgb,
    source_profile,
    standard,
)
from mrimage.image.decode.arrays import Picture, from_array, to_array
from mrimage.image.decode.decode import decode
from mrimage.image.decode.libvips import streams
from mrimage.image.encoding import ENCODERS, Companions, check_result, encode_picture, encoder_for
from mrimage.image.gain_map import GainMap, gain_map_of, resized_map
from mrimage.image.geometry import Geometry, as_stored, geometry_of, jpeg_eighths
from mrimage.image.header.model import Header
from mrimage.image.resample import resampled
from mrimage.image.stages import stages
from mrimage.image.tags.directory import Tree, tree_of
from mrimage.image.tags.exif import TagFacts
from mrimage.image.tags.exif_writer import copyright_block, whole_block, whole_iptc, whole_packet
from mrimage.image.tags.gain_maps import without_claims
from mrimage.image.tags.rights import Rights, packet_of, places_of, rights_of
from mrimage.types import Edits, Limits

LINES = 64
"""Lines of a streamed picture that are held at once, or a few more: of a picture a million pixels wide they count."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished file: its bytes, its size in pixels, and its extension in lower case without dot.

    ``gain_map_kept`` says what became of the HDR gain map of the source; None where it had none.
    """

    data: bytes
    width: int
    height: int
    extension: str
    gain_map_kept: bool | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An image whose header is read and whose bytes are here."""

    data: bytes
    header: Header
    facts: TagFacts

    @property
    def orientation(self) -> int:
        """The turn that is still to be made."""
        return 1 if self.header.upright else self.facts.orientation or 1

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height once it is turned."""
        size = self.header.width, self.header.height
        return size if self.orientation < 5 else (size[1], size[0])


def edited(opened: Opened, edits: Edits, limits: Limits) -> Encoded:
    """Apply ``edits``. Raises ImageError."""
    format = encoder_for(edits.format, opened.header.format)
    geometry = geometry_of(*opened.displayed, edits)
    check_result(geometry.result, format)

    def decoded() -> Picture:
        return decoded_for(opened, geometry, limits)

    def prepared() -> tuple[Picture, bytes | None]:
        return _prepared(opened, geometry, edits, format, limits)

    with stages(opened.data, opened.header, decoded, lambda: prepared()[0]):
        image, profile = prepared()
        gain_map = _kept_gain_map(opened, geometry, edits, format, limits)
        beside = replace(_companions(opened, profile, edits), gain_map=gain_map)
        data = encode_picture(image, format, edits.quality, beside)
    kept = gain_map is not None if opened.header.gain_map else None
    return Encoded(data, image.width, image.height, ENCODERS[format].extension, kept)


def _kept_gain_map(
    opened: Opened, geometry: Geometry, edits: Edits, format: str, limits: Limits
) -> GainMap | None:
    """The gain map of the source, edited as the picture is; None where there is none, or it cannot be kept.

    It says how much brighter each pixel of the source gets, so it is true only of colors that stay as they are.
    """
    margin = geometry.canvas is not None and geometry.canvas != (geometry.width, geometry.height)
    if format != "jpeg" or edits.correct is not None or margin:
        return None
    in_srgb = is_srgb(source_profile(opened.header, opened.facts))
    if edits.to is not None and not (edits.to == "srgb" and in_srgb):
        return None
    found = gain_map_of(opened.data, opened.header, limits)
    if found is None:
        return None
    upright = to_array(turned(from_array(found.pixels), opened.orientation))
    upright = upright.reshape(*upright.shape[:2], -1)
    return replace(found, pixels=resized_map(upright, opened.displayed, geometry))


def _prepared(
    opened: Opened, geometry: Geometry, edits: Edits, format: str, limits: Limits
) -> tuple[Picture, bytes | None]:
    """Everything between the file and the encoder: the finished picture, and the profile of its numbers."""
    encoder = ENCODERS[format]
    image = cut_out(resized(opened, geometry, limits), geometry)
    image, profile = _colored(image, source_profile(opened.header, opened.facts), edits, format)
    if edits.correct is not None:
        image = _corrected(image, edits.correct)
    # After the correction, because the padding must not count in its statistics.
    if geometry.canvas is not None:
        image = padded(image, geometry.canvas, edits.background, profile)
    if not encoder.alpha and image.hasalpha():
        image = flattened(image, edits.background, profile)
    return (image if encoder.sixteen_bits else eight_bits(image)), profile


def cut_out(image: Picture, geometry: Geometry) -> Picture:
    """What the fit ``cover`` leaves of the scaled picture."""
    cut = geometry.cut
    return image if cut is None else image.crop(cut.x, cut.y, cut.width, cut.height)


def resized(opened: Opened, geometry: Geometry, limits: Limits) -> Picture:
    """The decoded image, cropped, scaled and turned upright, in its own color space and depth."""
    stored = as_stored(geometry, opened.orientation, opened.header.width, opened.header.height)
    image = decoded_for(opened, geometry, limits)
    return turned(_scaled(image, stored, _eighths(opened.header, stored)), opened.orientation)


def decoded_for(opened: Opened, geometry: Geometry, limits: Limits) -> Picture:
    """The picture as stored, at the lowest scale that ``geometry`` can be made from. Raises ImageError."""
    header = opened.header
    stored = as_stored(geometry, opened.orientation, header.width, header.height)
    eighths = _eighths(header, stored)
    guard(header, stored, eighths, limits)
    return decode(opened.data, header, limits, eighths)


def _eighths(header: Header, stored: Geometry) -> int:
    return jpeg_eighths(stored) if header.format == "jpeg" else 8


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


def _colored(
    image: Picture, profile: bytes | None, edits: Edits, format: str
) -> tuple[Picture, bytes | None]:
    encoder = ENCODERS[format]
    if edits.to is not None:
        return converted(image, profile, edits.to)
    if format == "tiff" and edits.correct is None:
        return image, profile
    image = standard(image)
    count = colors_of(image)
    awkward = (count == 4 and (not encoder.cmyk or edits.correct)) or (
        count == 1 and not encoder.gray and profile
    )
    if awkward or count == 2 or count > 4:
        return converted(image, profile, "srgb")
    return image, profile


def _corrected(image: Picture, name: str) -> Picture:
    from mrimage.image.correct import CORRECTIONS

    count = colors_of(image)
    if image.hasalpha():
        image = (
            image.copy_memory()
        )  # Colors and alpha are read one after the other; a stream can be read once.
    alpha = image[count] if image.hasalpha() else None
    pixels = to_array(image.extract_band(0, n=count) if alpha is not None else image)
    result = from_array(CORRECTIONS[name](pixels))
    return result if alpha is None else result.bandjoin(alpha)


def _companions(opened: Opened, profile: bytes | None, edits: Edits) -> Companions:
    """A profile that is not sRGB stays even when metadata are stripped: without it the numbers mean other colors.
    The one by which untagged CMYK is read was no part of the file, and a megabyte beside a thumbnail: it stays out."""
    header = opened.header
    if header.model == "cmyk" and profile != header.icc and profile == built_in("cmyk"):
        profile = None
    if edits.metadata == "strip":
        return Companions(None if is_srgb(profile) else profile, None)
    rights = rights_of(opened.facts, opened.data, header.format, header.body)
    if edits.metadata == "copyright":
        return Companions(profile, copyright_block(rights), packet_of(rights))
    places = list(places_of(opened.data, header.format, header.body))
    found = whole_packet(places)
    packet = without_claims(found) if found is not None else packet_of(rights)
    return Companions(profile, _whole_exif(opened, rights), packet, whole_iptc(places))


def _whole_exif(opened: Opened, rights: Rights) -> bytes | None:
    """A TIFF's own tags are its EXIF."""
    block = opened.header.exif
    tree = tree_of(block) if block else None
    if opened.header.format == "tiff":
        tree = Tree(lambda start, length: opened.data[start : start + length])
    whole = whole_block(tree, rights) if tree is not None and tree.valid else None
    return whole or copyright_block(rights)
