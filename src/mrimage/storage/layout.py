"""The files and folders that a run writes at the top of OUT."""

from __future__ import annotations

ROOT = "_run"
"""The state of a run, from which it can be resumed."""

JOB = f"{ROOT}/job.json"
"""The description of the job. A folder with this file is the OUT of a run."""

NAMES = f"{ROOT}/names.txt"
"""The names of images that the run got on standard input."""

HISTORY = f"{ROOT}/history.jsonl"
"""A line for each finished run. It stays when the results of a run are removed."""

LISTS = "lists"
"""The lists of the report that are too long for its page."""

FOUND = ("duplicates.parquet", "clusters.parquet", "neighbors.parquet", "findings.parquet")
"""Tables that only some jobs publish."""

MARKS = ".marks.parquet"
"""How the name of the user's marks ends: ``OUT.marks.parquet``, beside OUT and not in it."""

FOLDERS = ("images", "groups", "catalogue", LISTS, ROOT)
FILES = ("groups.parquet", "outputs.parquet", "quarantine.parquet", "report.html", "summary.json")
