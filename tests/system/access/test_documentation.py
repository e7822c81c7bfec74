"""The page at /docs logs in, as a person does it in a browser."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from tests.support.access.issuer import token
from tests.support.access.secured_store import SecuredStore
from tests.support.http import browser

pytestmark = pytest.mark.slow

FOUND = """const found = async (selector) => {
  for (;;) {
    const element = document.querySelector(selector);
    if (element) return element;
    await new Promise((again) => setTimeout(again, 20));
  }
};"""
# The clicks by which a person tries out an operation that is not open yet, and those for one more time.
OPEN = f"""(async () => {{ {FOUND}
  (await found("#operations-Service-getService .opblock-summary-control")).click();
  (await found("#operations-Service-getService .try-out__btn")).click();
  (await found("#operations-Service-getService .execute")).click();
}})()"""
AGAIN = f"""(async () => {{ {FOUND}
  (await found("#operations-Service-getService .btn-clear")).click();
  (await found("#operations-Service-getService .execute")).click();
}})()"""
SHOWN = """(document.querySelector(
  "#operations-Service-getService .live-responses-table .response .response-col_status") || {}).innerText"""
# Fills in the fields of a scheme, as React notices it, and confirms.
LOG_IN = """(async () => { FOUND
  (await found(".auth-wrapper .authorize")).click();
  let form;
  for (const [selector, value] of Object.entries(FIELDS)) {
    const field = await found(selector);
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, value);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    form = field.closest("form");
  }
  form.querySelector("button[type=submit]").click();
  (await found(".btn-done")).click();
  window.loggedIn = true;
})()"""
PASSWORD = "the password of a reader"


def fields(secured: SecuredStore, scheme: str) -> dict[str, str]:
    """The values of the fields of a scheme."""
    match scheme:
        case "bearer_token_auth":
            return {"#auth-bearer-value": token(secured.key, "read")}
        case "url_token_auth":
            return {"#api_key_value": token(secured.key, "read")}
    user = {"name": "reader", "password": PASSWORD, "scopes": ["read"]}
    httpx.post(
        f"{secured.url}/x/users", json=user, headers=secured.bearer("admin"), trust_env=False
    ).raise_for_status()
    return {"input[name=username]": "reader", "input[name=password]": PASSWORD}


@browser.needed
@pytest.mark.parametrize("scheme", ["bearer_token_auth", "url_token_auth", "basic_auth"])
async def test_the_page_logs_in_and_tries_out_an_operation(
    secured: SecuredStore, tmp_path: Path, scheme: str
) -> None:
    values = await asyncio.to_thread(fields, secured, scheme)
    log_in = LOG_IN.replace("FOUND", FOUND).replace("FIELDS", json.dumps(values))

    def visit() -> tuple[str, str, str]:
        with browser.running_browser(tmp_path) as page:
            page.open(f"{secured.url}/docs")
            page.until("document.querySelectorAll('.opblock').length")
            page.evaluate(OPEN)
            before = page.until(SHOWN)
            page.evaluate(log_in)
            page.until("window.loggedIn")
            page.evaluate(AGAIN)
            after = page.until(f"({SHOWN}) !== '401' && ({SHOWN})")
            kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
            return before, after, kept

    before, after, kept = await asyncio.to_thread(visit)
    assert (before, after) == ("401", "200")
    assert not any(value in kept for value in values.values())
