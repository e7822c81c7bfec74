"""An OIDC server in its own process, with keys that can be changed while it runs.

Run as `python -m tests.support.access.provider`: it writes its port to standard output. It is the package
oidc-provider-mock with one more route: POST /rotate makes a new key.
"""

import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx

CLIENT = "tams-tests"
# The user has this role, which the store is set to give scopes.
USER, ROLE = "carol", "editor"
_REDIRECT = "http://localhost/redirect"


class Provider:
    """The running server; `url` is its name as an issuer."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"

    def token(self) -> str:
        """A new JWT of the user, by the authorization code flow."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            query = {
                "client_id": CLIENT,
                "redirect_uri": _REDIRECT,
                "response_type": "code",
                "scope": "openid",
            }
            agreed = client.post("/oauth2/authorize", params=query, data={"sub": USER})
            (code,) = parse_qs(urlsplit(agreed.headers["location"]).query)["code"]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": _REDIRECT}
            reply = client.post("/oauth2/token", data=form, auth=(CLIENT, "any"))
            return str(reply.raise_for_status().json()["id_token"])

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish that one alone."""
        httpx.post(f"{self.url}/rotate", trust_env=False, timeout=60).raise_for_status()


@contextlib.contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider on loopback."""
    command = [sys.executable, "-m", "tests.support.access.provider"]
    env = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1"}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield Provider(int(process.stdout.readline()))
        finally:
            process.terminate()


def _serve() -> None:
    # These are slow to load, for this process alone, and come without types.
    provider, jose, serving = map(
        importlib.import_module, ("oidc_provider_mock", "authlib.jose", "werkzeug.serving")
    )
    app = provider.app(user_claims=[provider.User(sub=USER, claims={"roles": [ROLE]})])
    flask = importlib.import_module("flask")

    def rotate() -> str:
        flask.g.oidc_provider_mock_storage.jwk = jose.RSAKey.generate_key(is_private=True)
        return "rotated"

    app.post("/rotate")(rotate)
    server = serving.make_server("localhost", 0, app, threaded=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    _serve()
