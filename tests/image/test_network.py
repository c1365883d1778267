"""Models: what is read of them, what they get, what becomes of what they return, and the default model."""

from __future__ import annotations

import hashlib
import io
import math
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data
from tests.image.networks import CLASSES, NORMALIZED, SHARPEN, tiny, written
from tests.image.samples import opened, saved

from mrimage.errors import ImageError, JobError, UsageError
from mrimage.image import Image
from mrimage.image.network import ModelOptions, Network
from mrimage.image.network.columns import network_columns, probabilities
from mrimage.image.network.default_model import convert, default_model
from mrimage.image.network.reading import read_network
from mrimage.image.network.session import Model
from mrimage.image.network.torch_file import read_tensors

BOTH = ("embedding", "labels")


def network(
    folder: Path,
    content: bytes,
    options: ModelOptions = ModelOptions(),  # noqa: B008 - it is frozen
    **keywords: str,
) -> Network:
    return read_network(written(folder, content), options, BOTH, keywords.get("labels"))


def columns(found: Network, content: bytes, *images: Image) -> list[dict[str, object]]:
    """The columns of images, by a whole model."""
    outputs = Model(found, content).run([image.model_input(found) for image in images])
    return [network_columns(found, BOTH, one, 2, 0.5) for one in outputs]


def flat(*color: int, size: tuple[int, int] = (20, 12)) -> Image:
    return opened(saved(Pillow.new("RGB", size, color), "PNG"))


def test_a_flat_picture_by_hand(tmp_path: Path) -> None:
    content = tiny(metadata=NORMALIZED | {"mrimage.labels": "\n".join(CLASSES)})
    found = network(tmp_path, content)
    assert found.digest == hashlib.sha256(content).hexdigest()
    assert (found.width, found.layout, found.length, found.labels) == (8, "nchw", 3, CLASSES)
    [row] = columns(found, content, flat(0, 153, 51))
    length = math.hypot(0.6, 0.2)
    assert row["embedding"] == pytest.approx([0, 0.6 / length, 0.2 / length], abs=1e-3)
    powers = [math.exp(SHARPEN * share) for share in (0, 0.6, 0.2)]
    assert row["labels"] == ["greenish", "bluish"]
    assert row["confidences"] == pytest.approx(
        [powers[1] / sum(powers), powers[2] / sum(powers)], abs=1e-4
    )
    assert (row["label"], row["confidence"]) == ("greenish", row["confidences"][0])


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("dtype", ["FLOAT", "FLOAT16", "UINT8"])
def test_layouts_and_types_give_the_same(tmp_path: Path, layout: str, dtype: str) -> None:
    content = tiny(layout=layout, dtype=dtype)
    [row] = columns(network(tmp_path, content), content, flat(0, 153, 51))
    assert row["embedding"] == pytest.approx([0, 0.9487, 0.3162], abs=2e-3)


def test_channels_mean_and_deviation_reach_the_model(tmp_path: Path) -> None:
    content = tiny()
    options = ModelOptions(channels="bgr", mean=(0.5, 0.25, 0.0), deviation=(0.5, 0.25, 1.0))
    found = network(tmp_path, content, options)
    seen = flat(255, 0, 51).model_input(found)
    assert (seen.shape, seen.dtype) == ((3, 8, 8), np.float32)
    assert seen[:, 0, 0] == pytest.approx([0.2, -1, 1])  # blue, green, red


def test_the_model_sees_the_upright_middle(tmp_path: Path) -> None:
    """A landscape, white with a black middle of its height, that EXIF turns upright."""
    picture = Pillow.new("RGB", (90, 30), "white")
    picture.paste("black", (30, 0, 60, 30))
    exif = Pillow.Exif()
    exif[0x112] = 6
    found = network(tmp_path, tiny(), ModelOptions(crop=1.0))
    image = opened(saved(picture, "PNG", exif=exif))
    assert image.model_input(found) == pytest.approx(np.zeros((3, 8, 8)), abs=0.1)
    whole = opened(saved(picture.resize((90, 90)), "PNG")).model_input(found)
    # The columns from 1/3 to 2/3 of 8 are black.
    assert whole[0, 4, [0, 1, 3, 4, 6, 7]] == pytest.approx([1, 1, 0, 0, 1, 1], abs=0.1)


