"""Exports flows to files: exactly the requested time range, copied, not encoded again."""

from client.export.exporting import Exported, export

__all__ = ["Exported", "export"]
