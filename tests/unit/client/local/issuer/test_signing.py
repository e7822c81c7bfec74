import json
import multiprocessing
from pathlib import Path

import jwt
import pytest

from client.local.errors import CannotRun
from client.local.issuer import files, signing


def secrets_of(data_dir: Path) -> Path:
    return data_dir / "secrets"


def sign(data_dir: Path) -> str:
    return signing.make_token(data_dir, scopes=["read", "admin"], subject="ann", minutes=1)


def test_a_token_is_valid_by_the_public_keys(tmp_path: Path) -> None:
    token = sign(tmp_path / "data")
    [entry] = json.loads(files.public_keys_file(secrets_of(tmp_path / "data")).read_text())["keys"]
    key = jwt.PyJWK(entry)
    assert (key.algorithm_name, key.key_id) == ("EdDSA", jwt.get_unverified_header(token)["kid"])
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=files.AUDIENCE, issuer=files.ISSUER)
    assert (claims["sub"], claims["scope"]) == ("ann", "tams-api/read tams-api/admin")
    assert claims["exp"] - claims["iat"] == 60


def test_the_key_is_made_once_and_only_readable_by_its_owner(tmp_path: Path) -> None:
    sign(tmp_path / "data")
    secrets = secrets_of(tmp_path / "data")
    made = {path: path.read_bytes() for path in secrets.iterdir()}
    sign(tmp_path / "data")
    assert {path: path.read_bytes() for path in secrets.iterdir()} == made
    assert set(made) == {files.key_file(secrets), files.public_keys_file(secrets)}
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_processes_that_make_the_key_at_the_same_time_have_the_same(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        tokens = pool.map(sign, [tmp_path / "data"] * 6)
    assert len({jwt.get_unverified_header(token)["kid"] for token in tokens}) == 1


def test_a_key_that_another_process_makes_first_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_key, first = signing.new_pem, []

    def slow_key() -> bytes:
        monkeypatch.setattr(signing, "new_pem", new_key)
        first.append(jwt.get_unverified_header(sign(tmp_path))["kid"])
        return new_key()

    monkeypatch.setattr(signing, "new_pem", slow_key)
    assert [jwt.get_unverified_header(sign(tmp_path))["kid"]] == first
    assert len(list(secrets_of(tmp_path).iterdir())) == 2


def test_missing_or_damaged_public_keys_are_written_again(tmp_path: Path) -> None:
    sign(tmp_path)
    path = files.public_keys_file(secrets_of(tmp_path))
    content = path.read_text()
    path.unlink()
    files.make_files(secrets_of(tmp_path))
    assert path.read_text() == content
    path.write_text("{}")
    sign(tmp_path)
    assert path.read_text() == content


def test_a_damaged_key_is_an_error_of_one_line(tmp_path: Path) -> None:
    sign(tmp_path)
    secrets = secrets_of(tmp_path)
    files.key_file(secrets).write_text("damaged")
    with pytest.raises(CannotRun, match=r"token_key\.pem is damaged; remove it"):
        sign(tmp_path)
    files.public_keys_file(secrets).unlink()
    with pytest.raises(CannotRun, match=r"cannot make a key for tokens: .*token_key\.pem is damaged"):
        files.make_files(secrets)
