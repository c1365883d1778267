"""What a job may ask for, what its mapper may answer, and when two jobs are the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mrimage as mr
from mrimage.errors import UsageError
from mrimage.flow.prepare import prepare_job
from mrimage.flow.run import RunOptions, run
from mrimage.job.job import Plan
from mrimage.types import Crop

HERE = RunOptions(workers=1, thumbnails=False)


def total(key: str, values: Iterator[int]) -> Iterator[int]:
    yield sum(values)


@pytest.mark.parametrize("job", [mr.Job(combine=total), mr.Job(combine=total, group=("mean",))])
def test_a_combiner_needs_a_reducer_of_its_own(job: mr.Job) -> None:
    with pytest.raises(UsageError, match="combine"):
        prepare_job(job)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"key": 5}, "Job.key needs a name, or several, but got 5."),
        ({"key": ()}, "Job.key needs at least one name"),
        ({"key": "camra"}, 'key must be one of .*Did you mean "camera"'),
        ({"extract": "hsh"}, 'Job.extract must be one of .*Did you mean "hash"'),
        ({"needs": "hash"}, "needs sends columns to the job's own reduce or program"),
        ({"needs": "hsh", "reduce": total}, 'Job.needs must be one of .*Did you mean "hash"'),
        ({"needs": "hash", "reduce": total, "combine": total}, "combine cannot be used with needs"),
        ({"group": (5,)}, "Job.group needs a name"),
        ({"map": "os:getcwd"}, "Job.map needs a function, but got 'os:getcwd'."),
        ({"include": 5}, "Job.include needs a pattern"),
        ({"all_files": 1}, "Job.all_files needs True or False, but got 1."),
        ({"output": "webdatset"}, 'Job.output must be one of .*Did you mean "webdataset"'),
        (
            {"shard_size": "5MB", "output": "parquet"},
            "Job.shard_size needs a number of bytes from 1, but got '5MB'.",
        ),
        ({"edits": {"resize": (5, 5)}}, "Job.edits needs mrimage.Edits"),
        (
            {"edits": mr.Edits(resize="5x5")},
            "Edits.resize needs a size such as .512, 512.*, but got '5x5'.",
        ),
        (
            {"edits": mr.Edits(resize=(0, 5))},
            "Edits.resize needs a size .* each side from 1 to 65535",
        ),
        ({"edits": mr.Edits(crop=(5, 5))}, "Edits.crop needs mrimage.Crop"),
        ({"edits": mr.Edits(crop=Crop(5, 0))}, "Edits.crop needs mrimage.Crop"),
        (
            {"edits": mr.Edits(crop=Crop(5, 5, 1))},
            "Edits.crop needs mrimage.Crop.width, height. or .*x, y",
        ),
        ({"edits": mr.Edits(fit="big", resize=(5, 5))}, "Edits.fit must be one of"),
        ({"edits": mr.Edits(format="jpge")}, 'Edits.format must be one of .*Did you mean "jpeg"'),
        ({"edits": mr.Edits(to="rgb")}, 'Edits.to must be one of .*Did you mean "srgb"'),
        (
            {"edits": mr.Edits(correct="levels")},
            'Edits.correct must be one of .*Did you mean "auto-levels"',
        ),
        (
            {"edits": mr.Edits(quality=500)},
            "Edits.quality needs a whole number from 1 to 100, but got 500.",
        ),
        ({"edits": mr.Edits(enlarge="no")}, "Edits.enlarge needs True or False"),
        (
            {"edits": mr.Edits(metadata="all")},
            "Edits.metadata must be one of copyright, keep, strip",
        ),
        (
            {"edits": mr.Edits(background="white")},
            "Edits.background needs a color such as .255, 128, 0.",
        ),
        (
            {"edits": mr.Edits(background=(0, 0, 256))},
            "Edits.background needs a color .* from 0 to 255",
        ),
        ({"edits": mr.Edits(fit="pad")}, "--fit pad needs --resize"),
        ({"limits": None}, "Job.limits needs mrimage.Limits"),
        (
            {"limits": mr.Limits(deadline="5")},
            "Limits.deadline needs a number of seconds above 0, but got '5'.",
        ),
        ({"limits": mr.Limits(deadline=-1)}, "Limits.deadline needs a number of seconds above 0"),
        (
            {"limits": mr.Limits(deadline=float("nan"))},
            "Limits.deadline needs a number of seconds above 0",
        ),
        ({"limits": mr.Limits(memory=0)}, "Limits.memory needs a number of bytes from 1"),
        ({"reduse": total}, 'a keyword of mrimage.Job must be one of .*Did you mean "reduce"'),
    ],
    ids=lambda value: re.sub(r" at 0x[0-9a-f]+", "", str(value)),
)
def test_a_value_that_is_none_is_bad_usage_and_not_the_fault_of_images(
    photos: Path, tmp_path: Path, fields: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
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


@pytest.mark.parametrize("answer", [None, [("\ud800", 1)], ["k"], 7])
def test_what_a_mapper_may_not_answer_quarantines_the_image(
    photos: Path, tmp_path: Path, answer: object
) -> None:
    job = mr.Job(map=lambda image: answer)  # type: ignore[arg-type, return-value]  # what users get wrong
    how = RunOptions(workers=1, thumbnails=False, max_failures="100%")
    summary = run(job, str(photos), str(tmp_path / "out"), how)
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
