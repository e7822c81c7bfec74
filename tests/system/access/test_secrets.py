"""Secrets stay where they belong.

They are not in logs, spans, metrics, files, headers, links, errors or process lists.
"""

from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil
import pytest

from docs.generate_scopes import rpcs
from services.shared.access.caller import CALLER_KEY
from services.shared.access.principal import GRANTED, Principal
from services.shared.access.service_tokens import ServiceTokens
from tests.support.access.calls import call_of, channel_of
from tests.support.access.issuer import new_key, token
from tests.support.access.secured_store import SecuredStore
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.processes.system import READY_SECONDS, poll
from tests.support.telemetry.collector import Collector

pytestmark = pytest.mark.slow

FLOWS = range(911, 916)
PASSWORD = "a-password-that-was-planted"


# Paths for which tokens are planted, by where.
PLACES = {"header": "/flows", "url": "/flows", "url of an error": "/flows/x", "url of no path": "/nothing"}

# Credentials without a part that nobody else knows.
NOT_SECRET = {"garbage", "other scheme", "alg=none", "unknown key"}
# An RPC of each part that is called directly.
CALLS = {
    "metadata": "FlowService.ListFlows",
    "media": "StorageService.ListStorageBackends",
    "analytics": "UsageService.GetStorageUsage",
    "events": "DeliveryService.GetDeliveryStatus",
}


def headers_and_body(answer: httpx.Response) -> str:
    return f"{dict(answer.headers)} {answer.text}"


async def test_pages_with_a_token_in_the_url_link_without_it(secured: SecuredStore) -> None:
    async with secured.client("write") as writer:
        for number in FLOWS:
            assert (await writer.put(f"/flows/{flow_id(number)}", json=a_flow(number))).status_code == 201
    secret = token(secured.key, "read")
    seen = []
    async with httpx.AsyncClient(base_url=secured.url, trust_env=False, timeout=60) as client:
        for path in ("/flows", "/sources"):
            url, pages = path, 0
            parameters = {"limit": "2", "access_token": secret}
            while url:
                answer = await client.get(url, params=parameters)
                assert answer.status_code == 200
                assert secret not in headers_and_body(answer)
                assert "access_token" not in headers_and_body(answer)
                seen += [item["id"] for item in answer.json()]
                url = answer.links.get("next", {}).get("url", "")
                # The client keeps the token and adds it again.
                parameters = dict(httpx.URL(url).params) | {"access_token": secret}
                pages += 1
            assert pages > 2
    assert {flow_id(number) for number in FLOWS} <= set(seen)