def test_what_is_said_about_a_model_has_an_order(tmp_path: Path) -> None:
    """Options win over the sidecar, the sidecar over the metadata, and these over the shapes."""
    said = NORMALIZED | {"mrimage.size": "16x16", "mrimage.crop": "0.5", "mrimage.channels": "bgr"}
    content = tiny(side="side", metadata=said)
    (tmp_path / "tiny.toml").write_text('size = 32\ncrop = 0.75\nlabels = ["a", "b", "c"]\n')
    found = network(tmp_path, content, ModelOptions(crop=1.0))
    assert (found.width, found.height, found.crop, found.channels) == (32, 32, 1.0, "bgr")
    assert found.labels == ("a", "b", "c")
    lines = tmp_path / "names.txt"
    lines.write_text("x\ny\nz\n")
    assert network(tmp_path, content, labels=str(lines)).labels == ("x", "y", "z")


def test_probabilities_stay_as_they_are() -> None:
    shares = np.array([0.2, 0.5, 0.3])
    assert (probabilities(shares) == shares).all()
    assert probabilities(np.array([1000.0, 1000.0])) == pytest.approx([0.5, 0.5])


def test_a_fixed_batch_gives_what_single_images_give(tmp_path: Path) -> None:
    single = tiny()
    fixed = tiny(batch=4)
    images = [flat(10 * place, 40, 90) for place in range(3)]
    by_four = columns(network(tmp_path, fixed), fixed, *images)
    alone = network(tmp_path, single)
    assert by_four == [columns(alone, single, image)[0] for image in images]


def test_one_output_serves_both_extractors(tmp_path: Path) -> None:
    found = network(tmp_path, tiny(outputs=("y",)))
    assert (found.embedding_output, found.label_output, found.labels) == ("y", "y", ("0", "1", "2"))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"no model", {}, "ONNX Runtime needs a valid model"),
        (tiny(metadata={}), {}, "--model-mean and --model-deviation"),
        (tiny(side="side"), {}, "--model-size"),
        (tiny(), {"size": (9, 8)}, "must be that of the model's input, 8x8, but got 9x8"),
        (tiny(), {"layout": "nhwc"}, "--model-layout"),
        (tiny(outputs=("one", "two")), {}, "embedding_output = "),
        (tiny(), {"label_output": "logit"}, 'Did you mean "logits"'),
        (
            tiny(metadata=NORMALIZED | {"mrimage.labels": "one\ntwo"}),
            {},
            "3 classes, but .* 2 labels",
        ),
        (tiny(metadata=NORMALIZED | {"mrimage.crop": "7"}), {}, "crop in the model's metadata"),
        (tiny(dtype="INT32"), {}, "one input: images"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_with_advice(
    tmp_path: Path, content: bytes, options: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        network(tmp_path, content, ModelOptions(**options))


def test_a_sidecar_with_an_unknown_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text("sise = 32")
    with pytest.raises(UsageError, match='Did you mean "size"'):
        network(tmp_path, tiny())


def test_numbers_that_are_not_finite_are_the_image_s_fault(tmp_path: Path) -> None:
    found = network(tmp_path, tiny())
    with pytest.raises(ImageError, match="not finite"):
        network_columns(found, ("embedding",), {"embedding": np.array([1, np.nan])}, 5, 0.5)


def test_a_model_that_fails_later_is_the_job_s_fault(tmp_path: Path) -> None:
    content = tiny(batch=4)
    model = Model(network(tmp_path, content), content)
    with pytest.raises(JobError, match="The model failed"):
        model.run([np.zeros((3, 9, 9), np.float32)])


def test_without_the_extra_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"pip install \"mrimage\[embed\]\""):
        network(tmp_path, tiny())


class _Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_a_file_of_weights_runs_no_code() -> None:
    stream = io.BytesIO()
    for value in (1, 2, 3, _Evil()):
        pickle.dump(value, stream)
    with pytest.raises(pickle.UnpicklingError, match=r"system is not a tensor"):
        read_tensors(stream.getvalue())


def test_the_default_model_knows_a_cup_of_coffee(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    content = default_model()
    assert content == convert()
    [cached] = (tmp_path / "mrimage").iterdir()
    assert cached.read_bytes() == content
    monkeypatch.setattr("mrimage.image.network.default_model.convert", None)
    found = read_network(None, ModelOptions(), BOTH, None)  # from the cache
    assert (found.length, len(found.labels)) == (1280, 1000)
    coffee, cat = (
        opened(saved(Pillow.fromarray(picture), "PNG")) for picture in (data.coffee(), data.cat())
    )
    [coffee_row, cat_row] = columns(found, content, coffee) + columns(found, content, cat)
    assert (coffee_row["label"], float(str(coffee_row["confidence"])) > 0.9) == ("espresso", True)
    assert any("cat" in label.lower() for label in cat_row["labels"])
