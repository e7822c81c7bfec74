"""The audit log, at /x/audit."""

from tests.conformance.conftest import Gateway
from tests.conformance.reaching import Client, reaches

AUDIT = "/x/audit"


@reaches(f"GET {AUDIT}", 200, 400)
async def test_the_audit_log_is_listed(tams: Client) -> None:
    listed = await tams.get(AUDIT, params={"action": "flows.*", "first": "oldest", "limit": 5})
    assert listed.status_code == 200
    assert listed.headers["x-paging-limit"] == "5"
    assert (
        await tams.get(AUDIT, params={"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"})
    ).json()
    assert (await tams.get(AUDIT, params={"since": "0001-01-01T00:00:00+14:00"})).status_code == 400
    for name, value in (("since", "yesterday"), ("until", "2026-01-01"), ("first", "any"), ("page", "x")):
        assert (await tams.get(AUDIT, params={name: value})).status_code == 400


@reaches(f"GET {AUDIT}", 403)
async def test_without_access_control_the_audit_log_is_part_of_administration(
    gateway: Gateway, services: dict[str, str]
) -> None:
    async with gateway(admin=False, **services) as tams:
        response = await tams.get(AUDIT)
        assert (response.status_code, response.json()["type"]) == (403, "ADMIN_NOT_OFFERED")
