"""The command line: exit statuses, one-line errors, quiet and JSON output, the dry run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mrimage as mr
from mrimage import __main__, demo
from mrimage.cli.main import main

QUICK = ["--workers", "1", "--no-thumbnails"]


def test_a_run_with_quarantined_images_is_done(photos: Path, tmp_path: Path, capsys) -> None:
    assert main(["run", str(photos), str(tmp_path / "out"), *QUICK]) == 0
    told = capsys.readouterr()
    assert "11 listed = 9 processed + 2 quarantined" in told.out
    assert "map: " in told.err


@pytest.mark.usefixtures("real_report")
def test_quiet_prints_nothing_and_json_only_json(photos: Path, tmp_path: Path, capsys) -> None:
    assert main(["run", str(photos), str(tmp_path / "quiet"), *QUICK, "--quiet"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
    assert main(["run", str(photos), str(tmp_path / "json"), *QUICK, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


PRINTING = """
import ctypes, os
import mrimage as mr
def mapper(image):
    print("printed")
    os.write(1, b"written\\n")
    ctypes.CDLL(None).puts(b"put")
    yield "all", 1
def reducer(key, values):
    print("printed")
    yield mr.Output("n.json", sum(values))
job = mr.Job(map=mapper, reduce=reducer)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_prints_is_no_part_of_the_answer(
    photos: Path, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "printing_job.py").write_text(PRINTING)
    command = [
        "run",
        str(photos),
        str(tmp_path / "out"),
        "--job",
        "printing_job:job",
        "--json",
        "--no-thumbnails",
    ]
    command = [sys.executable, "-m", "mrimage", *command, "--workers", str(workers)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)
    assert [done.stderr.count(word) for word in ("printed", "written")] == [10, 9]


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--key", "camra"], 2, 'Did you mean "camera"?'),
        (["--resize", "512x"], 2, "--resize needs a size such as 512x512"),
        (["--format", "wepb"], 2, 'Did you mean "webp"?'),
        (["--engine", "lokal"], 2, 'Did you mean "local"?'),
        (["--quality", "101"], 2, "from 1 to 100"),
        (["--max-failures", "many"], 2, "such as 10, or a share such as 5%"),
        (["--workers", "0"], 2, "from 1"),
        (["--workers", "1.5"], 2, "--workers needs a whole number from 1 to 4096"),
        (["--workers", "99999999999"], 2, "--workers needs a whole number from 1 to 4096"),
        (["--retries", "-1"], 2, "--retries needs a whole number from 0 to 100"),
        (["--replication", "0"], 2, "--replication needs a whole number from 1 to 512"),
        (["--max-failures", "200%"], 2, "such as 10, or a share such as 5%"),
        (["--max-failures", "٣"], 2, "such as 10, or a share such as 5%"),
        (["--endpoint", "localhost:9000"], 2, "must begin with http://"),
        (["--key", ","], 2, '--key needs names separated by commas, but got ",".'),
        (["--fit", "cover"], 2, "--fit cover needs --resize"),
        (["--no-enlarge"], 2, "--no-enlarge needs --resize"),
        (["--max-failures", "1"], 1, "max-failures"),
        (["--max-failure", "1"], 2, 'no option --max-failure. Did you mean "--max-failures"?'),
        (["--no-such-option"], 2, "no-such-option"),
        (["more"], 2, "Unrecognized arguments: more."),
    ],
)
def test_errors_are_one_line_with_their_status(
    photos: Path, tmp_path: Path, capsys, options: list[str], status: int, told: str
) -> None:
    assert (
        main(
            [
                "run",
                str(photos),
                str(tmp_path / "out"),
                "--no-thumbnails",
                "--workers",
                "1",
                *options,
            ]
        )
        == status
    )
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("mrimage: ")
    assert told in error


