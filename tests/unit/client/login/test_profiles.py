import asyncio

import pytest

from client.api import LoginFailed
from client.login import ConfigFolder, Profile, Profiles
from client.login.profiles import MAX_PROFILES, remove_profile, store_profile, use_profile

PROFILE = Profile(url="https://tams.example", issuer="https://id.example", client_id="c")


async def test_the_first_profile_is_the_current_one(folder: ConfigFolder) -> None:
    await store_profile(folder, "a", PROFILE)
    await store_profile(folder, "b", PROFILE)
    assert Profiles.load(folder) == Profiles(current="a", profiles={"a": PROFILE, "b": PROFILE})


async def test_another_profile_is_used(folder: ConfigFolder) -> None:
    await store_profile(folder, "a", PROFILE)
    await store_profile(folder, "b", PROFILE)
    await use_profile(folder, "b")
    assert Profiles.load(folder).current == "b"


async def test_a_removed_profile_is_not_the_current_one(folder: ConfigFolder) -> None:
    await store_profile(folder, "a", PROFILE)
    await store_profile(folder, "b", PROFILE)
    await remove_profile(folder, "a")
    assert Profiles.load(folder) == Profiles(profiles={"b": PROFILE})


async def test_profiles_that_are_stored_at_the_same_time_are_all_kept(folder: ConfigFolder) -> None:
    await asyncio.gather(*(store_profile(folder, f"p{number}", PROFILE) for number in range(8)))
    assert len(Profiles.load(folder).profiles) == 8


async def test_an_unknown_profile_is_an_error(folder: ConfigFolder) -> None:
    for change in (use_profile, remove_profile):
        with pytest.raises(LoginFailed, match="there is no profile 'nobody'"):
            await change(folder, "nobody")


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".a", "a b", "x" * 65, "a\n"])
async def test_a_name_that_is_no_file_name_is_refused(folder: ConfigFolder, name: str) -> None:
    with pytest.raises(LoginFailed, match="cannot be the name of a profile"):
        await store_profile(folder, name, PROFILE)


async def test_the_number_of_profiles_is_bounded(folder: ConfigFolder) -> None:
    full = {f"p{number}": PROFILE for number in range(MAX_PROFILES)}
    folder.write("profiles.json", Profiles(current="p0", profiles=full))
    with pytest.raises(LoginFailed, match="there are 100 profiles already"):
        await store_profile(folder, "more", PROFILE)
    await store_profile(folder, "p1", PROFILE)


@pytest.mark.parametrize(
    "content",
    [
        '{"current": "gone"}',
        '{"profiles": {"a": {}}}',
        '{"profiles": {"a": {"url": "u", "uri": "v"}}}',
        '{"profiles": {"../a": {"url": "u"}}}',
        "profiles",
    ],
)
def test_a_damaged_file_is_an_error_of_one_line(folder: ConfigFolder, content: str) -> None:
    folder.root.mkdir(parents=True)
    (folder.root / "profiles.json").write_text(content)
    with pytest.raises(LoginFailed) as error:
        Profiles.load(folder)
    assert "\n" not in str(error.value)
