"""A whole store with HTTPS and mutual TLS: it works, admits nobody without a certificate, and renews them."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import httpx
import pytest
from grpc import aio
from tams.metadata.v1 import status_service_pb2

from services.shared.access.caller import CALLER_KEY
from services.shared.access.principal import SYSTEM
from services.shared.access.service_tokens import ServiceTokens
from tests.support.access.authority import Authority, Issued
from tests.support.access.calls import Answer, call_of
from tests.support.access.secured_store import PARTS, SecuredStore, running_secured_store
from tests.support.access.traffic import traffic
from tests.support.metadata.flows import a_flow
from tests.support.processes.commands import command_env, run_tams
from tests.support.processes.polling import until
from tests.support.storage.seaweedfs import SeaweedFS

pytestmark = pytest.mark.slow

MEDIA = b"some media" * 100
SERVICES = [part for part in PARTS if part != "gateway"]
METHOD = status_service_pb2.DESCRIPTOR.services_by_name["StatusService"].methods_by_name["GetStatus"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("store")


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS, authority: Authority, issued: Issued
) -> Iterator[SecuredStore]:
    env = {
        **authority.environment(issued),
        "TAMS_GATEWAY_TLS_CERT": str(issued.cert),
        "TAMS_GATEWAY_TLS_KEY": str(issued.key),
    }
    folder = tmp_path_factory.mktemp("secured")
    with running_secured_store(folder, seaweedfs, authority.file, **env) as running:
        yield running


async def test_media_goes_in_and_out(store: SecuredStore) -> None:
    flow = a_flow(921)
    async with store.client("read", "write") as client, httpx.AsyncClient(trust_env=False) as storage:
        assert (await client.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
        allocated = await client.post(f"/flows/{flow['id']}/storage", json={"limit": 1})
        assert allocated.status_code == 201, allocated.text
        (media_object,) = allocated.json()["media_objects"]
        put_url = media_object["put_url"]
        headers = {"content-type": put_url["content-type"], **put_url["headers"]}
        assert (await storage.put(put_url["url"], content=MEDIA, headers=headers)).status_code == 200
        segment = {"object_id": media_object["object_id"], "timerange": "[0:0_1:0)"}
        registered = await client.post(f"/flows/{flow['id']}/segments", json=segment)
        assert registered.status_code == 201, registered.text
        listed = await client.get(f"/flows/{flow['id']}/segments?limit=1")
        assert (await storage.get(listed.json()[0]["get_urls"][0]["url"])).content == MEDIA
        coverage = await client.get(f"/x/analytics/flows/{flow['id']}/coverage")
        assert coverage.json()["timerange"] == "[0:0_1:0)"
        page = await client.get("/flows?limit=1")
        assert page.status_code == 200
        assert page.headers.get("link", f"<{store.url}/").startswith(f"<{store.url}/")


@pytest.mark.parametrize("part", SERVICES)
async def test_a_service_token_alone_reaches_no_service(
    store: SecuredStore, authority: Authority, part: str
) -> None:
    token = {CALLER_KEY: ServiceTokens(store.service_secret.encode()).make(SYSTEM)}
    trusting = grpc.ssl_channel_credentials(authority.file.read_bytes())
    answers = [await answer(store, part, None, token), await answer(store, part, trusting, token)]
    assert [each.code for each in answers] == [grpc.StatusCode.UNAVAILABLE] * 2


async def test_a_certificate_alone_opens_nothing(
    store: SecuredStore, authority: Authority, issued: Issued
) -> None:
    shown = grpc.ssl_channel_credentials(
        authority.file.read_bytes(), issued.key.read_bytes(), issued.cert.read_bytes()
    )
    token = {CALLER_KEY: ServiceTokens(store.service_secret.encode()).make(SYSTEM)}
    assert (await answer(store, "metadata", shown, {})).code is grpc.StatusCode.UNAUTHENTICATED
    assert (await answer(store, "metadata", shown, token)).code is grpc.StatusCode.OK


async def answer(
    store: SecuredStore, part: str, shown: grpc.ChannelCredentials | None, metadata: Mapping[str, str]
) -> Answer:
    address, options = f"127.0.0.1:{store.ports[part]}", [("grpc.enable_http_proxy", 0)]
    channel = (
        aio.insecure_channel(address, options)
        if shown is None
        else aio.secure_channel(address, shown, options)
    )
    async with channel:
        return await call_of(channel, METHOD, metadata)


@pytest.mark.parametrize("part", SERVICES)
async def test_probes_show_the_certificate(store: SecuredStore, part: str) -> None:
    codes = []
    for tls in (store.env, {**store.env, "TAMS_TLS_CERT": "", "TAMS_TLS_KEY": "", "TAMS_TLS_CA": ""}):
        probe = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.shared.rpc.probe", f"127.0.0.1:{store.ports[part]}", env=tls
        )
        codes.append(await probe.wait())
    assert codes == [0, 1]


def test_the_command_trusts_the_named_authorities_alone(
    store: SecuredStore, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "another authority")
    header = store.bearer("read")["authorization"]
    env = command_env(tmp_path, TAMS_URL=store.url, TAMS_TOKEN=header.removeprefix("Bearer "))
    trusted = run_tams("flows", env={**env, "TAMS_CA_FILE": str(authority.file)})
    assert (trusted.returncode, trusted.stderr) == (0, "")
    for ca_file in ("", str(other.file)):
        refused = run_tams("flows", env={**env, "TAMS_CA_FILE": ca_file})
        assert refused.returncode != 0
        assert (
            f"cannot reach {store.url}: its certificate is not trusted: unable to get local" in refused.stderr
        )
        assert "TAMS_CA_FILE" in refused.stderr
        assert "is the store running" not in refused.stderr
    plain = run_tams("flows", env={**env, "TAMS_URL": store.url.replace("https", "http")})
    assert plain.returncode != 0
    assert "cannot reach" in plain.stderr


async def test_no_request_fails_while_all_certificates_are_renewed(
    store: SecuredStore, authority: Authority, issued: Issued
) -> None:
    """The files are those of all parts. Each part notices them by itself."""
    async with traffic(store) as answers:
        for number in range(2):
            before = {name: store.log(name).count("the certificate was renewed") for name in PARTS}
            issued.replace(authority.issue(f"renewed-{number}"))

            def all_renewed(before: Mapping[str, int] = before) -> bool:
                logs = {name: store.log(name).count("the certificate was renewed") for name in PARTS}
                return all(logs[name] > before[name] for name in PARTS)

            await until(all_renewed, pause=0.1)
        count = len(answers)
        await until(lambda: len(answers) >= count + 20)
    assert [(each.url, each.status_code, each.text) for each in answers if not each.is_success] == []


async def test_parts_that_restart_reach_each_other_with_renewed_certificates(
    store: SecuredStore, authority: Authority, issued: Issued
) -> None:
    issued.replace(authority.issue("after"))
    await asyncio.to_thread(store.end, "media")
    store.start("media")
    async with store.client("read") as client:

        async def healthy() -> bool:
            return (await client.get("/health")).status_code == 200

        await until(healthy, pause=0.2)
