"""``--examples FOLDER``: images get the label of the examples that they are most like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import SinkError, UsageError
from mrimage.patterns.examples import UNSURE, calibrate, label_of, learn
from mrimage.patterns.vectors import UNIT

pytestmark = pytest.mark.usefixtures("plain_report")

LABELS = ("bricks", "sea")


def picture(path: Path, label: str, seed: int) -> None:
    """Upright or level stripes, with noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:24, :32]
    waves = np.sin((columns if label == "bricks" else rows) * random.uniform(0.6, 1.2))
    pixels = 128 + 70 * waves + random.normal(0, 12, (24, 32))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Four examples of each label, and three other images of each."""
    for label in LABELS:
        for number in range(4):
            picture(tmp_path / "examples" / label / f"{number}.png", label, number)
        for number in range(3):
            picture(tmp_path / "in" / f"{label}{number}.png", label, 100 + number)
    return tmp_path / "in", tmp_path / "examples"


def labels(out: Path) -> dict[str, str]:
    table = mr.open(out).catalogue
    return dict(zip(table["path"].to_pylist(), table["label"].to_pylist(), strict=True))


def test_images_get_the_label_of_their_examples_and_are_grouped_by_it(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, examples = folders
    out = tmp_path / "out"
    options = ["--examples", str(examples), "--key", "label", "--workers", "1", "--no-thumbnails"]
    assert main(["run", str(source), str(out), *options]) == 0
    assert "8 examples of 2 labels; each one left out in turn, 100 % get" in capsys.readouterr().err
    assert labels(out) == {f"{label}{number}.png": label for label in LABELS for number in range(3)}
    assert mr.open(out).groups["key"].to_pylist() == list(LABELS)
    assert all(0.5 <= value < 1 for value in mr.open(out).catalogue["confidence"].to_pylist())

    # A label can name clusters, too, and another threshold makes all unsure.
    job = mr.Job(examples=str(examples), find="clusters", clusters=2, unsure=0.99)
    mr.run(job, source, tmp_path / "unsure", workers=1, thumbnails=False)
    assert set(labels(tmp_path / "unsure").values()) == {UNSURE}


def test_other_examples_make_another_job(folders: tuple[Path, Path], tmp_path: Path) -> None:
    source, examples = folders
    job = mr.Job(examples=str(examples))
    mr.run(job, source, tmp_path / "out", workers=1, thumbnails=False)
    again = mr.run(job, source, tmp_path / "out", workers=1, thumbnails=False)
    assert again.facts.reused == 6
    picture(examples / "sea" / "more.png", "sea", 50)
    with pytest.raises(SinkError, match="digest"):
        mr.run(job, source, tmp_path / "out", workers=1, thumbnails=False)


def test_examples_that_are_none_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    source, examples = folders

    def run(**fields: object) -> None:
        mr.run(mr.Job(**fields), source, tmp_path / "out", workers=1, thumbnails=False)

    with pytest.raises(UsageError, match="at least two labels"):
        run(examples=str(examples / "sea"))
    with pytest.raises(UsageError, match="Add --examples"):
        run(extract="examples")
    with pytest.raises(UsageError, match="got both"):
        run(examples=str(examples), extract="labels")
    (examples / "sea" / "bad.png").write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"bad\.png: .* take it out"):
        run(examples=str(examples))
    assert not (tmp_path / "out").exists()


def test_each_example_is_left_out_before_it_is_judged() -> None:
    random = np.random.default_rng(3)
    noise = np.rint(random.normal(0, 500, (40, 16))).astype(np.float32)
    names = ["a", "b"] * 20
    # The labels say nothing, so that knowing an example itself would be the only way to be right.
    assert learn("descriptor", names, noise).right < 32
    noise[::2, 0] += UNIT
    found = learn("descriptor", names, noise)
    assert found.right >= 38
    assert label_of(found, [1.0, *[0.0] * 15], 0.5)["label"] == "a"
    assert label_of(found, [0.0] * 16, 0.5)["label"] == "b"


def test_the_nearest_examples_decide_where_means_cannot() -> None:
    random = np.random.default_rng(4)
    middles = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) * UNIT * 0.5
    vectors = np.rint(np.repeat(middles, 6, axis=0) + random.normal(0, 60, (24, 2)))
    found = learn("descriptor", ["x"] * 12 + ["y"] * 12, vectors.astype(np.float32))
    assert (found.method, found.right) == ("neighbors", 24)


def test_a_label_with_a_single_example_is_never_right_when_that_is_left_out() -> None:
    vectors = np.array([[4000, 0], [3990, 0], [0, 4000]], np.float32)
    assert learn("descriptor", ["a", "a", "b"], vectors).right == 2


def test_confidence_rises_with_the_margin_and_is_never_certain() -> None:
    margins = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    is_right = np.array([False, True, False, True, True, True])
    starts, shares = calibrate(margins, is_right)
    assert starts == (0.1, 0.2, 0.4)
    assert shares == (round(1 / 3, 4), 0.5, 0.8)
