"""Images in quarantine by reason: what it means, what to do, and the command for a retry."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence

from mrimage.errors import REASONS
from mrimage.report import text
from mrimage.report.figures.figures import Quarantine, QuarantinedImage, Reason
from mrimage.report.tables.views import Tables
from mrimage.types import RunFacts

EXAMPLE_LIMIT = 20
"""The most images shown for each reason."""

REASON_LIMIT = 50
"""The most reasons listed: the most frequent ones."""

ADVICE = {
    "not-an-image": "These files are not images. To skip them, add --exclude PATTERN and run with --fresh.",
    "truncated": "Fetch them again and run the same command. To keep what decodes of them, add "
    "--allow-truncated and run with --fresh.",
    "corrupt": "Fetch them again and run the same command.",
    "too-large": "To accept them, pass a larger --max-pixels and run with --fresh.",
    "unsupported": "mrimage doctor names the package that reads this format. Install it, then:",
    "color-failed": "Their profiles are damaged. To keep their colors as they are, run without --to "
    "and with --fresh.",
    "encode-failed": "Another --format may be able to hold them. Pass it and run with --fresh.",
    "empty": "These files have no bytes: a copy was probably interrupted. Fetch them again and run "
    "the same command.",
    "vanished": "Run the same command: files that are back are mapped, files that are gone are "
    "dropped.",
    "changed": "Something wrote to the source during the run. Run the same command when nothing "
    "does.",
    "unreadable": "Check the store and its permissions, then:",
    "crashed": "A file that crashes a decoder may be an attack: keep it from other programs too. "
    "After an update of the decoders:",
    "timed-out": "Give each image more time than the default 60 seconds or your --deadline:",
    "out-of-memory": "Give each worker more memory than the default 4 GB or your --memory:",
    "mapper-failed": "If you correct the mapper, run with --fresh. If the cause was elsewhere:",
    "internal": "Please report this bug with the message below. Every run tries these images again: "
    "after an update of mrimage, run the same command.",
}
"""What to do about each reason. If it ends with a colon, the command for a retry follows."""

DEFAULT_ADVICE = "When the cause is removed:"
"""What to do about any other reason."""

_RETRY_OPTIONS = {"timed-out": " --deadline 300", "out-of-memory": " --memory 16GB"}


def list_quarantine(tables: Tables, facts: RunFacts) -> Quarantine:
    """Return all reasons, the most frequent first, each with at most EXAMPLE_LIMIT images."""
    found = tables.rows(
        """SELECT q.reason, count(*), coalesce(sum(size), 0)::BIGINT FROM quarantine q
        LEFT JOIN (SELECT uri, size FROM catalogue WHERE status = 'quarantined') c USING (uri)
        GROUP BY q.reason ORDER BY 2 DESC, 1 LIMIT ?""",
        [REASON_LIMIT],
    )
    examples = _examples(tables)
    reasons = tuple(
        _describe(reason, images, size, examples[reason], facts.out)
        for reason, images, size in found
    )
    total = sum(reason.images for reason in reasons)
    sql = "SELECT uri, stage, reason, message FROM quarantine ORDER BY reason, uri"
    return Quarantine(total, reasons, sql)


def _examples(tables: Tables) -> dict[str, list[QuarantinedImage]]:
    """Return some images for each reason."""
    found = tables.rows(
        """SELECT reason, uri, stage, message FROM quarantine
        QUALIFY row_number() OVER (PARTITION BY reason ORDER BY uri) <= ?
        ORDER BY reason, uri LIMIT ?""",
        [EXAMPLE_LIMIT, EXAMPLE_LIMIT * REASON_LIMIT],
    )
    examples: dict[str, list[QuarantinedImage]] = defaultdict(list)
    for reason, uri, stage, message in found:
        image = QuarantinedImage(text.cut(uri), text.cut(stage, 20), text.cut(message, 300))
        examples[reason].append(image)
    return examples


def _describe(
    reason: str, images: int, size: int, examples: Sequence[QuarantinedImage], out: str
) -> Reason:
    advice = ADVICE.get(reason, DEFAULT_ADVICE)
    return Reason(
        reason=text.cut(reason, 40),
        meaning=REASONS.get(reason, ""),
        advice=advice,
        command=_retry(out, reason) if advice.endswith(":") else "",
        images=images,
        bytes=size,
        examples=tuple(examples),
    )


def _retry(out: str, reason: str) -> str:
    """Return the command that tries the images with ``reason`` again."""
    folder = shlex.quote(text.cut(out, 1000))
    quoted = shlex.quote(text.cut(reason, 40))
    options = _RETRY_OPTIONS.get(reason, "")
    return f"mrimage retry {folder} --reason {quoted}{options}"
