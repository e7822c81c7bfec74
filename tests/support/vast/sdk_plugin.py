"""A pytest plugin for the SDK's own tests. It skips their sleeps, as the protocol server works at once."""

import time
from types import SimpleNamespace

import pytest


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    for module in {item.module for item in items}:
        if getattr(module, "time", None) is time:
            module.time = SimpleNamespace(**{**vars(time), "sleep": lambda _: None})
