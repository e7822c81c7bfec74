"""The owners of webhooks as callers of now."""

from services.metadata.application.ports import Tables
from services.metadata.domain.accounts.api_key import CALLER_PREFIX as KEY_PREFIX
from services.metadata.domain.accounts.user import USER_PREFIX
from services.metadata.domain.webhooks.webhook import Webhook
from services.shared.access.principal import SYSTEM, Principal, Scope


def is_for_all(principal: Principal) -> bool:
    """True if the caller sees and removes the webhooks of all owners, as administrators do."""
    return Scope.ADMIN in principal.scopes


def owner_of(tables: Tables, webhook: Webhook, now_ms: int) -> Principal | None:
    """The owner of a webhook with the classes of now; None for one who may not call any more.

    The classes of callers with a JWT are those of their last registration, because only their issuer knows
    more.
    """
    name = webhook.created_by
    if name.startswith(USER_PREFIX):
        user = tables.users.get(name.removeprefix(USER_PREFIX))
        return None if user is None or user.suspended else user.principal
    if name.startswith(KEY_PREFIX):
        key = tables.api_keys.named(name.removeprefix(KEY_PREFIX))
        return None if key is None or key.suspended or key.is_expired(now_ms) else key.principal
    return SYSTEM if name == SYSTEM.name else Principal(name, frozenset(), classes=webhook.classes)
