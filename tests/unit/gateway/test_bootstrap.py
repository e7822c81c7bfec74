import pytest

from gateway import bootstrap
from gateway.settings import Settings
from services.shared.errors import StartupError

QUICK = {"port": 0, "drain_seconds": 0, "grace_seconds": 0}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "192.168.1.5", "gateway.example", ""])
async def test_a_gateway_does_not_listen_beyond_loopback_without_access_control(host: str) -> None:
    with pytest.raises(StartupError, match="TAMS_GATEWAY_UNPROTECTED=true"):
        async with bootstrap.running(Settings(host=host, **QUICK)):  # type: ignore[arg-type]
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
async def test_a_gateway_on_loopback_needs_none(host: str) -> None:
    async with bootstrap.running(Settings(host=host, **QUICK)) as server:  # type: ignore[arg-type]
        assert server.port


@pytest.mark.parametrize("more", [{"unprotected": True}, {"auth": "required", "service_secret": "s" * 32}])
async def test_a_gateway_listens_anywhere_if_something_protects_it(more: dict[str, object]) -> None:
    async with bootstrap.running(Settings(host="0.0.0.0", **QUICK, **more)) as server:  # type: ignore[arg-type]
        assert server.port
