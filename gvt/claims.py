"""What a suite puts to the test: claims that some of its columns score above others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gvt.errors import UserError, nearest
from gvt.yaml_files import FieldError

SCOPES = ("semantics", "fine-grained", "overall")
"""What a claim may be about, beside a single task: the tasks of a skill, or all of them."""


@dataclass(frozen=True)
class Claim:
    """That the mean of columns ``higher`` is above the mean of columns ``lower`` on ``scope``.

    scope: a task of the suite, or one of SCOPES. statement: the claim in words. source: who makes
    it. Raises FieldError for sides that are empty or share a column.
    """

    name: str
    statement: str
    scope: str
    higher: tuple[str, ...]
    lower: tuple[str, ...]
    source: str = ""

    def __post_init__(self) -> None:
        for side in ("higher", "lower"):
            if not getattr(self, side):
                raise FieldError(side, "is empty")
        seen = set()
        for column in self.columns:
            if column in seen:
                raise FieldError("lower", f"column '{column}' stands twice in '{self.name}'")
            seen.add(column)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of both sides."""
        return self.higher + self.lower

    def answerable(self, columns: Collection[str], tasks: Collection[str]) -> bool:
        """Whether a run of these columns and tasks has what the claim compares."""
        return set(self.columns) <= set(columns) and self.scope in {*SCOPES, *tasks}


def check_columns(claims: Iterable[Claim], columns: Collection[str]) -> None:
    """Raises FieldError for a name that stands twice and for a column that is none."""
    names = set()
    for claim in claims:
        if claim.name in names:
            raise FieldError("claims", f"'{claim.name}' stands twice")
        names.add(claim.name)
        for column in claim.columns:
            if column not in columns:
                raise unknown_column(
                    "claims", f"column '{column}' of '{claim.name}'", column, columns
                )


def check_scopes(claims: Iterable[Claim], tasks: Collection[str]) -> None:
    """Raises UserError for a scope that is neither one of ``tasks`` nor one of SCOPES."""
    scopes = [*SCOPES, *tasks]
    for claim in claims:
        if claim.scope not in scopes:
            raise UserError(
                f"claim '{claim.name}': unknown scope '{claim.scope}'",
                f"{_nearest(claim.scope, scopes)}A scope is one of {', '.join(scopes)}.",
            )


def unknown_column(field: str, what: str, asked: str, columns: Collection[str]) -> FieldError:
    """The error for a column that the suite has not."""
    return FieldError(
        field, f"unknown {what}", f"{_nearest(asked, columns)}Columns: {', '.join(columns)}."
    )


def _nearest(asked: str, valid: Collection[str]) -> str:
    close = nearest(asked, valid)
    return f"Nearest: {', '.join(close)}. " if close else ""
