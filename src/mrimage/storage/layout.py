"""The files and folders that a run writes at the top of OUT."""

from __future__ import annotations

ROOT = "_run"
"""The state of a run, from which it can be resumed."""

JOB = f"{ROOT}/job.json"
"""The description of the job. A folder with this file is the OUT of a run."""

FOLDERS = ("images", "groups", "catalogue", ROOT)
FOUND = ("duplicates.parquet", "clusters.parquet", "findings.parquet")
"""Tables of what programs have found, if the job asks for them."""

FILES = ("groups.parquet", "outputs.parquet", "quarantine.parquet", "report.html", "summary.json")
