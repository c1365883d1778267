"""Options as text: every valid one arrives as the value that it says, every other is bad usage
that names the option."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mrimage.errors import UsageError
from mrimage.job.fields import JOB_FIELDS, RUN_FIELDS
from mrimage.job.job import Job
from mrimage.job.option_types import BYTES, OptionType
from mrimage.job.picture_options import COLOR, CROP, SIZES
from mrimage.job.reading import build_job, load_job
from mrimage.types import Crop

SIDE = st.integers(1, 65535)
OFFSET = st.integers(0, 999_999)
BYTE = st.integers(0, 255)
NAME = (
    st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1)
    .map(str.strip)
    .filter(bool)
)
ODD = st.one_of(
    st.text(max_size=30),
    st.from_regex(r"-?\d{1,12}[xX*]-?\d{0,7}([+-]\d{0,8}){0,3}\s?", fullmatch=True),
    st.from_regex(r"#[0-9a-gA-G]{0,8}", fullmatch=True),
    st.from_regex(r"\d{0,30}\s{0,2}[kKMGTPEmg]?i?[Bb]?\n?", fullmatch=True),
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates(),
    st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(), st.integers()),
)
"""What a command line or a TOML file may hold, much of it nearly right."""


def outcome(call: Callable[[], object]) -> object:
    """What the call answers, or how it refuses; any other error is an error of the test."""
    try:
        return call()
    except UsageError as error:
        return error


FUNCTIONS = ("map", "reduce", "combine", "edits", "program", "statistic", "each")
FIELDS = {**JOB_FIELDS, **RUN_FIELDS}
NAMES = JOB_FIELDS["key"].type


@given(SIDE, SIDE, st.sampled_from("xX"))
def test_a_size_round_trips(width: int, height: int, by: str) -> None:
    assert SIZES.from_text("--resize", f"{width}{by}{height}") == (width, height)


@given(SIDE, SIDE, OFFSET, OFFSET)
def test_a_crop_round_trips(width: int, height: int, x: int, y: int) -> None:
    assert CROP.from_text("--crop", f"{width}x{height}") == Crop(width, height)
    assert CROP.from_text("--crop", f"{width}x{height}+{x}+{y}") == Crop(width, height, x, y)


@given(BYTE, BYTE, BYTE)
def test_a_colour_round_trips(red: int, green: int, blue: int) -> None:
    for text in (f"#{red:02x}{green:02x}{blue:02x}", f"#{red:02X}{green:02X}{blue:02X}"):
        assert COLOR.from_text("--background", text) == (red, green, blue)


@given(
    st.integers(1, 10**6),
    st.sampled_from(["", "k", "K", "M", "G", "T"]),
    st.sampled_from(["", " "]),
    st.booleans(),
)
def test_a_number_of_bytes_round_trips(count: int, unit: str, space: str, told: bool) -> None:
    power = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}[unit]
    assert (
        BYTES.from_text("--memory", f"{count}{space}{unit}{'B' if told else ''}")
        == count * 1000**power
    )
    assert BYTES.from_text("--memory", count) == count


@given(st.lists(NAME, min_size=1, max_size=4), st.integers(0, 4))
def test_names_round_trip_with_commas_repeated_and_as_a_list(names: list[str], cut: int) -> None:
    expected = tuple(dict.fromkeys(names))
    assert NAMES.from_text("--key", ",".join(names)) == expected
    assert NAMES.from_text("--key", names) == expected
    assert (
        NAMES.from_text(
            "--key", [part for part in (",".join(names[:cut]), ",".join(names[cut:])) if part]
        )
        == expected
    )
    assert NAMES.from_text("--key", " , ".join(names) + ",") == expected


@pytest.mark.parametrize("name", [*FUNCTIONS])
def test_a_table_is_no_name_of_a_function(name: str) -> None:
    with pytest.raises(UsageError, match=f"--{name} needs .*, but got "):
        FIELDS[name].type.from_text(f"--{name}", {"module:name": 0})


# An error of a rule names the rule; see test_rules. That of a name which cannot be imported names it.
@pytest.mark.parametrize("name", sorted(set(FIELDS) - {*FUNCTIONS, "rules"}))
@given(value=ODD)
@example(value="")
@example(value="0x0")
@example(value="٣x٣")
@example(value="512x512\n")
@example(value="5x5+-1+0")
@example(value="99999x99999")
@example(value="0MB")
@example(value="1" * 5000)
@example(value=float("nan"))
@example(value=["a", 1])
@example(value={})
def test_what_is_no_value_is_bad_usage_that_names_the_option(name: str, value: object) -> None:
    option = f"--{name.replace('_', '-')}"
    found = outcome(lambda: FIELDS[name].type.from_text(option, value))
    if isinstance(found, UsageError):
        assert re.match(rf"{option} (needs|must be one of) .*, but got ", str(found))
        assert "\n" not in str(found)
    else:
        assert found is not None
        assert outcome(lambda: FIELDS[name].type.from_text(option, value)) == found


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {*FUNCTIONS}))
@given(value=ODD)
def test_what_text_says_a_program_may_say_too(name: str, value: object) -> None:
    """One rule for both: whatever an option's text means is a value that a Job in Python
    accepts, unchanged."""
    kind = FIELDS[name].type
    found = outcome(lambda: kind.from_text(name, value))
    if not isinstance(found, UsageError):
        assert kind.from_python(name, found) == found


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {*FUNCTIONS}))
@given(value=ODD)
@example(value=(0, 5))
@example(value=(1, 2, 256))
@example(value=Crop(5, 5, 1))
@example(value=float("nan"))
@example(value=True)
def test_a_wrong_value_in_python_is_bad_usage_that_names_the_field(
    name: str, value: object
) -> None:
    kind = FIELDS[name].type
    found = outcome(lambda: kind.from_python(name, value))
    if isinstance(found, UsageError):
        assert re.match(rf"{name} (needs|must be one of) .*, but got ", str(found))
    else:
        assert kind.from_python(name, found) == found


@pytest.mark.parametrize("kind", [SIZES, CROP])
@pytest.mark.parametrize(
    "text", ["", "5m", "x512", "512x", "0x5", "5x0", "-5x5", "5.5x5", "5 x 5", "123456x1", "５x５"]
)
def test_a_size_that_is_none_is_refused(kind: OptionType, text: str) -> None:
    with pytest.raises(
        UsageError, match=r"^--it needs a (size|rectangle) such as 512x512.*, but got \""
    ):
        kind.from_text("--it", text)


@pytest.mark.parametrize("text", ["5x5+1", "5x5+1+", "5x5+-1+1", "5x5-1-1", "5x5+1+1+1", "5x5+1x1"])
def test_a_crop_s_place_is_two_offsets_or_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"--crop needs a rectangle such as .* or 512x512\+10\+20"):
        CROP.from_text("--crop", text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5MB", "MB", "1 M B", "1MiB", "1PB", "", "٣"])
def test_a_size_in_bytes_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--memory needs a size such as 256MB, but got "):
        BYTES.from_text("--memory", text)


@pytest.mark.parametrize("text", ["65536x1", "1x70000"])
def test_no_image_is_resized_beyond_what_formats_hold(text: str) -> None:
    with pytest.raises(UsageError, match="--resize"):
        SIZES.from_text("--resize", text)


def test_a_module_that_cannot_be_imported_is_bad_usage_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_module.py").write_text("import os\nos.no_such_thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "exiting_module.py").write_text("raise SystemExit(5)\n")
    with pytest.raises(UsageError, match=r"broken_module raised AttributeError: .*no_such_thing"):
        load_job("broken_module:job")
    with pytest.raises(UsageError, match=r"exiting_module raised SystemExit: 5"):
        load_job("exiting_module:job")


@given(st.text(max_size=40))
@example("")
@example(":")
@example("a:b:c")
@example("os:path")
@example("mrimage.job.reading:nothing")
@example(".:x")
@example("nowhere.toml")
@example("\0.toml")
def test_a_job_that_is_none_is_bad_usage(spec: str) -> None:
    with pytest.raises(UsageError):
        load_job(spec)


@given(st.text(max_size=40))
@example("key = [1]")
@example("resize = 512")
@example("map = 7")
@example('map = "os:getcwd:x"')
@example('reduce = "json"')
@example('combine = "no.such.module:name"')
@example("[edits]\nresize = 1")
@example("quality = true")
def test_a_toml_file_that_is_no_job_is_bad_usage_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "job.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = outcome(lambda: load_job(str(path)))
    assert isinstance(found, Job) or str(path) in str(found)


def test_an_unknown_option_in_toml_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text("shard-syze = 5\n")
    with pytest.raises(UsageError, match=re.escape(f"{path}: ") + '.*Did you mean "shard_size"'):
        load_job(str(path))


@pytest.mark.parametrize("value", ["5", "[5]", '{a = "*.jpg"}', "true"])
def test_a_pattern_that_is_no_text_is_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(f"include = {value}\n")
    with pytest.raises(UsageError, match="include needs a pattern, or several"):
        load_job(str(path))


def test_a_key_beside_a_mapper_is_refused_wherever_either_comes_from() -> None:
    for options, base in (
        ({"map": "os:getcwd", "key": "camera"}, None),
        ({"key": "camera"}, Job(map=lambda image: [])),
    ):
        with pytest.raises(UsageError, match="got --key as well"):
            build_job(options, base)


def test_later_options_win_over_the_job_they_are_based_on() -> None:
    base = build_job(
        {"resize": "9x9", "format": "png", "key": "camera", "deadline": 5, "output": "parquet"}
    )
    job = build_job({"format": "webp", "deadline": "2.5"}, base)
    assert job.edits
    assert (job.edits.resize, job.edits.format, job.key, job.output) == (
        (9, 9),
        "webp",
        ("camera",),
        "parquet",
    )
    assert (job.limits.deadline, base.limits.deadline) == (2.5, 5.0)
