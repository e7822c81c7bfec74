"""`/x/users`: administration of users."""

from http import HTTPStatus

from tams.access.v1 import user_service_pb2

from gateway.clients.services import Services
from gateway.codecs.accounts import user as codec
from gateway.handlers.administration.gate import Gate
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.rpc.client import call


class Users:
    """Handlers that list, create, change and remove users.

    `gate` is None for a store with access control, where the scope of the routes protects them.
    """

    def __init__(self, services: Services, bodies: BodyReader, paging: Paging, gate: Gate | None) -> None:
        self._users = services.users
        self._bodies = bodies
        self._paging = paging
        self._gate = gate

    async def list(self, request: Request) -> Response:
        """GET /x/users."""
        self._check(request)
        query = request.query()
        asked = user_service_pb2.ListUsersRequest(page_size=query.limit(), page_token=query.page())
        page = await call(self._users.ListUsers, asked)
        headers = self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token)
        return responses.json(codec.listing(page.users), headers)

    async def post(self, request: Request) -> Response:
        """POST /x/users."""
        self._check(request)
        async with self._bodies.read(request) as body:
            user = await call(self._users.CreateUser, codec.create_request(body))
        return responses.json(codec.document(user), status=HTTPStatus.CREATED)

    async def get(self, request: Request, name: str) -> Response:
        """GET /x/users/{user}."""
        self._check(request)
        message = user_service_pb2.GetUserRequest(name=name)
        return responses.json(codec.document(await call(self._users.GetUser, message)))

    async def put(self, request: Request, name: str) -> Response:
        """PUT /x/users/{user}: change the members that the body has."""
        self._check(request)
        async with self._bodies.read(request) as body:
            user = await call(self._users.UpdateUser, codec.update_request(name, body))
        return responses.json(codec.document(user))

    async def change_own_password(self, request: Request) -> Response:
        """POST /x/users/me/password: for every user, so the gate of administration is not asked."""
        async with self._bodies.read(request) as body:
            await call(self._users.ChangeOwnPassword, codec.own_password_request(body))
        return responses.no_content()

    async def delete(self, request: Request, name: str) -> Response:
        """DELETE /x/users/{user}."""
        self._check(request)
        await call(self._users.DeleteUser, user_service_pb2.DeleteUserRequest(name=name))
        return responses.no_content()

    def _check(self, request: Request) -> None:
        if self._gate is not None:
            self._gate.check(request)
