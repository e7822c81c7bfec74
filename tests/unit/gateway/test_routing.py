from urllib.parse import unquote

import pytest

from gateway.errors import UnknownPath
from gateway.http.routing import Route, Router


async def handler(request):
    raise AssertionError("never called")


ROUTES = [
    Route("/", get=handler),
    Route("/flows", get=handler),
    Route("/flows/{flowId}", get=handler, put=handler),
    Route("/flows/{flowId}/tags/{name...}", get=handler),
    Route("/flows/special", get=handler),
    Route("/objects/{objectId...}", get=handler),
]
router = Router(ROUTES)


@pytest.mark.parametrize(
    ("path", "template", "params"),
    [
        ("/", "/", []),
        ("/flows", "/flows", []),
        ("/flows/x", "/flows/{flowId}", ["x"]),
        ("/flows/special", "/flows/special", []),
        ("/flows/x/tags/a", "/flows/{flowId}/tags/{name}", ["x", "a"]),
        ("/flows/x/tags/a/b//c", "/flows/{flowId}/tags/{name}", ["x", "a/b//c"]),
        ("/objects/a/b", "/objects/{objectId}", ["a/b"]),
        ("/objects//a", "/objects/{objectId}", ["/a"]),
        ("/objects/a/", "/objects/{objectId}", ["a/"]),
        ("/objects/a%2Fb", "/objects/{objectId}", ["a%2Fb"]),
    ],
)
def test_a_path_leads_to_its_route(path, template, params):
    route, found = router.resolve(path)
    assert (route.template, found) == (template, params)


@pytest.mark.parametrize(
    "path", ["", "*", "flows", "//", "/flows/", "/flows/x/", "/flows//tags/a", "/flows/x/tags", "/objects"]
)
def test_other_paths_lead_nowhere(path):
    with pytest.raises(UnknownPath):
        router.resolve(path)


def test_head_comes_with_get_and_options_with_all():
    assert Route("/a", get=handler, put=handler).allowed == ("GET", "HEAD", "PUT", "OPTIONS")
    assert Route("/a", post=handler).allowed == ("POST", "OPTIONS")


@pytest.mark.parametrize("params", [["x", "a/b"], ["x", "a%2Fb"], ["ä,;", " ?#&"]])
def test_a_route_builds_the_path_it_would_find(params):
    route = ROUTES[3]
    path = route.path(params)
    assert path.count("/") == 4
    assert not set(path) & set(" ,;?#")
    assert [unquote(part) for part in path.split("/")[2::2]] == params
