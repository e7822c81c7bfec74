from collections.abc import Iterator

import pytest

from tests.support.access.documents_server import Documents, running_documents


@pytest.fixture
def documents() -> Iterator[Documents]:
    """A server with documents of an issuer."""
    with running_documents() as running:
        yield running
