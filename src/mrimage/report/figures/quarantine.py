"""What could not be handled: by reason, with what it means, what to do, and the command that tries again."""

from __future__ import annotations

import shlex

from mrimage.errors import REASONS
from mrimage.report import text
from mrimage.report.figures.figures import Casualty, Quarantine, Reason
from mrimage.report.tables.views import Tables
from mrimage.types import RunFacts

EXAMPLES = 20
"""Images shown for each reason for quarantine."""

ADVICE = {
    "not-an-image": "See what sent them here. --exclude leaves them out, of a new OUT or with --fresh.",
    "truncated": "Fetch them again and run the same command. What decodes of them is kept by --allow-truncated, in a "
    "new OUT or with --fresh.",
    "corrupt": "Fetch them again and run the same command.",
    "too-large": "A larger --max-pixels is another job: give it a new OUT, or add --fresh.",
    "unsupported": "mrimage doctor names what reads this format. Install it, then:",
    "empty": "A copy was probably broken off. Fetch them again and run the same command.",
    "vanished": "Run the same command: what is back is mapped, what is gone is dropped.",
    "changed": "Run the same command when nothing writes to the source.",
    "unreadable": "See whether the store and its permissions are in order, then:",
    "crashed": "A file that kills a decoder may be an attack: keep it away from others too. After an update of the decoders:",
    "timed-out": "Give each image more time than its 60 seconds or your --deadline:",
    "out-of-memory": "Give the workers more memory than their 4 GB or your --memory:",
    "mapper-failed": "Corrected code is another job: give it a new OUT, or add --fresh. If the cause lay elsewhere:",
    "internal": "Please report it, with the message below. Every run tries these again, so after an update of mrimage run "
    "the same command.",
}
"""What to do about each reason; what ends in a colon is followed by the command that tries again."""

OTHERWISE = "When the cause is out of the way:"

_MORE = {"timed-out": " --deadline 300", "out-of-memory": " --memory 16GB"}


def list_quarantine(tables: Tables, facts: RunFacts) -> Quarantine:
    """All reasons, the most frequent first, each with at most EXAMPLES images."""
    found = tables.rows(
        """SELECT q.reason, count(*), coalesce(sum(size), 0)::BIGINT FROM quarantine q
        LEFT JOIN (SELECT uri, size FROM catalogue WHERE status = 'quarantined') c USING (uri)
        GROUP BY q.reason ORDER BY 2 DESC, 1 LIMIT 50"""
    )
    examples = tables.rows(
        """SELECT reason, uri, stage, message FROM quarantine
        QUALIFY row_number() OVER (PARTITION BY reason ORDER BY uri) <= ? ORDER BY reason, uri LIMIT 1000""",
        [EXAMPLES],
    )
    reasons = tuple(
        Reason(
            reason=text.cut(reason, 40),
            meaning=REASONS.get(reason, ""),
            advice=(advice := ADVICE.get(reason, OTHERWISE)),
            command=_retry(facts.out, reason) if advice.endswith(":") else "",
            images=images,
            bytes=size,
            examples=tuple(
                Casualty(text.cut(uri), text.cut(stage, 20), text.cut(message, 300))
                for why, uri, stage, message in examples
                if why == reason
            ),
        )
        for reason, images, size in found
    )
    sql = "SELECT uri, stage, reason, message FROM quarantine ORDER BY reason, uri"
    return Quarantine(sum(reason.images for reason in reasons), reasons, sql)


def _retry(out: str, reason: str) -> str:
    return f"mrimage retry {shlex.quote(text.cut(out, 1000))} --reason {shlex.quote(text.cut(reason, 40))}{_MORE.get(reason, '')}"
