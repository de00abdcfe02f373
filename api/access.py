"""Who may call a method: what a route of the table declares, and who calls."""

from __future__ import annotations

from dataclasses import dataclass

from storage.roles import Role
from storage.tokens import Scope, Token
from storage.users import User
from utils import InsufficientScope


@dataclass(frozen=True)
class Access:
    """What a method asks of its caller.

    Attributes:
        scope: of the token; None for a method that needs no token.
        role: in the project that the call is about; None when it is about none, or about a published one only.
    """

    scope: Scope | None = None
    role: Role | None = None

    @property
    def is_public(self) -> bool:
        """Whether anybody may call, without a token."""
        return self.scope is None


@dataclass(frozen=True)
class Caller:
    """Who calls, and with which token."""

    user: User
    token: Token

    def check(self, access: Access) -> None:
        """See that the token is good for a method.

        Raises:
            InsufficientScope: it is not.
        """
        if access.scope and access.scope not in self.token.scopes:
            has = ", ".join(sorted(self.token.scopes)) or "nothing"
            raise InsufficientScope(
                f"this token is for {has}, and not for {access.scope.value}: make one with that scope, or log in"
            )


PUBLIC = Access()
ACCOUNT = Access(Scope.ACCOUNT)
READ = Access(Scope.READ)
WRITE = Access(Scope.WRITE)
TRAIN = Access(Scope.TRAIN)
INFER = Access(Scope.INFER)
GUEST_READS = Access(Scope.READ, Role.GUEST)
VIEWER_READS = Access(Scope.READ, Role.VIEWER)
VIEWER_WRITES = Access(Scope.WRITE, Role.VIEWER)
EDITOR_READS = Access(Scope.READ, Role.EDITOR)
EDITOR_WRITES = Access(Scope.WRITE, Role.EDITOR)
EDITOR_TRAINS = Access(Scope.TRAIN, Role.EDITOR)
EDITOR_INFERS = Access(Scope.INFER, Role.EDITOR)
OWNER_READS = Access(Scope.READ, Role.OWNER)
OWNER_WRITES = Access(Scope.WRITE, Role.OWNER)
