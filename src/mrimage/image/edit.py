"""The edits of one image, in the order the pixels meet them: orient, crop, resize, color, correct,
sharpen, watermark, encode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from mrimage.errors import ImageError
from mrimage.image.color.canvas import eight_bits, flattened, padded
from mrimage.image.color.conversion import (
    built_in,
    colors_of,
    converted,
    embedded_profile,
    is_srgb,
    source_profile,
    standard,
)
from mrimage.image.decode.arrays import Array, Picture, from_array, to_array
from mrimage.image.decode.decode import decode
from mrimage.image.decode.libvips import streams
from mrimage.image.encoding import (
    ENCODERS,
    Companions,
    Encoder,
    check_result,
    encode_picture,
    encoder_for,
)
from mrimage.image.gain_map import GainMap, gain_map_of, resized_map
from mrimage.image.geometry import Geometry, as_stored, geometry_of, jpeg_shrink
from mrimage.image.header.model import Header
from mrimage.image.notebook import html_of_facts, html_of_file
from mrimage.image.resample import resampled
from mrimage.image.sharpen import sharpened
from mrimage.image.stages import stages
from mrimage.image.tags.directory import Tree, tree_of
from mrimage.image.tags.exif import TagFacts
from mrimage.image.tags.exif_writer import copyright_block, whole_block, whole_iptc, whole_packet
from mrimage.image.tags.gain_maps import without_claims
from mrimage.image.tags.rights import Rights, packet_of, places_of, rights_of
from mrimage.installed import load_installed
from mrimage.types import GROUP_CORRECTIONS, Edits, Limits

if TYPE_CHECKING:
    from mrimage.image.group.picture import Change, Matching

LINES = 64
"""Lines of a streamed picture that memory holds at once, or a few more. In a picture that is a
million pixels wide, they count."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished file: its bytes, size in pixels, and extension in lower case without a dot.

    ``gain_map_kept`` says whether the file has the HDR gain map of its source; None if the source
    has no gain map. ``change`` is what a group correction did; None without one.
    """

    data: bytes
    width: int
    height: int
    extension: str
    gain_map_kept: bool | None = None
    change: Change | None = None

    def _repr_html_(self) -> str:
        """The picture and its size, for a notebook; no picture of a TIFF."""
        facts = {"size": f"{self.width}x{self.height}", "bytes": f"{len(self.data):,}"}
        picture = html_of_file(self.data, self.extension)
        return picture + html_of_facts(f"edited image (.{self.extension})", facts)


@dataclass(frozen=True, slots=True)
class Opened:
    """An image in memory: its bytes, its header, and the facts that its tags give.

    ``decoded`` keeps what was decoded, by its shrink, for an image that is edited several times.
    None keeps nothing. ``watermarks`` are the pictures of ``Edits.watermark`` by name: PNG, 8-bit
    sRGB with alpha.
    """

    data: bytes
    header: Header
    facts: TagFacts
    decoded: dict[int, Picture] | None = None
    watermarks: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1..8, that is still to be applied to the decoded pixels."""
        if self.header.upright:
            return 1
        return self.facts.orientation or 1

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height after orientation."""
        width = self.header.width
        height = self.header.height
        is_sideways = self.orientation >= 5
        return (height, width) if is_sideways else (width, height)


def edited(
    opened: Opened, edits: Edits, limits: Limits, matching: Matching | None = None
) -> Encoded:
    """Apply ``edits`` and encode the result. Raises ImageError.

    ``matching`` says what a correction that sees the group is to match.
    """
    format = encoder_for(edits.format, opened.header.format)
    geometry = geometry_of(*opened.displayed, edits)
    check_result(geometry.result, format)

    def decoded() -> Picture:
        return decoded_for(opened, geometry, limits)

    def prepared() -> Prepared:
        return _prepared(opened, geometry, edits, format, limits, matching)

    with stages(opened.data, opened.header, decoded, lambda: prepared().image):
        image, profile, change = prepared()
        gain_map = _kept_gain_map(opened, geometry, edits, format, limits)
        companions = replace(_companions(opened, profile, edits), gain_map=gain_map)
        data = encode_picture(image, format, edits.quality, companions)
    kept = gain_map is not None if opened.header.gain_map else None
    return Encoded(data, image.width, image.height, ENCODERS[format].extension, kept, change)


def edited_pixels(opened: Opened, edits: Edits, limits: Limits) -> Array:
    """Apply ``edits`` without encoding. Returns uint8 H x W x C, in sRGB unless ``edits.to`` says
    otherwise, with alpha composited on the background. Raises ImageError."""
    edits = replace(edits, to=edits.to or "srgb")
    geometry = geometry_of(*opened.displayed, edits)

    def decoded() -> Picture:
        return decoded_for(opened, geometry, limits)

    def prepared() -> Picture:
        # As for JPEG: 8 bits, without alpha, gray or RGB.
        return _prepared(opened, geometry, edits, "jpeg", limits, None).image

    with stages(opened.data, opened.header, decoded, prepared):
        values = to_array(prepared())
    # What ``to_array`` returns is read-only.
    return values.reshape(*values.shape[:2], -1).copy()


def _kept_gain_map(
    opened: Opened, geometry: Geometry, edits: Edits, format: str, limits: Limits
) -> GainMap | None:
    """Return the source's gain map with the geometry of the edits; None if there is none to keep.

    A gain map says how much brighter each pixel of the source gets in HDR, so it holds only if the
    colors stay as they are.
    """
    scaled = (geometry.width, geometry.height)
    has_padding = geometry.canvas is not None and geometry.canvas != scaled
    if format != "jpeg" or edits.correct is not None or edits.watermark or has_padding:
        return None
    if _changes_colors(opened, edits):
        return None
    source = gain_map_of(opened.data, opened.header, limits)
    if source is None:
        return None
    upright = to_array(turned(from_array(source.pixels), opened.orientation))
    upright = upright.reshape(*upright.shape[:2], -1)
    return replace(source, pixels=resized_map(upright, opened.displayed, geometry))


def _changes_colors(opened: Opened, edits: Edits) -> bool:
    """Whether ``--to`` changes the values of pixels."""
    if edits.to is None:
        return False
    if edits.to != "srgb":
        return True
    return not is_srgb(source_profile(opened.header, opened.facts))


class Prepared(NamedTuple):
    """The finished picture that the encoder takes, the ICC profile of its values, and what a group
    correction did."""

    image: Picture
    profile: bytes | None
    change: Change | None


def _prepared(
    opened: Opened,
    geometry: Geometry,
    edits: Edits,
    format: str,
    limits: Limits,
    matching: Matching | None,
) -> Prepared:
    encoder = ENCODERS[format]
    if matching is not None and matching.kept is not None:
        image, profile = _as_kept(matching.kept, edits)
    else:
        image, profile = colored(opened, geometry, edits, format, limits)
    change = None
    if edits.correct in GROUP_CORRECTIONS:
        from mrimage.image.group.picture import matched

        assert matching
        image, change = matched(image, edits, matching)
    elif edits.correct is not None:
        image = _corrected(image, edits.correct)
    if edits.sharpen:
        image = sharpened(image, edits.sharpen)
    if edits.watermark is not None:
        from mrimage.image.watermark import watermarked

        image = watermarked(image, opened.watermarks[edits.watermark], edits, profile)
    # Padding comes after the correction, whose statistics must not count it.
    if geometry.canvas is not None:
        image = padded(image, geometry.canvas, edits.background, profile)
    if not encoder.alpha and image.hasalpha():
        image = flattened(image, edits.background, profile)
    if not encoder.sixteen_bits:
        image = eight_bits(image)
    return Prepared(image, profile, change)


def _as_kept(kept: Array, edits: Edits) -> tuple[Picture, bytes | None]:
    """What ``colored`` returned, from the pixels that were kept of it."""
    image = from_array(kept)
    space = edits.to or ("gray" if colors_of(image) == 1 else "srgb")
    return image, embedded_profile(space)


def colored(
    opened: Opened, geometry: Geometry, edits: Edits, format: str, limits: Limits
) -> tuple[Picture, bytes | None]:
    """Return the picture with its geometry and its colors, before correction and padding, and the
    ICC profile of its values."""
    image = cut_out(resized(opened, geometry, limits), geometry)
    return _colored(image, source_profile(opened.header, opened.facts), edits, format)


def cut_out(image: Picture, geometry: Geometry) -> Picture:
    """Cut the overhang of the fit ``cover`` off a scaled picture."""
    cut = geometry.cut
    if cut is None:
        return image
    return image.crop(cut.x, cut.y, cut.width, cut.height)


def resized(opened: Opened, geometry: Geometry, limits: Limits) -> Picture:
    """Decode, crop, scale and orient the image, in its own color space and depth."""
    header = opened.header
    stored = as_stored(geometry, opened.orientation, header.width, header.height)
    image = decoded_for(opened, geometry, limits)
    image = _scaled(image, stored, _decode_shrink(header, stored))
    return turned(image, opened.orientation)


def decoded_for(opened: Opened, geometry: Geometry, limits: Limits) -> Picture:
    """Decode the image as stored, at the lowest scale for ``geometry``. Raises ImageError."""
    header = opened.header
    stored = as_stored(geometry, opened.orientation, header.width, header.height)
    shrink = _decode_shrink(header, stored)
    check_pixels(header, stored, shrink, limits)
    kept = opened.decoded
    if kept is None or header.pixels // shrink**2 > limits.max_pixels:
        return decode(opened.data, header, limits, shrink)
    if shrink not in kept:
        # In memory, because a picture that is streamed can be read only once.
        kept[shrink] = decode(opened.data, header, limits, shrink).copy_memory()
    return kept[shrink]


def _decode_shrink(header: Header, stored: Geometry) -> int:
    """The shrink at which to decode: at 1/shrink of the size. Only JPEG decodes at less than 1."""
    return jpeg_shrink(stored) if header.format == "jpeg" else 1


def check_pixels(header: Header, stored: Geometry, shrink: int, limits: Limits) -> None:
    """Raise ImageError ``too-large`` if a decode would hold more than ``max_pixels`` at once.

    The decode is at 1/``shrink`` of the size.
    """
    decoded = header.pixels // shrink**2
    # The decoder keeps all coefficients of a progressive JPEG, whatever the shrink.
    if header.format == "jpeg" and header.progressive:
        decoded = header.pixels
    if streams(header):
        decoded = min(decoded, header.width * LINES)
    if decoded > limits.max_pixels:
        size = f"{header.width}x{header.height} = {header.pixels} pixels"
        raise ImageError("too-large", _too_large(f"The image has {size}", limits))
    result = stored.width * stored.height
    if result > limits.max_pixels:
        size = f"{stored.width}x{stored.height} = {result} pixels"
        raise ImageError("too-large", _too_large(f"The result, before the cut, has {size}", limits))


def _too_large(fact: str, limits: Limits) -> str:
    return f"{fact}, but --max-pixels allows at most {limits.max_pixels} at once."


def _scaled(image: Picture, stored: Geometry, shrink: int) -> Picture:
    """Crop and scale a decode at 1/``shrink`` as ``stored`` says."""
    box = stored.crop
    # The last column and row of a scaled decode may cover fewer pixels of the file than the others.
    # Scaling by what the decode covers, and not by its size, keeps the picture in its place.
    covered_width = box.width / shrink
    covered_height = box.height / shrink
    x = round(box.x / shrink)
    y = round(box.y / shrink)
    width = max(1, round(covered_width))
    height = max(1, round(covered_height))
    if (x, y, width, height) != (0, 0, image.width, image.height):
        image = image.crop(x, y, min(width, image.width - x), min(height, image.height - y))
    if (stored.width, stored.height) == (image.width, image.height):
        return image
    image = resampled(image, stored.width / covered_width, stored.height / covered_height)
    if (image.width, image.height) != (stored.width, stored.height):
        image = image.gravity("north-west", stored.width, stored.height, extend="copy")
    return image


def turned(image: Picture, orientation: int) -> Picture:
    """Turn and mirror ``image`` upright from the EXIF ``orientation``, 1..8."""
    if orientation == 1:
        return image
    # A turn reads columns, but a streamed image has only rows.
    image = image.copy_memory()
    if orientation == 4:
        return image.flipver()
    if orientation in (2, 5, 7):
        image = image.fliphor()
    if orientation == 3:
        return image.rot180()
    if orientation in (6, 7):
        return image.rot90()
    if orientation in (5, 8):
        return image.rot270()
    return image


def _colored(
    image: Picture, profile: bytes | None, edits: Edits, format: str
) -> tuple[Picture, bytes | None]:
    """Return the picture in the colors of the result, and their profile."""
    if edits.to is not None:
        return converted(image, profile, edits.to)
    if edits.correct in GROUP_CORRECTIONS:
        # All images of a group have to be in one space.
        is_gray = colors_of(standard(image)) == 1
        return converted(image, profile, "gray" if is_gray else "srgb")
    if format == "tiff" and not edits.changes_pixels:
        return image, profile
    image = standard(image)
    if _needs_srgb(colors_of(image), profile, edits, ENCODERS[format]):
        return converted(image, profile, "srgb")
    return image, profile


def _needs_srgb(colors: int, profile: bytes | None, edits: Edits, encoder: Encoder) -> bool:
    """Whether the encoder or a later step cannot take a picture of ``colors`` color bands."""
    if colors == 1:
        return not encoder.gray and bool(profile)
    if colors == 4:
        return not encoder.cmyk or edits.changes_pixels
    return colors != 3


def _corrected(image: Picture, name: str) -> Picture:
    """Apply the correction ``name`` to the colors, and leave alpha alone."""
    from mrimage.image.correct import CORRECTIONS

    correct = CORRECTIONS.get(name) or load_installed("corrections", name)
    if not image.hasalpha():
        return from_array(correct(to_array(image)))
    count = colors_of(image)
    # Colors and alpha are read one after the other, but a stream can be read only once.
    image = image.copy_memory()
    colors = to_array(image.extract_band(0, n=count))
    return from_array(correct(colors)).bandjoin(image[count])


def _companions(opened: Opened, profile: bytes | None, edits: Edits) -> Companions:
    """Return the profile and the metadata of the source that go into the result."""
    header = opened.header
    # The profile by which untagged CMYK is read was not in the file. It is left out, because it
    # would add a megabyte to a thumbnail.
    if header.model == "cmyk" and profile != header.icc and profile == built_in("cmyk"):
        profile = None
    if edits.metadata == "strip":
        # Without its profile, a picture that is not in sRGB would show other colors.
        return Companions(icc=None if is_srgb(profile) else profile)
    rights = rights_of(opened.facts, opened.data, header.format, header.body)
    if edits.metadata == "copyright":
        return Companions(icc=profile, exif=copyright_block(rights), xmp=packet_of(rights))
    places = list(places_of(opened.data, header.format, header.body))
    packet = whole_packet(places)
    return Companions(
        icc=profile,
        exif=_whole_exif(opened, rights),
        xmp=packet_of(rights) if packet is None else without_claims(packet),
        iptc=whole_iptc(places),
    )


def _whole_exif(opened: Opened, rights: Rights) -> bytes | None:
    """Return all of the source's EXIF, or its copyright fields if the EXIF cannot be read."""
    tree = _exif_tree(opened)
    whole = None
    if tree is not None and tree.valid:
        whole = whole_block(tree, rights)
    return whole or copyright_block(rights)


def _exif_tree(opened: Opened) -> Tree | None:
    # The tags of a TIFF file are its EXIF.
    if opened.header.format == "tiff":
        return Tree(lambda start, length: opened.data[start : start + length])
    block = opened.header.exif
    return tree_of(block) if block else None
