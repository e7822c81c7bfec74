"""What a benchmark reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AtLeast:
    """A target that the value must reach."""

    bound: float

    def met(self, value: float) -> bool:
        """Whether the value reaches it."""
        return value >= self.bound

    def __str__(self) -> str:
        return f">= {self.bound:g}"


@dataclass(frozen=True)
class AtMost:
    """A target that the value must not exceed."""

    bound: float

    def met(self, value: float) -> bool:
        """Whether the value stays within it."""
        return value <= self.bound

    def __str__(self) -> str:
        return f"<= {self.bound:g}"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table. Without a target it only informs; `detail` is what it was made from."""

    name: str
    value: float
    unit: str
    target: AtLeast | AtMost | None = None
    detail: Mapping[str, object] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None without one."""
        return None if self.target is None else self.target.met(self.value)
