"""Settings of access control, which all processes of a store share."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from services.shared.process.settings import ProcessSettings, shared


@dataclass(frozen=True, kw_only=True)
class AccessSettings(ProcessSettings):
    """Settings of access control: TAMS_AUTH and TAMS_AUTH_*."""

    # off: everyone who reaches the store may do everything. required: each request needs credentials.
    auth: Literal["off", "required"] = shared("TAMS_AUTH", "off")
    # The secret with which the processes of the store sign their calls to each other, 32 bytes or more, or a
    # file that contains it. Required with TAMS_AUTH=required; all processes have the same. Of several lines
    # the first signs and all verify; a changed file is read without a restart.
    service_secret: str = shared("TAMS_AUTH_SERVICE_SECRET", "", secret=True)
    service_secret_file: str = shared("TAMS_AUTH_SERVICE_SECRET_FILE", "")
    # The issuer of JWTs, their `iss`. Its keys are found by OIDC discovery, unless TAMS_AUTH_JWKS is set.
    issuer: str = shared("TAMS_AUTH_ISSUER", "")
    # The `aud` that JWTs must have. Required with an issuer.
    audience: str = shared("TAMS_AUTH_AUDIENCE", "")
    # URL or file of the keys (JWKS) that sign JWTs.
    jwks: str = shared("TAMS_AUTH_JWKS", "")
    # The secret of JWTs that are signed with HS256, or a file that contains it. Without one HS256 is refused.
    hs256_secret: str = shared("TAMS_AUTH_HS256_SECRET", "", secret=True)
    hs256_secret_file: str = shared("TAMS_AUTH_HS256_SECRET_FILE", "")
    # File of certificate authorities for the https URLs of the issuer; unset means those of the system.
    auth_ca_file: str = shared("TAMS_AUTH_CA_FILE", "")
    # The claim with the scopes of the caller, and the prefix of those that concern this store.
    scope_claim: str = shared("TAMS_AUTH_SCOPE_CLAIM", "scope")
    scope_prefix: str = shared("TAMS_AUTH_SCOPE_PREFIX", "tams-api/")
    # The claim with the roles of the caller, such as realm_access.roles, and the scopes of each role, such as
    # editor=read+write,operator=admin.
    roles_claim: str = shared("TAMS_AUTH_ROLES_CLAIM", "roles")
    roles: str = shared("TAMS_AUTH_ROLES", "")
    # The claim with the classes of the caller, such as groups, and the prefix of those that concern this
    # store. Unset: callers with a JWT have all classes. Set: those whose token lacks the claim have none.
    classes_claim: str = shared("TAMS_AUTH_CLASSES_CLAIM", "")
    classes_prefix: str = shared("TAMS_AUTH_CLASSES_PREFIX", "")
    # Seconds by which the clocks of the issuer and of this store may differ.
    auth_skew_seconds: Annotated[float, Meta(ge=0, le=600)] = shared("TAMS_AUTH_SKEW_SECONDS", 30.0)
