"""The columns of the tables that programs publish at the top of OUT."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


CLUSTERS = _schema(
    cluster=pa.int32(),
    uri=pa.string(),
    name=pa.string(),
    distance=pa.float64(),
    rank=pa.int32(),
    x=pa.float64(),
    y=pa.float64(),
)
"""The images by cluster, numbered from 1, the largest first. ``distance`` is that to the center, in
the unit of the vectors, whose length is 1. ``rank`` is 1 for the most typical member, which is the
nearest to the center. ``x`` and ``y`` are its place on the map."""

NEIGHBORS = _schema(
    uri=pa.string(),
    outlier=pa.float64(),
    neighbors=pa.list_(pa.string()),
    distances=pa.list_(pa.float64()),
)
"""The most similar images of each image, the nearest first, and their distances in the unit of the
vectors, whose length is 1. ``outlier`` is the mean of these distances (F. Angiulli and C. Pizzuti,
Fast outlier detection in high dimensional spaces, PKDD 2002)."""


SCHEMAS: Mapping[str, pa.Schema] = {"clusters": CLUSTERS, "neighbors": NEIGHBORS}
"""By the name of the table."""
