"""Rules by key: what happens to the images under a key, from the command line to the outputs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.flow.listing import ListingCounts, entries_of
from mrimage.flow.prepare import prepare_job
from mrimage.flow.run import RunOptions, run
from mrimage.image import edit
from mrimage.job.fields import JOB_FIELDS, RULE_OPTIONS
from mrimage.job.job import Job, Plan
from mrimage.job.reading import load_job
from mrimage.job.rules import first_match
from mrimage.storage import open_store, open_uri
from mrimage.tasks.map_split import map_split
from mrimage.types import Attempt, Edits, Split

HERE = RunOptions(workers=1, thumbnails=False)
RULES = (
    mr.Rule("cmyk*", to="srgb", quality=50),
    mr.Rule("gray", skip=True),
    mr.Rule("g*", format="webp"),
)
PLAIN = mr.Edits(resize=(16, 16), format="jpeg", quality=90)
QUICK = ("--workers", "1", "--no-thumbnails", "--quiet")

Rows = Callable[[Path, str], list[dict[str, object]]]


def outputs(out: Path) -> dict[str, bytes]:
    """The edited images below OUT, by their paths there."""
    paths = [path for path in (out / "images").rglob("*") if path.is_file()]
    return {str(path.relative_to(out / "images")): path.read_bytes() for path in paths}


def made_by(job: mr.Job, photos: Path, out: Path) -> dict[str, bytes]:
    """The edited images of one map task over all of ``photos``."""
    plan = Plan(prepare_job(job), str(photos), str(out))
    open_store(str(out), create=True)
    entries = tuple(entries_of(plan, ListingCounts(), strict=False))
    map_split(plan, Split("all", entries), Attempt())
    return outputs(out)


def counts(out: Path) -> list[tuple[str, int, int]]:
    rules = json.loads((out / "summary.json").read_text())["rules"]
    return [(each["rule"], each["images"], each["outputs"]) for each in rules]


# What a rule says.

TEXT = st.text("abc*?[]: ,=%-", min_size=1).map(str.strip).filter(bool)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "crop": st.none() | st.builds(mr.Crop, st.integers(1, 99), st.integers(1, 99)),
        "resize": st.none() | st.sampled_from([(5, 5), ((5, 6), (7, 8)), "hd", ["hd", (1, 1)]]),
        "fit": st.sampled_from(["cover", "pad"]),
        "enlarge": st.booleans(),
        "to": st.none() | st.just("srgb"),
        "format": st.sampled_from(["keep", "png"]),
        "quality": st.none() | st.integers(1, 100),
        "background": st.sampled_from([(1, 2, 3), (255, 255, 255)]),
    },
)


@given(st.lists(st.builds(lambda key, options: mr.Rule(key, **options), TEXT, OPTIONS), max_size=3))
def test_a_rule_is_read_back_from_its_text(rules: list[mr.Rule]) -> None:
    """The description of a job holds rules as text, and ``retry`` reads them from there."""
    checked = Job(rules=rules).rules
    texts = [RULE_OPTIONS.show(rule) for rule in checked]
    assert JOB_FIELDS["rules"].type.from_text("--rule", texts) == checked


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("cmyk*", "cmyk,landscape", True),
        ("*,landscape", "cmyk,landscape", True),
        ("trips/*", "trips/2016/rome", True),
        ("16:9", "16:9", True),
        ("srgb", "srgb,landscape", False),
        ("SRGB", "srgb", False),
        ("[!s]*", "srgb", False),
        ("?rgb", "srgb", True),
        ("*", "", True),
        ("a*", "a\nb", True),
    ],
)
def test_a_pattern_is_matched_against_the_whole_key(pattern: str, key: str, matches: bool) -> None:
    assert mr.Rule(pattern).matches(key) == matches


def test_a_key_may_have_colons() -> None:
    job = Job(rules=JOB_FIELDS["rules"].type.from_text("--rule", ["16:9: quality=7", "a: b:"]))
    assert [(rule.key, rule.options) for rule in job.rules] == [
        ("16:9", (("quality", 7),)),
        ("a: b", ()),
    ]
    assert first_match(job.rules, "a: b") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cmyk*: qualty=85", 'An option of rule "cmyk*" must be one of .*Did you mean "quality"'),
        ("cmyk*: quality=850", 'Rule "cmyk*": quality needs a whole number .*but got "850"'),
        ("cmyk*: to=srgbb", 'Rule "cmyk*": to must be one of .*Did you mean "srgb"'),
        ("cmyk*: resize=sdx", 'Rule "cmyk*": resize needs a size .*Did you mean "sdxl"'),
        ("cmyk*: enlarge=no", 'Rule "cmyk*": enlarge needs true or false, but got "no"'),
        ("cmyk*: fit=none", 'Rule "cmyk*": fit must be one of'),
        ("cmyk*: skip", 'Rule "cmyk*" needs options such as .*, but got "skip"'),
        ("cmyk*: to=srgb to=gray", 'Rule "cmyk*" has to twice'),
        ("cmyk*: skip=true copy=true", 'Rule "cmyk*" has both skip=true.* and copy=true'),
        ("cmyk*: copy=true to=gray", 'Rule "cmyk*" has to, but copy=true'),
        ("cmyk* to=srgb", 'A rule needs a key, a colon, .*but got "cmyk. to=srgb"'),
        (": to=srgb", "A rule needs the key of its images"),
        ("a: fit=cover", 'fit cover needs resize in rule "a"'),
    ],
)
def test_a_wrong_rule_is_bad_usage_that_names_the_rule(
    text: str, expected: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(photos), str(tmp_path / "out"), "--rule", text]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.search(expected.replace("cmyk*", r"cmyk\*"), line)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rules": "cmyk*: to=srgb"}, "Job.rules needs a rule such as mrimage.Rule"),
        ({"rules": mr.Rule("a", qualty=5)}, 'An option of rule "a" .*Did you mean "quality"'),
        ({"rules": mr.Rule("a", quality="5")}, 'Rule "a": quality needs a whole number'),
        ({"rules": mr.Rule(5)}, "A rule needs the key of its images"),
        ({"rules": mr.Rule("\udcff")}, "The key of a rule needs valid Unicode"),
        ({"edits": {"a": "skip"}}, "Job.edits needs mrimage.Edits.* or None for each key"),
        ({"edits": {"a": mr.Edits(quality=500)}}, "Edits.quality needs a whole number"),
        ({"edits": {5: None}}, "A rule needs the key of its images"),
        ({"edits": {}, "rules": mr.Rule("a")}, "Job.edits as a mapping says"),
        ({"edits": len, "rules": mr.Rule("a")}, "Job.edits as a function says"),
        ({"edits": 5}, "Job.edits needs mrimage.Edits.*, a mapping .*or a function, but got 5"),
    ],
)
def test_wrong_rules_in_python_are_bad_usage(fields: dict[str, object], expected: str) -> None:
    with pytest.raises(mr.UsageError, match=expected):
        mr.Job(**fields)


# What happens to images.


def test_the_first_rule_that_matches_replaces_options_of_the_plain_edits(
    photos: Path, tmp_path: Path, rows: Rows
) -> None:
    job = mr.Job(key=("color_space",), edits=PLAIN, rules=RULES, group=("mean",))
    run(job, str(photos), str(tmp_path / "out"), HERE)
    made = outputs(tmp_path / "out")
    assert sorted(made) == ["cmyk/trip/ink.jpg", *(f"srgb/wide {n}.jpg" for n in range(4))]
    with Image.open(tmp_path / "out/images/cmyk/trip/ink.jpg") as ink:
        assert (ink.mode, ink.size, ink.format) == ("RGB", (16, 16), "JPEG")
    ink = mr.Image(open_uri(str(photos / "trip/ink.jpg")))
    alone = ink.edited(mr.Edits(resize=(16, 16), format="jpeg", quality=50, to="srgb"))
    assert made["cmyk/trip/ink.jpg"] == alone.data
    # What is left out stays in the catalogue and in its group.
    groups = {row["key"]: row["images"] for row in rows(tmp_path / "out", "groups")}
    assert groups == {"cmyk": 1, "gray": 4, "srgb": 4}
    assert (tmp_path / "out/groups/gray/mean.png").exists()
    assert len(rows(tmp_path / "out", "catalogue")) == 11


def test_a_copy_has_the_original_bytes_and_extension(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("A.JPG", "b.jpeg", "7f0c", "c.json", "d.photograph"):
        Image.new("RGB", (20, 10), (len(name), 50, 90)).save(photos / name, "JPEG")
    job = mr.Job(key=("all",), rules=mr.Rule("*", copy=True), all_files=True)
    made = made_by(job, photos, tmp_path / "out")
    assert made == {
        "all/A.JPG": (photos / "A.JPG").read_bytes(),
        "all/b.jpeg": (photos / "b.jpeg").read_bytes(),
        "all/7f0c~.jpg": (photos / "7f0c").read_bytes(),
        "all/c~json.jpg": (photos / "c.json").read_bytes(),
        "all/d~photograph.jpg": (photos / "d.photograph").read_bytes(),
    }


def test_without_plain_edits_only_images_under_rules_have_outputs(
    photos: Path, tmp_path: Path
) -> None:
    job = mr.Job(key=("color_space",), rules=mr.Rule("cmyk", format="png"))
    assert list(made_by(job, photos, tmp_path / "out")) == ["cmyk/trip/ink~jpg.png"]


def test_a_rule_can_take_back_an_edit(photos: Path, tmp_path: Path) -> None:
    rule = JOB_FIELDS["rules"].type.from_text("--rule", "srgb: resize=none quality=none")
    job = mr.Job(key=("color_space",), edits=PLAIN, rules=rule)
    made_by(job, photos, tmp_path / "out")
    for name, size in (("srgb/wide 1.jpg", (64, 48)), ("gray/trip/tall-1~png.jpg", (12, 16))):
        with Image.open(tmp_path / "out/images" / name) as image:
            assert image.size == size


def by_two_keys(image: mr.Image) -> Iterator[tuple[str, int]]:
    yield "all", image.metadata.width
    yield image.metadata.color_space, image.metadata.width
    yield "all", 1


def test_an_image_is_decoded_once_and_edits_that_keys_share_are_made_once(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []
    encoded: list[Edits] = []
    decode, edited = edit.decode, edit.edited

    def count_decodes(data: bytes, *arguments: object) -> object:
        decoded.append(data)
        return decode(data, *arguments)

    def count_results(opened: edit.Opened, edits: Edits, limits: mr.Limits) -> object:
        encoded.append(edits)
        return edited(opened, edits, limits)

    monkeypatch.setattr(edit, "decode", count_decodes)
    monkeypatch.setattr(edit, "edited", count_results)
    job = mr.Job(map=by_two_keys, edits=PLAIN, rules=mr.Rule("gray", format="png"))
    made = made_by(job, photos, tmp_path / "out")
    assert made["all/wide 0.jpg"] == made["srgb/wide 0.jpg"]
    assert {"all/trip/tall-0~png.jpg", "gray/trip/tall-0.png"} <= made.keys()
    assert len(made) == 18
    # Nine images, of which the four gray ones have different edits under their two keys.
    assert len(encoded) == 9 + 4
    assert len(decoded) == 9
    monkeypatch.undo()
    alone = mr.Image(open_uri(str(photos / "trip/tall-1.png")))
    assert made["gray/trip/tall-1.png"] == alone.edited(replace(PLAIN, format="png")).data
    assert made["all/trip/tall-1~png.jpg"] == alone.edited(PLAIN).data


def by_ink(key: str, metadata: object) -> mr.Edits | None:
    if key == "gray":
        return None
    return mr.Edits(resize=[(16, 16)], format="jpeg", quality=50 if key == "cmyk" else 90)


def test_a_mapping_and_a_function_make_what_rules_make(photos: Path, tmp_path: Path) -> None:
    plain = mr.Edits(resize=(16, 16), format="jpeg", quality=90)
    low = mr.Edits(resize=(16, 16), format="jpeg", quality=50)
    rules = [mr.Rule("gray", skip=True), mr.Rule("cmyk", quality=50)]
    made = [
        made_by(job, photos, tmp_path / f"out-{number}")
        for number, job in enumerate(
            [
                mr.Job(key=("color_space",), edits=plain, rules=rules),
                mr.Job(key=("color_space",), edits={"gray": None, "cmyk": low, "*": plain}),
                mr.Job(key=("color_space",), edits=by_ink),
            ]
        )
    ]
    assert made[0] == made[1] == made[2]
    assert len(made[0]) == 5


def test_an_error_of_the_function_quarantines_the_image_and_names_the_line(
    photos: Path, tmp_path: Path, rows: Rows
) -> None:
    def edits(key: str, metadata: mr.Image) -> mr.Edits:
        return {"srgb": PLAIN, "gray": PLAIN}[key]

    run(mr.Job(key=("color_space",), edits=edits), str(photos), str(tmp_path / "out"), HERE)
    [failed] = [
        row for row in rows(tmp_path / "out", "quarantine") if row["reason"] == "mapper-failed"
    ]
    assert str(failed["uri"]).endswith("ink.jpg")
    line = edits.__code__.co_firstlineno + 1
    expected = (
        rf"the edits .*edits raised KeyError: 'cmyk' \(.*test_rules.py, line {line}, in edits\)"
    )
    assert re.fullmatch(expected, str(failed["message"]))


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("webp", "to return mrimage.Edits.* or None, but it returned 'webp'"),
        (mr.Edits(quality=500), "to return valid edits, but Edits.quality needs .*but got 500"),
    ],
)
def test_a_function_that_returns_something_else_stops_the_job(
    photos: Path, tmp_path: Path, result: object, expected: str
) -> None:
    def edits(key: str, metadata: object) -> object:
        return result

    with pytest.raises(
        mr.JobError, match=f"failed on all of the 9 images.*{expected}.*test_rules.py"
    ):
        run(mr.Job(edits=edits), str(photos), str(tmp_path / "out"), HERE)


# Rules are part of the job.


def test_a_changed_rule_is_a_different_job_and_the_message_says_which(
    photos: Path, tmp_path: Path
) -> None:
    def job(*rules: mr.Rule) -> mr.Job:
        return mr.Job(key=("color_space",), edits=PLAIN, rules=rules)

    run(job(mr.Rule("gray", quality=80)), str(photos), str(tmp_path / "out"), HERE)
    # The order of options says nothing, but that of rules does.
    with pytest.raises(mr.SinkError, match=r'rules \["gray: quality=81"\] instead of .*quality=80'):
        run(job(mr.Rule("gray", quality=81)), str(photos), str(tmp_path / "out"), HERE)
    one = Plan(job(mr.Rule("a", quality=5, to="srgb"), mr.Rule("b")), "s", "o")
    same = Plan(job(mr.Rule("a", to="srgb", quality=5), mr.Rule("b")), "s", "o")
    turned = Plan(job(mr.Rule("b"), mr.Rule("a", quality=5, to="srgb")), "s", "o")
    assert one.hash() == same.hash() != turned.hash()
    assert "rules" not in mr.Job(edits=PLAIN).describe()


def test_a_changed_function_of_edits_is_a_different_job(photos: Path, tmp_path: Path) -> None:
    def job(quality: int) -> mr.Job:
        def edits(key: str, metadata: object) -> mr.Edits:
            return mr.Edits(format="jpeg", quality=quality)

        return mr.Job(edits=edits)

    run(job(50), str(photos), str(tmp_path / "out"), HERE)
    assert run(job(50), str(photos), str(tmp_path / "out"), HERE).facts.reused == 11
    with pytest.raises(mr.SinkError, match=r"a changed function of edits .*the variable quality"):
        run(job(60), str(photos), str(tmp_path / "out"), HERE)
    with pytest.raises(mr.SinkError, match="edits "):
        run(mr.Job(edits=PLAIN), str(photos), str(tmp_path / "out"), HERE)


def test_toml_and_the_command_line_say_the_same(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        'key = ["color_space"]\nresize = "16x16"\nformat = "jpeg"\n'
        '[[rule]]\nkey = "cmyk*"\nto = "srgb"\nquality = 50\n'
        '[[rule]]\nkey = "gray"\nskip = true\n'
    )
    job = load_job(str(path))
    command = ["--key", "color_space", "--resize", "16x16", "--format", "jpeg"]
    command += ["--rule", "cmyk*: to=srgb quality=50", "--rule", "gray: skip=true"]
    assert main(["run", str(photos), str(tmp_path / "out"), *command, *QUICK]) == 0
    made = outputs(tmp_path / "out")
    # The same job: nothing is done again.
    assert run(job, str(photos), str(tmp_path / "out"), HERE).facts.reused == 11
    assert outputs(tmp_path / "out") == made
    path.write_text('[[rule]]\nkey = "cmyk*"\nqualty = 50\n')
    with pytest.raises(mr.UsageError, match=r'job.toml: An option of rule "cmyk."'):
        load_job(str(path))


def test_a_function_of_edits_can_be_named_in_toml(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_edits.py").write_text(
        "import mrimage as mr\ndef edits(key, metadata):\n    return mr.Edits(format='png')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "job.toml").write_text('key = ["color_space"]\nedits = "own_edits:edits"\n')
    job = ["--job", str(tmp_path / "job.toml")]
    assert main(["run", str(photos), str(tmp_path / "out"), *job, *QUICK]) == 0
    assert "srgb/wide 0~jpg.png" in outputs(tmp_path / "out")
    # retry imports it only if the job is named again.
    assert main(["retry", str(tmp_path / "out"), *QUICK]) == 2
    Image.new("RGB", (9, 9)).save(photos / "empty.jpg")
    assert main(["retry", str(tmp_path / "out"), *job, *QUICK]) == 0
    assert "srgb/empty~jpg.png" in outputs(tmp_path / "out")
    more = ["--quality", "5"]
    assert main(["run", str(photos), str(tmp_path / "out2"), *job, *more, *QUICK]) == 2


# What a run says of its rules.

COUNTED = [
    ("cmyk*: to=srgb quality=50", 1, 1),
    ("gray: skip=true", 4, 0),
    ("g*: format=webp", 0, 0),
    ("", 4, 4),
]


@pytest.mark.usefixtures("real_report")
def test_a_run_tells_what_each_rule_applied_to_and_so_does_one_that_is_resumed(
    photos: Path, tmp_path: Path
) -> None:
    job = mr.Job(key=("color_space",), edits=PLAIN, rules=RULES, group=("mean",))
    for _ in range(2):
        summary = run(job, str(photos), str(tmp_path / "out"), HERE)
        summarized = dict(summary.rows())
        assert summarized["rules"] == (
            "cmyk*: 1 image, 1 output; gray: 4 images, 0 outputs; g*: 0 images, 0 outputs; "
            "all other keys: 4 images, 4 outputs"
        )
        assert summarized["unused rules"].startswith("g*: matches no key")
        assert counts(tmp_path / "out") == COUNTED
        assert "matched no image" in (tmp_path / "out/report.html").read_text()
        # As after a kill, just before the run was published.
        (tmp_path / "out/_run/published.json").unlink()
        (tmp_path / "out/_run/facts.json").unlink()


def test_a_dry_run_counts_the_images_of_each_rule_by_their_headers(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [part for rule in COUNTED[:3] for part in ("--rule", rule[0])]
    command = ["run", str(photos), str(tmp_path / "out"), "--key", "color_space", "--dry-run"]
    assert main([*command, "--resize", "16x16", *rules]) == 0
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert printed["rules"] == (
        "cmyk*: 1; gray: 4; g*: 0; all other keys: 4; headers that cannot be read: 2"
    )
    assert printed["scale"] == "1 at 1, 4 at 1/2, 4 left out (first 11 images)"
    assert not (tmp_path / "out").exists()


# Growth, prune, retry, verify, combiners and shards.


@pytest.mark.usefixtures("real_report")
@pytest.mark.parametrize("output", ["files", "parquet"])
def test_rules_hold_when_the_source_grows_and_shrinks(
    photos: Path, tmp_path: Path, rows: Rows, output: str
) -> None:
    def add(key: str, values: Iterator[int]) -> Iterator[int]:
        yield sum(values)

    def total(key: str, values: Iterator[int]) -> Iterator[mr.Output]:
        yield mr.Output("width.txt", str(sum(values)))

    job = mr.Job(
        map=by_two_keys,
        combine=add,
        reduce=total,
        edits=PLAIN,
        rules=[mr.Rule("gray", skip=True), mr.Rule("srgb", copy=True)],
        output=output,
    )
    run(job, str(photos), str(tmp_path / "out"), HERE)
    (photos / "wide 0.jpg").unlink()
    shutil.copy(photos / "wide 1.jpg", photos / "wide 9.jpg")
    Image.new("L", (9, 9)).save(photos / "empty.jpg")
    run(job, str(photos), str(tmp_path / "out"), HERE)
    assert main(["verify", str(tmp_path / "out")]) == 0
    run(job, str(photos), str(tmp_path / "fresh"), HERE)

    def lineage(out: Path) -> list[tuple[object, ...]]:
        found = [row for row in rows(out, "outputs") if row["uri"]]
        return sorted((row["uri"], row["key"], row["sha256"]) for row in found)

    assert lineage(tmp_path / "out") == lineage(tmp_path / "fresh")
    keys = [key for _, key, _ in lineage(tmp_path / "out")]
    assert {key: keys.count(key) for key in keys} == {"all": 10, "srgb": 4, "cmyk": 1}
    assert counts(tmp_path / "out") == counts(tmp_path / "fresh")
    assert counts(tmp_path / "out")[0][1:] == (5, 0)


def test_retry_makes_the_rules_again(photos: Path, tmp_path: Path) -> None:
    rules = ["--rule", "srgb: resize=hd,20x20 fit=cover crop=9x9 background=#010203 to=none"]
    rules += ["--rule", "gray: copy=true"]
    command = [str(tmp_path / "out"), "--key", "color_space", "--resize", "sdxl,8x8", *rules]
    assert main(["run", str(photos), *command, *QUICK]) == 0
    Image.new("RGB", (9, 9)).save(photos / "empty.jpg")
    assert main(["retry", str(tmp_path / "out"), *QUICK]) == 0
    assert main(["verify", str(tmp_path / "out")]) == 0
    with Image.open(tmp_path / "out/images/srgb/empty.jpg") as image:
        assert image.size == (20, 20)


# Groups by size.


@pytest.mark.usefixtures("real_report")
def test_images_are_grouped_by_the_size_that_they_get(photos: Path, tmp_path: Path) -> None:
    job = mr.Job(
        key=("size-class",),
        edits=mr.Edits(resize=((32, 24), (24, 32), (16, 16)), fit="cover"),
        rules=mr.Rule("16x16", skip=True),
    )
    run(job, str(photos), str(tmp_path / "out"), HERE)
    for name in ("32x24/wide 1.jpg", "24x32/trip/tall-1.png"):
        with Image.open(tmp_path / "out/images" / name) as image:
            assert "x".join(map(str, image.size)) == name.partition("/")[0]
    assert counts(tmp_path / "out") == [("16x16: skip=true", 1, 0), ("", 8, 8)]


@pytest.mark.parametrize(
    "fields",
    [{}, {"edits": PLAIN.__class__(format="png")}, {"rules": mr.Rule("*", resize="hd")}],
)
def test_a_key_of_sizes_needs_sizes(fields: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(mr.UsageError, match="The key size-class needs the sizes of --resize"):
        run(mr.Job(key="size-class", **fields), str(tmp_path), str(tmp_path / "out"), HERE)
