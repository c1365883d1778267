"""How many quarantined images a run tolerates."""

from __future__ import annotations

from dataclasses import dataclass

from mrimage.errors import BudgetError


@dataclass(frozen=True, slots=True)
class Budget:
    """``--max-failures``: a number of images, or a percentage of the listed ones. Without either,
    any number of images may fail."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, limit: int | str | None) -> Budget:
        """Parse ``10``, ``"10"`` or ``"2.5%"``, which RunOptions has checked."""
        if limit is None:
            return cls()
        text = str(limit)
        if text.endswith("%"):
            return cls(percent=float(text[:-1]))
        return cls(count=int(text))

    def allows(self, quarantined: int, listed: int) -> bool:
        """Whether the run may go on with ``quarantined`` of ``listed`` images."""
        allowed = self._allowed(listed)
        return allowed is None or quarantined <= allowed

    def allows_all(self, listed: int) -> bool:
        """Whether the user has explicitly allowed every image to fail."""
        allowed = self._allowed(listed)
        return allowed is not None and allowed >= listed

    def check(self, quarantined: int, listed: int) -> None:
        """Raise BudgetError if ``quarantined`` of ``listed`` images are too many."""
        if not self.allows(quarantined, listed):
            raise BudgetError(
                f"--max-failures allows at most {self._allowed(listed)} quarantined images of "
                f"{listed}, but there are {quarantined} already. "
                "What is done is kept; raise --max-failures to continue."
            )

    def _allowed(self, listed: int) -> int | None:
        """The largest number of quarantined images, or None if there is no limit."""
        if self.percent is None:
            return self.count
        return int(listed * self.percent / 100)
