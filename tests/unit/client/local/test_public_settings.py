import dataclasses

import pytest

from client.local.public_settings import hidden, public
from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import env_names


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_the_settings_that_a_process_marks_as_secret_are_hidden_and_no_others(name: str) -> None:
    module = DEPLOYABLES[name]
    names = env_names(module.Settings, module.PREFIX)
    secrets = {names[field.name] for field in dataclasses.fields(module.Settings) if not field.repr}
    env = dict.fromkeys(names.values(), "value")

    assert set(hidden(env)) == secrets
    assert set(public(env)) == set(env) - secrets


@pytest.mark.parametrize(
    "name",
    [
        "TAMS_TOKEN",
        "TAMS_API_KEY",
        "TAMS_PASSWORD",
        "TAMS_AUTH_SERVICE_SECERT",
        "OTEL_EXPORTER_OTLP_HEADERS",
    ],
)
def test_credentials_of_clients_and_unknown_names_are_hidden(name: str) -> None:
    assert public({name: "x"}) == {}
    assert hidden({name: "x", "HOME": "/root"}) == {name: "x"}
