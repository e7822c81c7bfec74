from services.media.application.recent_objects import RecentObjects
from services.media.application.size_reader import SizeReader
from services.media.application.size_recorder import SizeRecorder
from services.media.application.uploads import Presence, Uploads
from services.media.domain.object import ObjectLocation
from services.shared.access.principal import Principal, Scope
from tests.support.access.callers import caller_is
from tests.support.storage.backends import BACKEND_ID, MemoryObjectRegistry, PreparedStorage

BOB = Principal("jwt:bob", frozenset({Scope.WRITE}), classes=frozenset({"news"}))


async def test_a_caller_with_some_classes_does_not_learn_of_objects_of_others() -> None:
    registry, recent = MemoryObjectRegistry({}), RecentObjects()
    reader, recorder = SizeReader({BACKEND_ID: PreparedStorage()}, 1), SizeRecorder(registry)
    uploads = Uploads(registry, reader, recent, recorder, [BACKEND_ID])
    # This process remembers what other callers uploaded.
    recent.mark_stored("object")
    assert await uploads.look_for(["object"]) == [Presence.STORED]
    with caller_is(BOB):
        assert await uploads.look_for(["object"]) == [Presence.ELSEWHERE]
        registry.reserved["object"] = ObjectLocation("object", BACKEND_ID, "path")
        registry.sizes["object"] = 5
        assert await uploads.look_for(["object"]) == [Presence.STORED]
