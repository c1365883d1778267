"""HDR gain maps: which files have one, and that it stays true to the picture through crop, resize and turn."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import pyvips
from PIL import Image as Pillow
from tests.image.crafted import box, segment
from tests.image.samples import opened, photograph, sample, saved

from mrimage.image.decode.vips import vips
from mrimage.image.tags.gain_maps import HDRGM, packet_around
from mrimage.types import Crop, Edits

WIDE, HIGH = 320, 240
ULTRA_HDR = pytest.mark.skipif(
    pyvips.type_find("VipsOperation", "uhdrsave_buffer") == 0,
    reason="this libvips has no libultrahdr, which judges the result",
)


def scene() -> np.ndarray:
    """Linear light in sRGB's colors, 1 is the white of SDR: a photograph that gets up to four times as bright from left
    to right, and so blurred that it does not matter in which values it is scaled."""
    blurred = photograph(20, 15).resize((WIDE, HIGH), Pillow.Resampling.BICUBIC)
    light = (np.asarray(blurred) / 255) ** 2.2
    brighter = np.linspace(1, 4, WIDE)[None, :, None]
    return (light * brighter).astype(np.float32)


def ultra_hdr(scale: int = 2) -> bytes:
    """The scene as libultrahdr writes it: with segments of ISO 21496-1, and a map of 1/``scale``."""
    image = vips().Image.new_from_array(scene()).copy(interpretation="scrgb")
    return bytes(image.uhdrsave_buffer(Q=95, gainmap_scale_factor=scale, keep="icc"))


def in_hdr(content: bytes) -> np.ndarray:
    """The linear light of an Ultra HDR file, as libultrahdr reads it."""
    picture = vips().Image.uhdrload_buffer(content)
    return picture.uhdr2scRGB().numpy()[..., :3]


def with_orientation(content: bytes, orientation: int) -> bytes:
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    block = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + entry + b"\x00" * 4
    # The index of pictures counts from its own place, so what stands before it moves nothing.
    return content[:2] + segment(0xE1, block) + content[2:]


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    transposed = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    down = orientation in (3, 4, 7, 8)
    across = orientation in (2, 3, 6, 7)
    return transposed[:: -1 if down else 1, :: -1 if across else 1]


@ULTRA_HDR
@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize(
    ("edits", "part"),
    [
        (Edits(format="jpeg", quality=95), (0, 0, WIDE, HIGH)),
        (Edits(format="keep", quality=95, resize=(160, 120)), (0, 0, WIDE, HIGH)),
        (Edits(format="jpeg", quality=95, crop=Crop(101, 90, 150, 77)), (150, 77, 101, 90)),
        (Edits(format="jpeg", quality=95, resize=(80, 80), fit="cover"), (40, 0, 240, 240)),
        (
            Edits(format="jpeg", quality=95, metadata="strip"),
            (0, 0, WIDE, HIGH),
        ),
        (Edits(format="jpeg", quality=95, metadata="keep"), (0, 0, WIDE, HIGH)),
    ],
)
def test_the_hdr_picture_is_the_edited_hdr_picture(
    edits: Edits, part: tuple[int, int, int, int], scale: int
) -> None:
    content = ultra_hdr(scale)
    made = opened(content).edited(edits)
    assert made.gain_map_kept is True
    assert opened(made.data).metadata.gain_map
    shown, whole = in_hdr(made.data), in_hdr(content)
    left, top, width, height = part
    cut = vips().Image.new_from_array(
        np.ascontiguousarray(whole[top : top + height, left : left + width])
    )
    wanted = cut.resize(made.width / width, vscale=made.height / height).numpy()
    assert shown.shape == wanted.shape
    inside = np.s_[4:-4, 4:-4]
    assert np.abs(np.log2(shown[inside] + 0.1) - np.log2(wanted[inside] + 0.1)).mean() < 0.08
    assert shown.max() > 0.9 * wanted.max() > 1.1  # brighter than SDR can be


@ULTRA_HDR
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_map_is_turned_with_the_picture(orientation: int) -> None:
    content = ultra_hdr()
    made = opened(with_orientation(content, orientation)).edited(Edits(format="jpeg", quality=95))
    shown, wanted = in_hdr(made.data), turned(in_hdr(content), orientation)
    assert shown.shape == wanted.shape
    assert np.abs(np.log2(shown + 0.1) - np.log2(wanted + 0.1)).mean() < 0.08


@ULTRA_HDR
@pytest.mark.parametrize(
    "edits",
    [
        Edits(format="webp"),
        Edits(format="png"),
        Edits(format="jpeg", to="adobe-rgb"),
        Edits(format="jpeg", to="gray"),
        Edits(format="jpeg", correct="auto-levels"),
        Edits(format="jpeg", resize=(100, 100), fit="pad"),
    ],
)
def test_a_map_that_would_not_be_true_any_more_is_dropped_and_nothing_claims_it(
    edits: Edits,
) -> None:
    for metadata in ("keep", "copyright"):
        made = opened(described_by_xmp()).edited(Edits(**{**vars_of(edits), "metadata": metadata}))
        assert made.gain_map_kept is False
        assert not opened(made.data).metadata.gain_map
        assert b"GainMap" not in made.data


def vars_of(edits: Edits) -> dict[str, object]:
    return {name: getattr(edits, name) for name in Edits.__dataclass_fields__}


def described_by_xmp(several: bool = False) -> bytes:
    """An Ultra HDR file of version 1: XMP names the map and its scale, and no segment is of ISO 21496-1."""
    if several:
        values = "<hdrgm:GainMapMax><rdf:Seq><rdf:li>2</rdf:li><rdf:li>2</rdf:li><rdf:li>2</rdf:li></rdf:Seq></hdrgm:GainMapMax>"
        single = ""
    else:
        values, single = "", ' hdrgm:GainMapMax="2"'
    said = f'<rdf:Description rdf:about="" xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0"{single} hdrgm:HDRCapacityMax="2">{values}</rdf:Description>'
    head = b"http://ns.adobe.com/xap/1.0/\x00"
    ramp = np.tile(np.linspace(0, 255, WIDE // 4).astype(np.uint8), (HIGH // 4, 1))
    second = saved(Pillow.fromarray(ramp), "JPEG", quality=95)
    second = second[:2] + segment(0xE1, head + packet_around(said.encode())) + second[2:]
    blurred = photograph(20, 15).resize((WIDE, HIGH), Pillow.Resampling.BICUBIC)
    first = saved(blurred, "JPEG", quality=95)
    items = (
        '<rdf:Description rdf:about="" xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        f'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0">'
        '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" '
        'Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource"><Container:Item '
        f'Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{len(second)}"/></rdf:li></rdf:Seq>'
        "</Container:Directory></rdf:Description>"
    )
    first = first[:2] + segment(0xE1, head + packet_around(items.encode())) + first[2:]
    return with_second(first, second)


def with_second(first: bytes, second: bytes) -> bytes:
    """A JPEG with a second one behind it, which its Multi-Picture index names."""
    total = len(first) + 90
    entries = struct.pack(">IIIHH", 0x030000, total, 0, 0, 0) + struct.pack(
        ">IIIHH", 0, len(second), total - 10, 0, 0
    )
    fields = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    fields += struct.pack(">HHII", 0xB002, 7, 32, 50)
    index = b"MPF\x00MM\x00*\x00\x00\x00\x08\x00\x03" + fields + b"\x00" * 4 + entries
    assert len(segment(0xE2, index)) == 90
    return first[:2] + segment(0xE2, index) + first[2:] + second


@ULTRA_HDR
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("metadata", ["keep", "copyright", "strip"])
def test_a_map_that_xmp_describes_is_kept_with_its_list_of_items(
    metadata: str, several: bool
) -> None:
    content = described_by_xmp(several)
    assert opened(content).metadata.gain_map
    made = opened(content).edited(
        Edits(format="jpeg", quality=95, resize=(160, 120), metadata=metadata)
    )
    assert made.gain_map_kept
    assert made.data.count(b'Semantic="GainMap"') == 1
    length = int(made.data.partition(b'Item:Length="')[2].partition(b'"')[0])
    assert made.data[-length:][:3] == b"\xff\xd8\xff"
    assert Pillow.open(io.BytesIO(made.data[-length:])).size == (40, 30)
    listed = Pillow.open(io.BytesIO(made.data))._getmp()[0xB002][1]
    assert listed["Size"] == length
    if not several:  # libultrahdr takes one number alone
        wanted = vips().Image.new_from_array(in_hdr(content)).resize(0.5).numpy()
        assert np.abs(np.log2(in_hdr(made.data) + 0.1) - np.log2(wanted + 0.1)).mean() < 0.08


@pytest.mark.parametrize("damage", ["cut off", "no index", "another picture"])
def test_a_map_that_cannot_be_read_is_dropped_and_the_picture_is_not(damage: str) -> None:
    content = described_by_xmp()
    damaged = {
        "cut off": content[:-1000],
        "no index": content.replace(b"MPF\x00", b"XXX\x00"),
        "another picture": content.replace(
            b'hdrgm:Version="1.0" hdrgm:GainMapMax', b'hdrgm:Xersion="1.0" hdrgm:GainMapMax'
        ),
    }[damage]
    made = opened(damaged).edited(Edits(format="jpeg"))
    assert (made.width, made.gain_map_kept) == (WIDE, False)


def test_an_index_that_ends_within_an_entry_lists_its_whole_entries() -> None:
    field = struct.pack(">HHII", 0xB002, 7, 32, 50)
    content = described_by_xmp()
    assert content.count(field) == 1
    damaged = content.replace(field, struct.pack(">HHII", 0xB002, 7, 40, 50))
    made = opened(damaged).edited(Edits(format="jpeg"))
    assert (made.width, made.gain_map_kept) == (WIDE, True)


def heif(*properties: bytes, kind: bytes = b"hvc1") -> bytes:
    """The head of a HEIC with one more item of ``kind``."""
    size = box(b"ispe", struct.pack(">III", 0, 640, 480))
    entry = struct.pack(">HBB", 1, 1, 1)
    items = [
        box(b"infe", b"\x02\x00\x00\x00" + struct.pack(">HH", n, 0) + k + b"\x00")
        for n, k in ((1, b"hvc1"), (2, kind))
    ]
    meta = box(
        b"meta",
        b"\x00" * 4,
        box(b"pitm", b"\x00" * 4, b"\x00\x01"),
        box(b"iinf", b"\x00" * 4, struct.pack(">H", 2), *items),
        box(
            b"iprp",
            box(b"ipco", size, *properties),
            box(b"ipma", b"\x00" * 4, struct.pack(">I", 1), entry),
        ),
    )
    return box(b"ftyp", b"heic\x00\x00\x00\x00mif1") + meta


def test_gain_maps_of_other_formats_are_known() -> None:
    apple = box(b"auxC", b"\x00" * 4, b"urn:com:apple:photo:2020:aux:hdrgainmap\x00")
    assert opened(heif(apple)).metadata.gain_map
    assert opened(heif(kind=b"tmap")).metadata.gain_map
    assert not opened(heif()).metadata.gain_map
    for name in ("baseline.jpg", "two.mpo", "rgb.png", "photo.avif", "lossy.webp"):
        assert not opened(sample(name)).metadata.gain_map


APPLE_MAP = (
    b'<rdf:Description rdf:about="" xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" '
    b'xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/" HDRGainMap:HDRGainMapVersion="65536" '
    b'apdi:AuxiliaryImageType="urn:com:apple:photo:2020:aux:hdrgainmap"/>'
)


def by_apple(said: bytes, make: bytes = b"Apple\x00") -> bytes:
    """A JPEG with EXIF, and a second picture of whose XMP ``said`` is a part."""
    entry = struct.pack("<HHII", 0x010F, 2, len(make), 26)
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + entry + b"\x00" * 4 + make
    first = saved(photograph(64, 48), "JPEG")
    first = first[:2] + segment(0xE1, exif) + first[2:]
    second = saved(photograph(32, 24).convert("L"), "JPEG")
    packet = b"http://ns.adobe.com/xap/1.0/\x00" + packet_around(said)
    return with_second(first, second[:2] + segment(0xE1, packet) + second[2:])


def test_the_map_of_an_older_apple_jpeg_is_known_and_told_as_dropped() -> None:
    image = opened(by_apple(APPLE_MAP))
    assert (image.metadata.gain_map, image.metadata.camera_make) == (True, "Apple")
    for metadata in ("keep", "strip"):
        made = image.edited(Edits(format="jpeg", metadata=metadata))
        assert made.gain_map_kept is False
        assert not opened(made.data).metadata.gain_map
    no_map = opened(by_apple(b'<rdf:Description rdf:about=""/>'))
    assert not no_map.metadata.gain_map
    assert no_map.edited(Edits(format="jpeg")).gain_map_kept is None
    content = by_apple(APPLE_MAP)
    assert not opened(content[: content.rindex(b"\xff\xd8\xff")]).metadata.gain_map


def test_the_second_pictures_of_other_cameras_are_not_read() -> None:
    assert not opened(by_apple(APPLE_MAP, make=b"Nikon\x00")).metadata.gain_map


def test_a_jpeg_xl_says_so_in_a_box() -> None:
    pytest.importorskip("pillow_jxl")
    content = saved(photograph(), "JXL", use_container=True)
    assert not opened(content).metadata.gain_map
    assert opened(content + box(b"jhgm", b"\x00" * 40)).metadata.gain_map
    assert (
        opened(content + box(b"jhgm", b"\x00" * 40)).edited(Edits(format="jpeg")).gain_map_kept
        is False
    )
