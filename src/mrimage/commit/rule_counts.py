"""How many images and outputs each rule of a job has, by the committed tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.job.edit_facts import describe_edits
from mrimage.job.fields import RULE_OPTIONS
from mrimage.job.rules import NoEdit, Rule, first_match
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import RULE_KEYS
from mrimage.types import Edits, RuleCount


def count_rules(
    rules: Sequence[Rule], edits: Edits | None, members: str, outputs: str, scratch: Path
) -> tuple[RuleCount, ...]:
    """Count the images and the outputs of each rule, and last those under keys that no rule
    matches. The tuple is empty if there are no rules.

    ``edits`` are the job's own. ``members`` and ``outputs`` are table expressions with the columns of MEMBERS and OUTPUTS. An
    image counts once for each rule that applies to one of its keys.
    """
    if not rules:
        return ()
    path = scratch / "matches.parquet"
    _write_matches(rules, members, path, scratch)
    matches = read_parquet([str(path)], RULE_KEYS)
    with connect(scratch) as connection:
        images = _counts(
            connection,
            f"SELECT rule, count(DISTINCT uri) FROM {members} JOIN {matches} USING (key) GROUP BY rule",
        )
        # What a reducer made of one image is in groups/.
        made = _counts(
            connection,
            f"SELECT rule, count(*) FROM {outputs} JOIN {matches} USING (key) "
            "WHERE uri IS NOT NULL AND starts_with(output, 'images/') GROUP BY rule",
        )
    path.unlink()
    counts = []
    for index, rule in enumerate(rules):
        shown = RULE_OPTIONS.show(rule)
        applied = _described(rule.applied_to(edits))
        counts.append(RuleCount(rule.key, shown, images.get(index, 0), made.get(index, 0), applied))
    counts.append(RuleCount("", "", images.get(-1, 0), made.get(-1, 0), _described(edits)))
    return tuple(counts)


def _described(edits: Edits | NoEdit | None) -> dict[str, object] | None:
    """Return edits as plain data, None if images are not edited."""
    if not isinstance(edits, Edits):
        return None
    # Encoded and decoded, so that it equals the facts that an earlier run has stored.
    described: dict[str, object] = msgspec.json.decode(msgspec.json.encode(describe_edits(edits)))
    return described


def _write_matches(rules: Sequence[Rule], members: str, path: Path, scratch: Path) -> None:
    """Write a table of every key and its rule. There may be as many keys as images."""
    with (
        connect(scratch) as connection,
        pq.ParquetWriter(path, RULE_KEYS, compression="zstd") as writer,
    ):
        for batch in batches(connection, f"SELECT DISTINCT key FROM {members}"):
            keys = list(map(str, batch.column("key").to_pylist()))
            indices = [first_match(rules, key) for key in keys]
            matched = [-1 if index is None else index for index in indices]
            writer.write_table(pa.table({"key": keys, "rule": matched}, RULE_KEYS))


def _counts(connection: duckdb.DuckDBPyConnection, query: str) -> dict[int, int]:
    return dict(connection.execute(query).fetchall())
