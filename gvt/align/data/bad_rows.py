"""Rows of training data that cannot be used: counted by reason, and too many are an error."""

from __future__ import annotations

from collections import Counter

from gvt.errors import UserError

_ALWAYS = 10
_EXAMPLES = 3


class BadRows:
    """What was left out of one source of data that was read so far.

    where: what the messages call the source. share: of its rows that may be bad; ten more always
    may (a stream is judged all along, and its first rows say little), but none with a share of 0.
    """

    def __init__(self, where: str, share: float) -> None:
        self.reasons: Counter[str] = Counter()
        self.seen = 0
        self._where, self._share = where, share
        self._examples: list[str] = []

    def leave_out(self, reason: str, example: str) -> None:
        """Count one row."""
        self.reasons[reason] += 1
        if len(self._examples) < _EXAMPLES:
            self._examples.append(f"{example} ({reason})")

    def check(self) -> None:
        """Raise UserError, with the first examples, where too many rows are bad."""
        floor = _ALWAYS if self._share else 0
        if self.reasons.total() > floor + self._share * self.seen:
            raise UserError(
                f"{self._told()}, more than the {self._share:.1%} of max_bad;"
                f" first: {'; '.join(self._examples)}",
                "Mend the data, or allow a larger share with 'max_bad:' in the recipe.",
            )

    def none_usable(self) -> UserError:
        """The error for data of which no row is left; with the reasons, if it has rows at all."""
        told = "; ".join(self.warnings) or str(self._where)
        return UserError(f"alignment data: {told}: there is no row that can be used")

    @property
    def warnings(self) -> list[str]:
        """One line with all reasons, if there are any."""
        return [f"{self._told()}; first: {self._examples[0]}"] if self.reasons else []

    def _told(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common())
        total = self.reasons.total()
        return f"{self._where}: {total:,} of {self.seen:,} rows left out: {reasons}"
