"""A fault in mrimage's own code is never reported as damage of the images: it is ``internal``, and ends the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import InternalError, JobError
from mrimage.flow.run import RunOptions, run
from mrimage.image import edit, metadata
from mrimage.image import thumbnail as thumbnails

HERE = RunOptions(workers=1, thumbnails=False)
EDITS = mr.Edits(resize=(8, 8))


def broken(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, error: Exception, times: int = 1 << 30
) -> None:
    """Have our function ``name`` raise ``error``, the first ``times`` it is called."""
    real, calls = getattr(module, name), iter(range(1 << 30))

    def failing(*arguments: Any, **keywords: Any) -> Any:
        if next(calls) < times:
            raise type(error)(*error.args)  # a new one, without the places of earlier raises
        return real(*arguments, **keywords)

    monkeypatch.setattr(module, name, failing)


@pytest.mark.parametrize(
    ("module", "name", "job"),
    [
        (edit, "geometry_of", mr.Job(edits=EDITS)),
        (edit, "turned", mr.Job(edits=EDITS)),
        (edit, "source_profile", mr.Job(edits=EDITS)),
        (edit, "_companions", mr.Job(edits=EDITS)),
        (edit, "encode_picture", mr.Job(edits=EDITS)),
        (thumbnails, "_in_srgb", mr.Job(extract="content")),
        (metadata, "color_space_of", mr.Job()),
        (metadata, "sniff", mr.Job()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize(
    "error", [AttributeError("no such thing"), ValueError("odd"), KeyError("gone")], ids=type
)
def test_a_fault_of_ours_stops_the_run_and_asks_for_a_report(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    job: mr.Job,
    error: Exception,
) -> None:
    broken(monkeypatch, module, name, error)
    with pytest.raises(InternalError) as caught:
        run(job, str(photos), str(tmp_path / "out"), HERE)
    said = str(caught.value)
    assert said.startswith(f"mrimage {mr.__version__} has a bug: it failed on {photos}/")
    assert f"and on 2 more, because of {type(error).__name__}: " in said
    assert f"in image/{module.__name__.rpartition('.')[2]}.py, line " in said
    assert "Please report it" in said


def test_a_rare_fault_of_ours_is_told_when_the_rest_is_done_and_tried_again_by_the_next_run(
    photos: Path,
    tmp_path: Path,
    rows,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [
        "run",
        str(photos),
        str(tmp_path / "out"),
        "--resize",
        "8x8",
        "--workers",
        "1",
        "--quiet",
    ]
    with monkeypatch.context() as patch:
        broken(patch, edit, "turned", TypeError("rare"), times=1)
        assert main(arguments) == 1
    assert "has a bug: it failed on" in capsys.readouterr().err
    reasons = sorted(str(row["reason"]) for row in rows(tmp_path / "out", "quarantine"))
    assert reasons == ["empty", "internal", "not-an-image"]
    assert len(list((tmp_path / "out/images").rglob("*.*"))) == 8
    assert main(arguments) == 0
    assert sorted(str(row["reason"]) for row in rows(tmp_path / "out", "quarantine")) == [
        "empty",
        "not-an-image",
    ]
    assert len(list((tmp_path / "out/images").rglob("*.*"))) == 9


def test_a_fault_of_ours_under_the_user_s_code_is_ours(
    photos: Path, tmp_path: Path, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mapper(image: mr.Image) -> Iterator[tuple[str, str]]:
        if image.metadata.format == "png":
            image.thumbnail(8, 8)
        yield "all", image.uri

    def reducer(key: str, values: Iterable[str]) -> Iterator[mr.Output]:
        for value in values:
            mr.open_image(value).thumbnail(8, 8)
        yield mr.Output("done.txt", key)

    broken(monkeypatch, thumbnails, "turned", LookupError("ours"), times=0)
    run(mr.Job(map=mapper, reduce=reducer), str(photos), str(tmp_path / "sound"), HERE)
    broken(monkeypatch, thumbnails, "_in_srgb", LookupError("ours"), times=2)
    with pytest.raises(InternalError, match=r"and on 1 more, because of LookupError: ours"):
        run(mr.Job(map=mapper, reduce=reducer), str(photos), str(tmp_path / "mapped"), HERE)
    assert (tmp_path / "mapped/report.html").exists()
    monkeypatch.undo()

    def by_format(image: mr.Image) -> Iterator[tuple[str, str]]:
        yield "all", image.uri

    broken(monkeypatch, thumbnails, "_in_srgb", LookupError("ours"))
    with pytest.raises(InternalError, match=r"and on 2 more, because of LookupError: ours"):
        run(mr.Job(map=by_format, reduce=reducer), str(photos), str(tmp_path / "reduced"), HERE)


@pytest.mark.parametrize(
    "ask",
    [
        lambda image: image.thumbnail(0, 8),
        lambda image: image.thumbnail("8", 8),
        lambda image: image.thumbnail(8, 8, "squeeze"),
        lambda image: image.features(["beauty"]),
        lambda image: image.edited(None),
        lambda image: image.edited(mr.Edits(resize=(8, 0))),
        lambda image: image.edited(mr.Edits(resize="8x8")),
        lambda image: image.edited(mr.Edits(format="bmp")),
        lambda image: image.edited(mr.Edits(crop=mr.Crop(0, 4))),
        lambda image: image.edited(mr.Edits(quality=0)),
    ],
)
def test_what_the_user_asks_wrongly_is_the_user_s(photos: Path, tmp_path: Path, ask: Any) -> None:
    def mapper(image: mr.Image) -> Iterator[tuple[str, str]]:
        if image.metadata.format == "png":
            ask(image)
        yield "all", image.uri

    def reducer(key: str, values: Iterable[str]) -> Iterator[mr.Output]:
        ask(mr.open_image(next(iter(values))))
        yield mr.Output("done.txt", key)

    with pytest.raises(
        JobError, match=r"reducer failed on key .all.\. UsageError: .* must be "
    ) as caught:
        run(mr.Job(map=mapper, reduce=reducer), str(photos), str(tmp_path / "out"), HERE)
    assert not isinstance(caught.value, InternalError)
