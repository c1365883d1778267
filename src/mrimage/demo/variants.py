"""The list of all files of the demo, each with its path and how to make it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mrimage.demo import edits
from mrimage.demo.cameras import TRIPS, Trip, orientation_exif, photo_exif
from mrimage.demo.files import File, encoded, frames, image, vips_image
from mrimage.demo.photos import ALL_PHOTOS, PHOTOS, Photos


def _originals() -> Iterator[File]:
    for photo, name in PHOTOS.items():
        yield File(f"originals/{name}", partial(Photos.data, name=photo))


def _formats() -> Iterator[File]:
    yield image("formats/coffee-baseline.jpg", "coffee", quality=85)
    yield image("formats/coffee-progressive.jpg", "coffee", quality=85, progressive=True)
    yield image("formats/coffee-444.JPG", "coffee", quality=95, subsampling=0)
    yield image("formats/coffee.jpeg", "coffee", quality=50)
    yield image("formats/coffee.png", "coffee")
    yield vips_image(
        "formats/coffee-interlaced.png", "coffee", lambda pixels: pixels, interlace=True
    )
    yield image("formats/coffee.webp", "coffee", quality=80)
    yield image("formats/coffee-lossless.webp", "coffee", lossless=True, method=2)
    yield image("formats/coffee.avif", "coffee", quality=60, speed=8)
    yield image("formats/coffee.gif", "coffee")
    yield image("formats/coffee.bmp", "coffee")
    yield image("formats/coffee.jp2", "coffee", quality_mode="rates", quality_layers=[10])
    yield image("formats/coffee-raw.tif", "coffee")
    yield image("formats/coffee-lzw.tiff", "coffee", compression="tiff_lzw")
    yield image("formats/coffee-jpeg.tiff", "coffee", compression="jpeg", quality=85)
    yield image("formats/3f9a2c71d0", "motorcycle", quality=80, format="JPEG")


def _sizes() -> Iterator[File]:
    for side in (16, 64, 128, 256, 512, 1024):
        yield image(f"sizes/retina-{side}.jpg", "retina", edits.fitted(side, side), quality=85)
    for width, height in ((640, 480), (1280, 720), (1920, 1080), (3840, 2160)):
        yield image(
            f"sizes/rocket-{width}x{height}.jpg", "rocket", edits.fitted(width, height), quality=75
        )
    yield image("sizes/motorcycle-portrait.webp", "motorcycle", edits.fitted(480, 640))
    yield image("sizes/rocket-tower.jpg", "rocket", edits.fitted(120, 1200), quality=85)
    yield image("sizes/text-panorama.png", "text", edits.fitted(1600, 200))
    yield image("sizes/moon-one-pixel.png", "moon", edits.fitted(1, 1))


def _pixel_types() -> Iterator[File]:
    yield image("pixels/camera-gray.jpg", "camera", quality=85)
    yield image("pixels/camera-gray.webp", "camera", quality=80)
    yield image("pixels/coins-gray16.png", "coins", edits.sixteen_bit)
    yield image("pixels/coins-gray16.tif", "coins", edits.sixteen_bit)
    yield image("pixels/coins-float.tif", "coins", edits.floating)
    yield vips_image("pixels/coffee-rgb16.png", "coffee", edits.sixteen_bit_rgb)
    yield vips_image(
        "pixels/coffee-rgb16.tif", "coffee", edits.sixteen_bit_rgb, compression="deflate"
    )
    yield image("pixels/page-bilevel.png", "page", edits.converted("1"))
    yield image("pixels/page-fax.tif", "page", edits.converted("1"), compression="group4")
    yield image("pixels/chelsea-palette.png", "chelsea", edits.quantized(64))
    yield image(
        "pixels/chelsea-palette-transparent.png", "chelsea", edits.quantized(64), transparency=0
    )
    yield image("pixels/chelsea-transparent.gif", "chelsea", edits.quantized(64), transparency=0)
    yield image("pixels/astronaut-alpha.png", "astronaut", edits.vignette)
    yield image("pixels/astronaut-alpha.webp", "astronaut", edits.vignette, quality=80)
    yield image("pixels/astronaut-alpha.tif", "astronaut", edits.vignette, compression="tiff_lzw")
    yield image("pixels/moon-gray-alpha.png", "moon", edits.vignette)


def _colors() -> Iterator[File]:
    yield image("color/coffee-cmyk.jpg", "coffee", edits.converted("CMYK"), quality=90)
    yield image("color/coffee-cmyk.tif", "coffee", edits.converted("CMYK"), compression="tiff_lzw")
    yield vips_image("color/coffee-cmyk-profile.jpg", "coffee", edits.in_profile("cmyk"), Q=85)
    yield image("color/chelsea-lab.tif", "chelsea", edits.to_lab)
    for photo in ("astronaut", "motorcycle", "retina"):
        yield File(f"color/{photo}-adobe-rgb.jpg", partial(_adobe_rgb, photo=photo))
        yield vips_image(f"color/{photo}-display-p3.jpg", photo, edits.in_profile("p3"), Q=90)
    yield vips_image("color/coffee-srgb-profile.jpg", "coffee", edits.in_profile("srgb"), Q=90)
    yield vips_image("color/coffee-display-p3.png", "coffee", edits.in_profile("p3"))


def _adobe_rgb(photos: Photos, photo: str) -> bytes:
    """``photo`` in Adobe RGB (1998), with the profile of the photograph of the rocket."""
    edited = edits.to_profile(photos.profile("rocket"))(photos.pixels(photo))
    return encoded(edited, {"format": "JPEG", "quality": 90})


def _orientations() -> Iterator[File]:
    for orientation in range(1, 9):
        turned = edits.stored_as(orientation)
        exif = orientation_exif(orientation)
        yield image(
            f"orientation/astronaut-{orientation}.jpg", "astronaut", turned, quality=85, exif=exif
        )
    for extension in ("png", "webp", "tif"):
        exif = orientation_exif(6)
        yield image(f"orientation/rocket-6.{extension}", "rocket", edits.stored_as(6), exif=exif)


def _near_duplicates() -> Iterator[File]:
    for photo in ("chelsea", "coffee", "motorcycle", "rocket"):
        stem = f"near duplicates/{photo}"
        yield image(f"{stem}.jpg", photo, quality=90)
        yield image(f"{stem} (copy).jpg", photo, quality=90)
        yield image(f"{stem}-recompressed.jpg", photo, quality=35)
        yield image(f"{stem}-smaller.png", photo, edits.scaled(0.6))
        yield image(f"{stem}-cropped.jpg", photo, edits.cropped(0.02, 0.02, 0.99, 0.98), quality=85)
        yield image(f"{stem}-brighter.jpg", photo, edits.brightened(1.25), quality=85)
        yield image(f"{stem}-contrast.webp", photo, edits.contrasted(1.3), quality=80)
        yield image(f"{stem}-blurred.jpg", photo, edits.blurred(1.5), quality=85)


def _trips() -> Iterator[File]:
    for trip in TRIPS:
        for number in range(2 * len(trip.photos)):
            yield _trip_photo(trip, number)


def _trip_photo(trip: Trip, number: int) -> File:
    """One photograph of a trip.

    The second half of the photographs are closer views of the first half. Every fourth is in
    portrait format, which a camera stores on its side with EXIF orientation 6.
    """
    photo = trip.photos[number % len(trip.photos)]
    is_closer = number >= len(trip.photos)
    view = edits.cropped(0.15, 0.1, 0.75, 0.7) if is_closer else edits.cropped(0, 0, 1, 1)
    width, height = trip.camera.size
    steps = [view, edits.converted("RGB")]
    is_portrait = number % 4 == 3
    if is_portrait:
        steps += [edits.fitted(height, width), edits.stored_as(6)]
    else:
        steps += [edits.fitted(width, height)]
    exif = photo_exif(trip, number, orientation=6 if is_portrait else 1)
    path = f"trips/{trip.folder}/IMG_{number + 1:04}.jpg"
    return image(path, photo, *steps, quality=80, exif=exif)


def _names() -> Iterator[File]:
    small = edits.fitted(160, 120)
    names = (
        "with a space.jpg",
        "日本語/猫.jpg",
        "Ünïcödé ☕.png",
        'it\'s "quoted".jpg',
        "-dash.jpg",
        "100%25.jpg",
        "<script>alert(1)<.png",
        "semi;colon & #hash?.webp",
        "two.dots..jpg",
        "a folder.jpg/inside.jpg",
        "same.jpg",
        "same.png",
    )
    for name, photo in zip(names, ALL_PHOTOS, strict=False):
        yield image(f"names/{name}", photo, small)


def _several_frames() -> Iterator[File]:
    views = [edits.fitted(240, 240, (left, 0.5)) for left in (0.0, 0.5, 1.0)]
    yield frames("frames/motorcycle.gif", "motorcycle", *views, duration=200, loop=0)
    yield frames("frames/motorcycle.webp", "motorcycle", *views, duration=200)
    yield frames("frames/motorcycle-animated.png", "motorcycle", *views, duration=200)
    yield frames("frames/motorcycle-pages.tif", "motorcycle", *views, compression="tiff_lzw")


def _damaged() -> Iterator[File]:
    intact_jpeg = image("intact.jpg", "coffee", quality=85)
    intact_png = image("intact.png", "chelsea")
    text = b"This is a text file, whatever its name says.\n"
    page = b"<!DOCTYPE html>\n<title>404 Not Found</title>\n<p>The photograph has moved.</p>\n"
    yield File("damaged/truncated.jpg", partial(_beginning, file=intact_jpeg, divisor=2), "damaged")
    yield File("damaged/truncated.png", partial(_beginning, file=intact_png, divisor=3), "damaged")
    yield File("damaged/text.jpg", lambda _: text, "damaged")
    yield File("damaged/web page.jpg", lambda _: page, "damaged")
    yield File("damaged/empty.png", lambda _: b"", "damaged")
    yield File("README.txt", lambda _: README.encode(), "ignored")


def _beginning(photos: Photos, file: File, divisor: int) -> bytes:
    """The first bytes of a file: 1/``divisor`` of them."""
    data = file.make(photos)
    return data[: len(data) // divisor]


README = """\
Photographs for trying mrimage, made by `mrimage demo` from those in scikit-image's wheel (see its
documentation, skimage.data, for who took them and under which terms), in many sizes, formats and pixel types.
The cameras, dates and places in trips/ are invented; the files in damaged/ are broken on purpose.
"""

FILES: tuple[File, ...] = (
    *_originals(),
    *_formats(),
    *_sizes(),
    *_pixel_types(),
    *_colors(),
    *_orientations(),
    *_near_duplicates(),
    *_trips(),
    *_names(),
    *_several_frames(),
    *_damaged(),
)
