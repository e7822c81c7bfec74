from urllib.parse import unquote

import pytest

from gateway.errors import UnknownPath
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.routing import Route, Router


async def handler(request: Request) -> Response:
    raise AssertionError("never called")


ROUTES = [
    Route("/", get=handler),
    Route("/flows", get=handler),
    Route("/flows/{flowId}", get=handler, put=handler),
    Route("/flows/{flowId}/tags/{name...}", get=handler),
    Route("/flows/special", get=handler),
    Route("/objects/{objectId...}", get=handler),
    Route("/uploads/{objectId+}/parts/{part}", get=handler),
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
        ("/objects/a%2Fb", "/objects/{objectId}", ["a/b"]),
        ("/objects/a%2fb/c", "/objects/{objectId}", ["a/b/c"]),
        ("/objects/a%252Fb", "/objects/{objectId}", ["a%2Fb"]),
        ("/objects/100%", "/objects/{objectId}", ["100%"]),
        ("/objects/%C3%BC+%20", "/objects/{objectId}", ["ü+ "]),
        ("/objects/%FC", "/objects/{objectId}", ["\ufffd"]),
        ("/fl%6Fws/%78", "/flows/{flowId}", ["x"]),
        ("/uploads/a%2Fb/parts/1", "/uploads/{objectId}/parts/{part}", ["a/b", "1"]),
    ],
)
def test_a_path_has_its_route_and_parameters(path: str, template: str, params: list[str]) -> None:
    route, path_params = router.resolve(path)
    assert (route.template, path_params) == (template, params)


@pytest.mark.parametrize(
    "path",
    [
        *("", "*", "flows", "//", "/flows/", "/flows/x/", "/flows//tags/a", "/flows/x/tags", "/objects"),
        *("/flows%2Fx", "/flows/x%2Ftags%2Fa", "/flows/x%2Ftags/a", "/flows/x%2Fy", "/%2Fflows", "%2Fflows"),
        *("/objects%2Fa", "/flows%252Fx", "/flows/x/tags%2Fa", "/flows/%2F/tags/a"),
        *("/uploads/a/b/parts/1", "/uploads/a%2Fparts/1", "/uploads/a/parts/1%2F2", "/uploads//parts/1"),
    ],
)
def test_other_paths_are_unknown(path: str) -> None:
    with pytest.raises(UnknownPath):
        router.resolve(path)


def test_routes_allow_head_with_get_and_always_options() -> None:
    assert Route("/a", get=handler, put=handler).allowed == ("GET", "HEAD", "PUT", "OPTIONS")
    assert Route("/a", post=handler).allowed == ("POST", "OPTIONS")


@pytest.mark.parametrize("params", [["x", "a/b"], ["x", "a%2Fb"], ["ä,;", " ?#&"]])
def test_the_path_of_a_route_has_its_parameters_encoded(params: list[str]) -> None:
    route = ROUTES[3]
    path = route.path(params)
    assert path.count("/") == 4
    assert not set(path) & set(" ,;?#")
    assert [unquote(part) for part in path.split("/")[2::2]] == params