def test_a_dry_run_tells_and_writes_nothing(photos: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert main(["run", str(photos), str(out), "--dry-run"]) == 0
    assert "not decoded: headers only" in capsys.readouterr().out
    assert main(["run", str(photos), str(out), "--dry-run", "--resize", "8x8"]) == 0
    told = capsys.readouterr().out
    assert "decoded for edits" in told
    assert not {"members", "program"} & {line.split()[0] for line in told.splitlines()}
    assert not out.exists()


def test_a_dry_run_says_what_comes_after_map_and_reduce(
    photos: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def each(image: mr.Image, key: str, statistic: None) -> None: ...

    def program(table: mr.Table): ...

    def edits(key: str, metadata: mr.Metadata) -> mr.Edits: ...

    correct = mr.Edits(correct="match-group")
    own = __name__
    for job, told in (
        (mr.Job(edits=correct), "the images of each group, for --correct match-group"),
        (mr.Job(edits=edits), "the images that the job's own edits correct by their group, if any"),
        (mr.Job(each=each, program=program), f"the images, for {own}:{each.__qualname__}"),
    ):
        monkeypatch.setattr("mrimage.cli.commands.load_job", lambda _, job=job: job)
        command = ["run", str(photos), str(tmp_path / "out"), "--job", "any:job", "--dry-run"]
        assert main(command) == 0
        rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
        assert rows["members"] == f"a second pass over {told}"
        assert rows["pixels"].startswith("decoded for ")
    assert rows["program"] == f"{own}:{program.__qualname__}: rounds over the records of map"
    assert not (tmp_path / "out").exists()


def test_a_dry_run_refuses_what_the_run_would_refuse(photos: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/diary.txt").write_text("mine")
    main(["run", str(photos), str(tmp_path / "out"), *QUICK, "--quiet"])
    for options, status, told in (
        (["mine"], 1, "holds 'diary.txt'"),
        (["out", "--key", "format"], 1, 'key ["format"] instead of ["dimensions"]'),
        (["out", "--key", "format", "--fresh"], 0, ""),
        (["out"], 0, ""),
        (["new", "--max-failures", "many"], 2, "such as 10, or a share such as 5%"),
    ):
        assert (
            main(["run", str(photos), str(tmp_path / options[0]), *options[1:], "--dry-run"])
            == status
        )
        assert told in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert main(["verify", str(tmp_path / "out")]) == 0


def test_places_that_cannot_be_written_are_told_in_one_line(
    photos: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "FILES", demo.FILES[:2])
    out = str(tmp_path / "out")
    main(["run", str(photos), out, *QUICK, "--quiet"])
    (tmp_path / "file").write_text("")
    for command, told in (
        (["report", out, "--png", str(tmp_path / "file/charts")], "a part of its path is a file"),
        (["demo", str(tmp_path / "file/demo")], "a part of its path is a file"),
        (["query", out, " ;"], "mrimage query needs SQL"),
    ):
        assert main(command) in (1, 2)
        error = capsys.readouterr().err.strip()
        assert told in error
        assert "unexpected" not in error


def test_a_job_from_toml(photos: Path, tmp_path: Path, capsys) -> None:
    job = tmp_path / "job.toml"
    job.write_text('key = ["color_space"]\nresize = "9x9"\nfit = "stretch"\nformat = "png"\n')
    assert main(["run", str(photos), str(tmp_path / "out"), "--job", str(job), *QUICK]) == 0
    assert len(list((tmp_path / "out" / "images").rglob("*.png"))) == 9
    job.write_text('kye = "camera"\n')
    assert main(["run", str(photos), str(tmp_path / "out2"), "--job", str(job), *QUICK]) == 2
    assert 'Did you mean "key"?' in capsys.readouterr().err


def test_verify_report_query_and_inspect(photos: Path, tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "out")
    main(["run", str(photos), out, *QUICK, "--resize", "9x9", "--quiet"])
    assert main(["verify", out]) == 0
    assert main(["report", out]) == 0
    assert main(["query", out, "SELECT count(*) AS n FROM catalogue", "--format", "json"]) == 0
    assert '"n":11' in capsys.readouterr().out.replace(" ", "")
    assert main(["inspect", str(photos / "wide 0.jpg")]) == 0
    assert "64" in capsys.readouterr().out
    assert main(["inspect", str(photos / "text.jpg")]) == 1
    next(Path(out).glob("images/*/*.jpg")).write_bytes(b"altered")
    assert main(["verify", out]) == 1
    assert "altered" in capsys.readouterr().out


def test_verify_shows_a_foreign_name_on_one_line_and_obeys_nothing_in_it(
    photos: Path, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out"
    main(["run", str(photos), str(out), *QUICK, "--quiet"])
    (out / "no\n\x1b[31mkin.txt").write_text("x")
    assert main(["verify", str(out)]) == 1
    assert capsys.readouterr().out == "foreign: no␊␛[31mkin.txt was not made by any run\n"


def test_debug_shows_where_and_leaves_the_status_as_it_is(
    photos: Path, tmp_path: Path, capsys
) -> None:
    assert main(["run", str(photos), str(tmp_path / "out"), "--key", "camra", "--debug"]) == 2
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert 'Did you mean "camera"?' in told.splitlines()[-1]


@pytest.mark.parametrize(
    "engine",
    ["spark://", "spark://host", "spark://a,b:7077", "local[]", "k8s://", "ray://", "ray://host"],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_half_a_master_is_bad_usage(
    photos: Path, tmp_path: Path, capsys, engine: str, more: list[str]
) -> None:
    assert main(["run", str(photos), str(tmp_path / "out"), "--engine", engine, *more]) == 2
    expected = "ray://HOST:10001" if engine.startswith("ray") else "spark://HOST:PORT"
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_ctrl_c_while_the_program_is_loaded_is_told_in_a_line(
    capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mrimage.cli.main._make_streams_usable", interrupted)
    assert __main__.main() == 130
    assert capsys.readouterr().err == "mrimage: interrupted before anything was done.\n"


def test_retry_maps_what_was_mended(photos: Path, tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "out")
    main(["run", str(photos), out, *QUICK, "--quiet"])
    assert main(["retry", out, "--reason", "empty", "--workers", "1", "--no-thumbnails"]) == 0
    told = capsys.readouterr()
    assert "1 quarantined images will be tried again" in told.err
    assert "9 processed + 2 quarantined" in told.out


# Workers inherit what the driver has: a run of one process is enough for each alone.
@pytest.mark.parametrize(("closed", "workers"), [(">&-", 1), ("2>&-", 1), ("<&- >&- 2>&-", 2)])
def test_closed_streams_end_no_run_and_nothing_of_ours_is_opened_in_their_place(
    photos: Path, tmp_path: Path, closed: str, workers: int
) -> None:
    options = f"--resize 9x9 --no-thumbnails --workers {workers}"
    command = f"{sys.executable} -m mrimage run {photos} {tmp_path}/out {options} {closed}"
    assert subprocess.run(["sh", "-c", command], capture_output=True).returncode == 0
    assert main(["verify", str(tmp_path / "out")]) == 0


def test_names_that_the_terminal_cannot_show_are_shown_otherwise(
    photos: Path, tmp_path: Path
) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff \xc3\xbc.jpg")
    shutil.copy(photos / "wide 1.jpg", odd)
    command = [sys.executable, "-m", "mrimage", "inspect", odd]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    assert (
        rb"/%FF \xfc.jpg"
        in subprocess.run(command, capture_output=True, check=True, env=ascii_only).stdout
    )
    facts = json.loads(subprocess.run([*command, "--json"], capture_output=True, check=True).stdout)
    assert facts["uri"].endswith("/%FF ü.jpg")


def test_a_pattern_that_is_no_unicode_is_refused(photos: Path, tmp_path: Path, capsys) -> None:
    assert (
        main(
            ["run", str(photos), str(tmp_path / "out"), "--include", os.fsdecode(b"*\xff*"), *QUICK]
        )
        == 2
    )
    assert "--include needs a pattern, or several, in valid Unicode" in capsys.readouterr().err


def test_doctor_lists_formats_engines_and_stores(capsys) -> None:
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "jpeg" in told
    assert "engine local" in told
