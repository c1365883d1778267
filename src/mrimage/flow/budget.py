"""How many quarantined images a run tolerates."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mrimage.errors import BudgetError, UsageError


@dataclass(frozen=True, slots=True)
class Budget:
    """``--max-failures``: a number of images, or a share of those listed; without either any number will do."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str | None) -> Budget:
        """``10`` or ``2.5%``. Raises UsageError for anything else."""
        if text is None:
            return cls()
        if re.fullmatch("[0-9]+", text):
            return cls(count=int(text))
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?%", text) and float(text[:-1]) <= 100:
            return cls(percent=float(text[:-1]))
        raise UsageError(
            f'Expected --max-failures as a number or a percentage, for example 10 or 5%, but received "{text}".'
        )

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
