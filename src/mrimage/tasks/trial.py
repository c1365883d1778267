"""The first images of a job, which show whether its own code always fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from mrimage.errors import JobError
from mrimage.types import Failure

TRIAL_IMAGES = 20
"""If a job's own code fails in the same way on this many first images, the job is at fault. With
fewer, the source may just begin with some odd images."""


@dataclass
class Trial:
    """Counts failures of the job's own code, until an image succeeds or TRIAL_IMAGES fail."""

    over: bool = False
    message: str = ""
    _failed: Counter[str] = field(default_factory=Counter)

    def see(self, failure: Failure | None) -> None:
        """Count one more image. Raises JobError if the job is at fault.

        An image that failed before it reached the job's own code does not count.
        """
        if failure is None:
            self.over = True
        elif failure.code_error:
            self.count(0, {failure.code_error: 1}, f"{failure.uri}: {failure.message}")

    def count(self, passed: int, failed: Mapping[str, int], message: str) -> None:
        """Count more images: those that succeeded, and those that failed, by error and line.

        ``message`` is that of the first failure. Raises JobError if the job is at fault.
        """
        self.over = self.over or passed > 0
        self.message = self.message or message
        self._failed.update(failed)
        failed_alike = len(self._failed) == 1
        if not self.over and failed_alike and self._failed.total() >= TRIAL_IMAGES:
            raise self._error(f"on each of the first {self._failed.total()} images")

    def end(self) -> None:
        """End the trial: there are no more images.

        Raises JobError if the job's own code failed on every image that reached it.
        """
        if not self.over and self._failed:
            raise self._error(f"on all of the {self._failed.total()} images that reached it")

    def _error(self, where: str) -> JobError:
        return JobError(
            f"The job's own code failed {where}, so the run stopped. "
            f"{self.message.rstrip('.')}. Fix it and run again, or add --max-failures 100% "
            "to go on whatever fails."
        )
