"""What a server lets clients do beyond plain files, and whom it takes them for.

Each of these is off, or lets everybody in, until the server is told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ninep.constants import NONUNAME, StMode
from ninep.errors import Violation
from ninep.perm import set_ids
from ninep.users import NOBODY

FORMAT, SET_ID = int(StMode.IFMT), int(StMode.ISUID | StMode.ISGID)
DIR, DEVICES = int(StMode.IFDIR), frozenset({int(StMode.IFCHR), int(StMode.IFBLK)})
PRIVILEGED = (b"trusted.", b"security.")
"""Namespaces of attributes that the kernel of a host acts upon, or keeps from its users."""
SQUASHES: dict[str, Callable[[int], bool]] = {
    "none": lambda uid: False,  # noqa: ARG005
    "root": lambda uid: uid == 0,
    "all": lambda uid: True,  # noqa: ARG005
}
"""Who is taken for nobody, by what `squash` may be."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be done, and who may do it."""

    devices: bool = False
    """Whether clients may make device nodes."""
    set_id: bool = False
    """Whether they may make programs that run as their owner or group."""
    trusted: bool = False
    """Whether they may set attributes in the trusted and security namespaces."""
    squash: str = "none"
    """Who is taken for nobody: a key of `SQUASHES`."""
    users: frozenset[int] | None = None
    """Who may attach, by number; None: everybody."""

    def check_kind(self, mode: int) -> None:
        """Refuse to make a device.

        Clauses: create.device-privilege
        """
        if mode & FORMAT in DEVICES and not self.devices:
            raise Violation("create.device-privilege")

    def check_mode(self, mode: int, had: int = 0) -> None:
        """Refuse set-id bits that a file has not had before; on a directory they do no harm.

        `had` is its mode, without those bits if it gets another owner or group.

        Clauses: create.set-id-privilege
        """
        new = mode & SET_ID & ~had | set_ids(mode) & ~set_ids(had)
        if not self.set_id and had & FORMAT != DIR and new:
            raise Violation("create.set-id-privilege", f"mode {mode & 0o7777:#o}")

    def check_attribute(self, name: bytes) -> None:
        """Refuse to set an attribute that is not a user's; who may remove it is the host's affair.

        Clauses: xattr.privileged-name
        """
        if name.startswith(PRIVILEGED) and not self.trusted:
            raise Violation("xattr.privileged-name", repr(name[:64]))

    def user(self, claimed: int | None, bound: int | None) -> int:
        """Return the number of a user who attaches, `NOBODY` if the host knows none of the name.

        `bound` is who it has to be, None if it may be anybody.

        Clauses: attach.user-admitted, attach.no-server-identity
        """
        if bound is not None:
            if claimed not in (None, bound):
                raise Violation("attach.user-admitted", f"user {claimed} as {bound}")
            claimed = bound
        found = NOBODY if claimed is None or claimed == NONUNAME else claimed
        if self.users is not None and found not in self.users:
            raise Violation("attach.user-admitted", f"user {found}")
        return NOBODY if SQUASHES[self.squash](found) else found
