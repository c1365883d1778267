"""How many quarantined images a run tolerates."""

from __future__ import annotations

from dataclasses import dataclass

from mrimage.errors import BudgetError


@dataclass(frozen=True, slots=True)
class Budget:
    """``--max-failures``: a number of images, or a share of those listed; without either any
    number will do."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, limit: int | str | None) -> Budget:
        """``10``, ``"10"`` or ``"2.5%"``, as RunOptions has checked it."""
        if limit is None:
            return cls()
        text = str(limit)
        if text.endswith("%"):
            return cls(percent=float(text[:-1]))
        return cls(count=int(text))

    def allows(self, quarantined: int, listed: int) -> bool:
        """Whether ``quarantined`` of ``listed`` images are not too many."""
        allowed = self._allowed(listed)
        return allowed is None or quarantined <= allowed

    def allows_all(self, listed: int) -> bool:
        """Whether every image may fail, because someone said so."""
        allowed = self._allowed(listed)
        return allowed is not None and allowed >= listed

    def check(self, quarantined: int, listed: int) -> None:
        """Raise BudgetError when ``quarantined`` of ``listed`` images are too many."""
        if not self.allows(quarantined, listed):
            raise BudgetError(
                f"Expected at most {self._allowed(listed)} quarantined images of {listed} (--max-failures), but there are "
                f"{quarantined} already. What is done is kept; raise --max-failures to continue."
            )

    def _allowed(self, listed: int) -> int | None:
        return self.count if self.percent is None else int(listed * self.percent / 100)
