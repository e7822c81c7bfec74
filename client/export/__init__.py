"""Flows to files: exactly the asked stretch of time, copied, not encoded again."""

from client.export.exporting import Exported, export

__all__ = ["Exported", "export"]
