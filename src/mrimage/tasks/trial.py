"""The first images of a job, on which its own code may turn out to fail always."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from mrimage.errors import JobError
from mrimage.types import Failure

TRIAL_IMAGES = 20
"""A job whose own code fails on so many first images, and always alike, is at fault; a source may hold a few odd ones."""


@dataclass
class Trial:
    """Counts how the job's own code does until one image gets through, or TRIAL_IMAGES have failed alike."""

    over: bool = False
    message: str = ""
    _failed: Counter[str] = field(default_factory=Counter)

    def see(self, failure: Failure | None) -> None:
        """One more image: what failed before it reached the job's own code says nothing. Raises JobError when it is
        enough."""
        if failure is None:
            self.over = True
        elif failure.code_error:
            self.count(0, {failure.code_error: 1}, f"{failure.uri}: {failure.message}")

    def count(self, passed: int, failed: Mapping[str, int], message: str) -> None:
        """So many more images got through, and so many failed, by error and line; ``message`` is what the first one said.
        Raises JobError when it is enough."""
        self.over = self.over or passed > 0
        self.message = self.message or message
        self._failed.update(failed)
        if not self.over and len(self._failed) == 1 and self._failed.total() >= TRIAL_IMAGES:
            raise self._error(f"on each of the first {self._failed.total()} images")

    def end(self) -> None:
        """There are no more images. Raises JobError when the job's own code failed on every one that reached it."""
        if not self.over and self._failed:
            raise self._error(f"on all of the {self._failed.total()} images that reached it")

    def _error(self, where: str) -> JobError:
        return JobError(
            f"The job's own code failed {where}, so the run stopped. {self.message.rstrip('.')}. Mend it and run again; "
            "or add --max-failures 100% to go on whatever fails."
        )