async def test_a_deletion_with_a_token_in_the_url_is_found_without_it(secured: SecuredStore) -> None:
    flow = a_flow(916)
    # More than one slice of a deletion, so that it is not over at once.
    segments = [
        {
            "object_id": f"outside-{second}",
            "timerange": f"[{second}:0_{second + 1}:0)",
            "get_urls": [{"url": f"https://elsewhere.example/{second}"}],
        }
        for second in range(1001)
    ]
    async with secured.client("write") as writer:
        assert (await writer.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
        assert (await writer.post(f"/flows/{flow['id']}/segments", json=segments)).status_code == 201
    secret = token(secured.key, "read", "delete")
    async with httpx.AsyncClient(base_url=secured.url, trust_env=False, timeout=60) as client:
        deleted = await client.delete(f"/flows/{flow['id']}/segments", params={"access_token": secret})
        assert deleted.status_code == 202
        assert "access_token" not in headers_and_body(deleted)
        assert (await client.get(deleted.headers["location"])).status_code == 401
        found = await client.get(deleted.headers["location"], params={"access_token": secret})
    assert found.status_code == 200
    assert "access_token" not in headers_and_body(found)


async def test_errors_repeat_no_credentials(secured: SecuredStore, faults: Mapping[str, str | None]) -> None:
    async with httpx.AsyncClient(base_url=secured.url, trust_env=False, timeout=60) as client:
        for authorization in filter(None, faults.values()):
            answer = await client.get("/flows", headers={"authorization": authorization})
            assert authorization.partition(" ")[2] not in headers_and_body(answer)
        refused = await client.get("/flows", auth=("alice", PASSWORD))
        assert refused.status_code == 401
        assert PASSWORD not in headers_and_body(refused)


async def test_no_log_no_file_no_span_and_no_metric_has_a_secret(
    secured: SecuredStore, faults: Mapping[str, str | None], collector: Collector
) -> None:
    planted = {"service secret": secured.service_secret, "password": PASSWORD}
    async with httpx.AsyncClient(base_url=secured.url, trust_env=False, timeout=60) as client:
        for place, path in PLACES.items():
            secret = planted[place] = token(secured.key, "read", sub=place)
            if place == "header":
                await client.get(path, headers={"authorization": f"Bearer {secret}"})
            else:
                await client.get(path, params={"access_token": secret})
        for fault, authorization in faults.items():
            if authorization is not None and fault not in NOT_SECRET:
                planted[fault] = authorization.partition(" ")[2]
                await client.get("/flows", headers={"authorization": authorization})
        await client.get("/flows", auth=("alice", PASSWORD))
    await plant_in_calls(secured, planted)
    await plant_signed_url(secured, planted)
    # The requests are in the log, so what is missing there was left out.
    assert PLACES["url of no path"] in secured.log("gateway")
    for file in files(secured):
        content = file.read_bytes()
        for name, secret in planted.items():
            assert secret_part(secret).encode() not in content, f"{file.name} has the {name}"
    until_sent(collector)
    assert secrets_sent(collector, planted) == []
    for part, process in secured.processes.items():
        running = psutil.Process(process.pid)
        shown = f"{running.cmdline()} {running.environ()}"
        assert [name for name, secret in planted.items() if secret in shown] == [], part


async def plant_signed_url(secured: SecuredStore, planted: dict[str, str]) -> None:
    """Get a signed URL. Its query has the signature and the id of the key of object storage."""
    flow = a_flow(917)
    async with secured.client("write") as writer:
        assert (await writer.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
        allocated = await writer.post(f"/flows/{flow['id']}/storage", json={"limit": 1})
    assert allocated.status_code == 201
    query = httpx.URL(allocated.json()["media_objects"][0]["put_url"]["url"]).params
    planted["signature"] = query["X-Amz-Signature"]
    planted["id of the key of object storage"] = query["X-Amz-Credential"].partition("/")[0]


def secrets_sent(collector: Collector, planted: Mapping[str, str]) -> list[tuple[str, str]]:
    """The names of the secrets that the collector received, each with the path that it came by."""
    return [
        (name, path)
        for path, body in list(collector.bodies)
        for name, secret in planted.items()
        if secret_part(secret).encode() in body
    ]


def until_sent(collector: Collector) -> None:
    """Wait until the collector has spans of what was planted, and metrics of the gateway after them."""
    poll(lambda: any(f.name == "POST /flows/{flowId}/storage" for _, f in collector.spans()), READY_SECONDS)
    sendings = len(collector.metrics_of("tams-gateway"))
    # One of these may have begun before.
    poll(lambda: len(collector.metrics_of("tams-gateway")) > sendings + 1, READY_SECONDS)


def secret_part(text: str) -> str:
    """The part of credentials that nobody else may know: the signature of a token, the end of an API key."""
    return text.rpartition("_")[2] if text.startswith("tams_") else text.rpartition(".")[2]


async def plant_in_calls(secured: SecuredStore, planted: dict[str, str]) -> None:
    """Call services directly with tokens of callers and of the store, good and bad."""
    own, foreign = ServiceTokens(secured.service_secret.encode()), ServiceTokens(bytes(32))
    for part, method in CALLS.items():
        caller = Principal(f"user:{part}", GRANTED)
        secrets = {
            "token": ("authorization", "Bearer ", token(secured.key, "read", sub=part)),
            "bad token": ("authorization", "Bearer ", token(new_key("unknown"), "read", sub=part)),
            "service token": (CALLER_KEY, "", own.make(caller)),
            "bad service token": (CALLER_KEY, "", foreign.make(caller)),
        }
        (found,) = (rpc for rpc in rpcs() if rpc.full_name.endswith(f".{method}"))
        async with channel_of(secured, part) as channel:
            for name, (key, scheme, secret) in secrets.items():
                planted[f"{name} in a call to {part}"] = secret
                await call_of(channel, found, {key: f"{scheme}{secret}"})


def files(secured: SecuredStore) -> list[Path]:
    """All files of the store, but those that hold its secrets for it."""
    found = [path for path in secured.folder.rglob("*") if path.is_file()]
    assert {f"{part}.log" for part in secured.processes} <= {path.name for path in found}
    return [path for path in found if path.name != "service_secret"]
