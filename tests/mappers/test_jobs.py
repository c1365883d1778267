"""What a job may ask for, what its mapper may answer, and when two jobs are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mrimage as mr
from mrimage.errors import UsageError
from mrimage.flow.check import check_job
from mrimage.flow.run import How, run
from mrimage.job.job import Plan
from mrimage.types import Crop

HERE = How(workers=1, thumbnails=False)


def total(key: str, values: Iterator[int]) -> Iterator[int]:
    yield sum(values)


@pytest.mark.parametrize(
    "job", [mr.Job(combine=total), mr.Job(combine=total, reduce=total, group=("mean",))]
)
def test_a_combiner_needs_a_reducer_of_its_own(job: mr.Job) -> None:
    with pytest.raises(UsageError, match="combine"):
        check_job(job)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"key": 5}, "key of the job as text, or several, but received 5."),
        ({"key": ()}, "key of the job as at least one name"),
        ({"group": (5,)}, "group of the job as text"),
        ({"map": "os:getcwd"}, "map of the job as a function"),
        ({"shard_size": "5MB", "output": "parquet"}, "shard_size of the job as a number"),
        ({"edits": {"resize": (5, 5)}}, "edits of the job as mrimage.Edits, but received"),
        (
            {"edits": mr.Edits(resize="5x5")},
            "edits.resize of the job as mrimage.Edits says, but received '5x5'.",
        ),
        ({"edits": mr.Edits(resize=(0, 5))}, "edits.resize of the job as a number from 1 to 65535"),
        ({"edits": mr.Edits(crop=(5, 5))}, "edits.crop of the job as mrimage.Edits says"),
        ({"edits": mr.Edits(crop=Crop(5, 0))}, "edits.crop of the job as a number from 1"),
        ({"edits": mr.Edits(crop=Crop(5, 5, 1))}, "edits.crop of the job as both x and y"),
        (
            {"edits": mr.Edits(fit="big", resize=(5, 5))},
            "edits.fit of the job as mrimage.Edits says",
        ),
        ({"edits": mr.Edits(format="jpg")}, 'edits.format as one of .*Did you mean "jpeg"'),
        ({"edits": mr.Edits(to="rgb")}, 'edits.to as one of .*Did you mean "srgb"'),
        (
            {"edits": mr.Edits(correct="levels")},
            'edits.correct as one of .*Did you mean "auto-levels"',
        ),
        (
            {"edits": mr.Edits(quality=500)},
            "edits.quality of the job as a number from 1 to 100, but received 500.",
        ),
        (
            {"edits": mr.Edits(background="white")},
            "edits.background of the job as mrimage.Edits says",
        ),
        (
            {"edits": mr.Edits(background=(0, 0, 256))},
            "edits.background of the job as a number from 0 to 255",
        ),
        ({"edits": mr.Edits(fit="pad")}, "Expected --resize for --fit pad"),
        ({"limits": None}, "limits of the job as mrimage.Limits"),
        ({"limits": mr.Limits(deadline="5")}, "limits.deadline of the job as mrimage.Limits says"),
        (
            {"limits": mr.Limits(deadline=-1)},
            "limits.deadline of the job as a number of seconds above 0",
        ),
        (
            {"limits": mr.Limits(deadline=float("nan"))},
            "limits.deadline of the job as a number of seconds above 0",
        ),
        ({"limits": mr.Limits(memory=0)}, "limits.memory of the job as a number from 1"),
    ],
    ids=str,
)
def test_a_value_that_is_none_is_bad_usage_and_not_the_fault_of_images(
    photos: Path, tmp_path: Path, fields: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        run(mr.Job(**fields), str(photos), str(tmp_path / "out"), HERE)
    assert not (tmp_path / "out").exists()


def test_one_name_stands_for_a_tuple_and_doubles_count_once() -> None:
    assert mr.Job(key="camera").key == ("camera",)  # type: ignore[arg-type]  # a convenience at run time
    assert mr.Job(extract=("content", "content")).extract == ("content",)


def mapper_that_adds(suffix: str) -> Callable[[mr.Image], list[tuple[str, None]]]:
    return lambda image: [(image.metadata.format + suffix, None)]


def test_a_closure_over_another_value_is_another_job() -> None:
    one, same, other = (
        mr.Job(map=mapper_that_adds(suffix)).describe() for suffix in ("a", "a", "b")
    )
    assert one == same
    assert one != other


def test_a_source_is_the_same_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ways = ("photos", "photos/", str(tmp_path / "photos"), f"file://{tmp_path}/photos")
    assert len({Plan(mr.Job(), way, "out").hash() for way in ways}) == 1


@pytest.mark.parametrize("answer", [None, [("\ud800", 1)], [("k", object())], ["k"], 7])
def test_what_a_mapper_may_not_answer_quarantines_the_image(
    photos: Path, tmp_path: Path, answer: object
) -> None:
    job = mr.Job(map=lambda image: answer)  # type: ignore[arg-type, return-value]  # what users get wrong
    summary = run(job, str(photos), str(tmp_path / "out"), HERE)
    assert summary.failures["mapper-failed"] == 9
    assert summary.images == summary.processed + summary.quarantined


def test_odd_keys_and_several_and_no_keys_are_all_accounted_for(
    photos: Path, tmp_path: Path, rows
) -> None:
    odd = ["", "..", "a/b", "a\0b", "new\nline", "x" * 5000]

    def mapper(image: mr.Image) -> Iterator[tuple[str, str]]:
        if image.metadata.format == "png":
            return
        for key in [*odd, odd[0]]:
            yield key, image.uri

    job = mr.Job(
        map=mapper, reduce=lambda key, values: [mr.Output("n.txt", str(len(list(values))))]
    )
    summary = run(job, str(photos), str(tmp_path / "out"), HERE)
    assert (summary.processed, summary.groups, summary.outputs) == (9, len(odd), len(odd))
    assert {
        row["key"]: (row["images"], row["records"]) for row in rows(tmp_path / "out", "groups")
    } == {key: (5, 10 if key == "" else 5) for key in odd}
