"""UserService."""

from functools import partial

from tams.access.v1 import user_service_pb2, user_service_pb2_grpc

from services.metadata.application.accounts.own_password import OwnPassword
from services.metadata.application.accounts.users import Users
from services.metadata.domain.accounts.user import User
from services.metadata.servicers.accounts.classes import words_of_request
from services.metadata.servicers.accounts.scopes import numbers_of, scopes_of
from services.metadata.servicers.convert import optional
from services.shared.rpc.classes import message_of
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class UserServicer(user_service_pb2_grpc.UserServiceServicer):
    """Translates between messages and Users."""

    def __init__(self, users: Users, own: OwnPassword) -> None:
        self._users = users
        self._own = own

    async def ListUsers(
        self, request: user_service_pb2.ListUsersRequest, context: Context
    ) -> user_service_pb2.ListUsersResponse:
        """Return a page of users."""
        page = await self._users.page(request.page_size, request.page_token)
        return user_service_pb2.ListUsersResponse(
            users=map(_message, page.items), next_page_token=page.next_token, page_size=page.size
        )

    async def GetUser(
        self, request: user_service_pb2.GetUserRequest, context: Context
    ) -> user_service_pb2.User:
        """Return a user."""
        return _message(await self._users.get(request.name))

    async def CreateUser(
        self, request: user_service_pb2.CreateUserRequest, context: Context
    ) -> user_service_pb2.User:
        """Create a user."""
        scopes, classes = scopes_of(request.scopes), words_of_request(request)
        return _message(await self._users.create(request.name, request.password, scopes, classes))

    async def UpdateUser(
        self, request: user_service_pb2.UpdateUserRequest, context: Context
    ) -> user_service_pb2.User:
        """Change a user."""
        user = await self._users.update(
            request.name,
            password=optional(request, "password"),
            scopes=scopes_of(request.scopes) if request.scopes else None,
            classes=request.classes.names if request.HasField("classes") else None,
            suspended=optional(request, "suspended"),
        )
        return _message(user)

    async def ChangeOwnPassword(
        self, request: user_service_pb2.ChangeOwnPasswordRequest, context: Context
    ) -> user_service_pb2.ChangeOwnPasswordResponse:
        """Change the password of the caller."""
        await self._own.change(request.old_password, request.new_password)
        return user_service_pb2.ChangeOwnPasswordResponse()

    async def DeleteUser(
        self, request: user_service_pb2.DeleteUserRequest, context: Context
    ) -> user_service_pb2.DeleteUserResponse:
        """Remove a user."""
        await self._users.delete(request.name)
        return user_service_pb2.DeleteUserResponse()


def registration(users: Users, own: OwnPassword) -> Registration:
    """The UserService for a server."""
    add = user_service_pb2_grpc.add_UserServiceServicer_to_server
    return (
        user_service_pb2.DESCRIPTOR.services_by_name["UserService"],
        partial(add, UserServicer(users, own)),
    )


def _message(user: User) -> user_service_pb2.User:
    return user_service_pb2.User(
        name=user.name,
        scopes=numbers_of(user.scopes),
        suspended=user.suspended,
        created_ms=user.created_ms,
        changed_ms=user.changed_ms,
        classes=message_of(user.classes),
    )
