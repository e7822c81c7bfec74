"""The figures that a benchmark reports, and their targets."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AtLeast:
    """A target that the value must reach."""

    bound: float

    def met(self, value: float) -> bool:
        """True if the value reaches the bound."""
        return value >= self.bound

    def __str__(self) -> str:
        return f">= {self.bound:g}"


@dataclass(frozen=True)
class AtMost:
    """A target that the value must not exceed."""

    bound: float

    def met(self, value: float) -> bool:
        """True if the value does not exceed the bound."""
        return value <= self.bound

    def __str__(self) -> str:
        return f"<= {self.bound:g}"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A line of the table. A figure without a target only informs; `detail` has the values behind it."""

    name: str
    value: float
    unit: str
    target: AtLeast | AtMost | None = None
    detail: Mapping[str, object] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """True if the target is met; None without a target."""
        return None if self.target is None else self.target.met(self.value)
