"""Output names: injective, safe on every file system, bounded."""

from __future__ import annotations

import posixpath

from hypothesis import example, given
from hypothesis import strategies as st

from mrimage.sink.naming import component, group_path, image_name, image_path

part = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30
).filter(lambda text: text not in {".", ".."})
path = st.lists(part, min_size=1, max_size=3).map("/".join)
key = st.text(max_size=40)
extension = st.sampled_from(["jpg", "png", "webp", "avif", "tiff"])


@given(st.lists(path, min_size=2, max_size=6, unique=True), extension)
@example(["a.jpg", "a.png"], "webp")
@example(["a.png", "a~png.webp", "a%7Epng.webp"], "webp")
@example(["x.jpg", "x.jpg/y.jpg"], "jpg")
@example(
    ["a/" * 400 + "x.jpg", "a/" * 400 + "x.png", "a/" * 400 + "y.jpg", "b/" + "a/" * 399 + "x.jpg"],
    "jpg",
)
def test_two_sources_never_share_a_name(paths: list[str], ending: str) -> None:
    names = [image_name(path, ending) for path in paths]
    assert len(set(names)) == len(names)
    folders = {folder for name in names for folder in _parents(name)}
    assert not folders & set(names), "a file would have to be a folder too"


@given(st.lists(key, min_size=2, max_size=6, unique=True))
def test_two_keys_never_share_a_folder(keys: list[str]) -> None:
    assert len({component(key) for key in keys}) == len(keys)


@given(key, path, extension)
@example("../../etc", "../../passwd", "png")
@example("", "-rf", "png")
@example("k", "a" * 300 + "/" + "b" * 300 + ".jpg", "webp")
@example(
    "k" * 300, "ü" * 300 + "/" + "b" * 300 + "/" + "é" * 300 + "/" + "d/" * 90 + "e.jpg", "webp"
)
def test_every_component_is_safe_and_bounded(key: str, path: str, ending: str) -> None:
    assert len(image_path(key, path, ending).encode()) <= len("images/") + 200 + len("/") + 700
    for name in (image_path(key, path, ending), group_path(key, path)):
        assert posixpath.normpath(name) == name
        for piece in name.split("/"):
            assert piece not in {"", ".", ".."}
            assert not piece.startswith((".", "-", " "))
            assert len(piece.encode()) <= 250
            assert not any(char in piece for char in '<>:"|?*\\\n\r\t\0')


def test_a_name_that_needs_no_change_is_kept() -> None:
    assert image_name("summer/IMG 0001.JPG", "jpg") == "summer/IMG 0001.JPG"
    assert image_name("fotos/ñandú.png", "png") == "fotos/ñandú.png"


def _parents(name: str) -> list[str]:
    pieces = name.split("/")
    return ["/".join(pieces[:end]) for end in range(1, len(pieces))]


def test_names_without_extension_and_folders_full_of_dots_stay_readable_and_short() -> None:
    assert image_name("3f9a2c71d0", "webp") == "3f9a2c71d0~.webp"
    assert image_name("x.jpg/y.png", "png") == "x%2Ejpg/y.png"
    assert max(len(part) for part in image_name("." * 200 + "/a.png", "png").split("/")) <= 240
