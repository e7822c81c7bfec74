"""The secret of the services changes while requests run, in steps, without a restart."""

import secrets
from collections.abc import Iterator

import httpx
import pytest
from grpc import StatusCode
from tams.metadata.v1 import status_service_pb2

from services.shared.access.caller import CALLER_KEY
from services.shared.access.principal import SYSTEM
from services.shared.access.service_tokens import ServiceTokens
from tests.support.access.calls import call_of, channel_of
from tests.support.access.secured_store import PARTS, SecuredStore, running_secured_store
from tests.support.access.traffic import traffic
from tests.support.processes.polling import until
from tests.support.storage.seaweedfs import SeaweedFS

pytestmark = pytest.mark.slow

CHANGED = "the service secrets have changed"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS) -> Iterator[SecuredStore]:
    """A store of its own, because its secret changes."""
    with running_secured_store(tmp_path_factory.mktemp("rotation"), seaweedfs) as running:
        yield running


async def put_secrets(store: SecuredStore, *lines: str) -> None:
    """Write the secrets to the file, and wait until all parts have read it."""
    before = {name: store.log(name).count(CHANGED) for name in PARTS}
    (store.folder / "service_secret").write_text("\n".join(lines))
    await until(lambda: all(store.log(name).count(CHANGED) > before[name] for name in PARTS), pause=0.1)


async def test_no_request_fails_while_the_secret_is_changed_in_steps(store: SecuredStore) -> None:
    old, new = store.service_secret, secrets.token_hex(32)
    async with traffic(store) as answers:
        made = await _url_token(store)
        await put_secrets(store, old, new)
        await put_secrets(store, new, old)
        # Tokens in URLs stay valid until the secret that signed them is removed.
        assert await _status_with(store, made) == 200
        made_since = await _url_token(store)
        await put_secrets(store, new)
        count = len(answers)
        await until(lambda: len(answers) >= count + 20)
    failed = [(answer.url, answer.status_code, answer.text) for answer in answers if not answer.is_success]
    assert failed == []

    async def is_refused() -> bool:
        return await _status_with(store, made) == 401

    await until(is_refused, pause=0.2)
    assert await _status_with(store, made_since) == 200
    assert await _code_with(store, old) is StatusCode.UNAUTHENTICATED
    assert await _code_with(store, new) is StatusCode.OK


async def test_a_secret_that_is_too_short_changes_nothing(store: SecuredStore) -> None:
    file = store.folder / "service_secret"
    before = file.read_text()
    file.write_text(f"short\n{before}")
    await until(
        lambda: all("cannot be used; the old ones stay" in store.log(name) for name in PARTS), pause=0.1
    )
    async with store.client("read") as client:
        assert (await client.get("/flows")).status_code == 200
    file.write_text(before)


async def _url_token(store: SecuredStore) -> str:
    async with store.client("read") as client:
        made = await client.post("/x/tokens", json={"seconds": 600})
        assert made.is_success, made.text
        return str(made.json()["access_token"])


async def _status_with(store: SecuredStore, token: str) -> int:
    async with httpx.AsyncClient(base_url=store.url, trust_env=False, timeout=60) as client:
        return (await client.get("/flows", params={"access_token": token})).status_code


async def _code_with(store: SecuredStore, secret: str) -> StatusCode:
    """The answer of metadata to a call with a token that is signed with the secret."""
    token = ServiceTokens(secret.encode()).make(SYSTEM)
    method = status_service_pb2.DESCRIPTOR.services_by_name["StatusService"].methods_by_name["GetStatus"]
    async with channel_of(store, "metadata") as channel:
        return (await call_of(channel, method, {CALLER_KEY: token})).code
