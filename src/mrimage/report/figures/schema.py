"""The schema of ``summary.json``, made from the dataclasses so that the two always agree."""

from __future__ import annotations

from typing import Any

import msgspec

from mrimage.report.figures.figures import SCHEMA_VERSION, Figures


def summary_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of ``summary.json``.

    ``python -m mrimage.report.figures.schema`` prints it.
    """
    schema = msgspec.json.schema(Figures, schema_hook=_anything)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"mrimage summary.json, version {SCHEMA_VERSION}",
        **schema,
    }


def _anything(kind: type) -> dict[str, Any]:
    """Return the schema of a type that msgspec does not know: a setting of a job, of any JSON."""
    if kind is object:
        return {"description": "any JSON"}
    raise NotImplementedError


if __name__ == "__main__":
    encoded = msgspec.json.encode(summary_schema())
    print(msgspec.json.format(encoded).decode())
