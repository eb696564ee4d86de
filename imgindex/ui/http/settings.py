"""What a service is told when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, or all of them together, may ask for.

    body_bytes   of a request: the largest photo that an upload form takes
    seconds      for an answer; a client that sends its request slower is closed
    at_once      requests in work or in line; one more is told to come back (429)
    streams      event streams that are open at once
    attempts     wrong tokens in a minute, from all addresses together
    """

    body_bytes: int = 64 << 20
    seconds: float = 60.0
    at_once: int = 64
    streams: int = 32
    attempts: int = 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How a service is reached, and what it may do.

    names    further host names that it may be asked by, beside those of `host`
    token    whether every request needs one, which is so for any host that other machines reach
    read_only  nothing is indexed, decided or changed
    folders  below which a client may have folders indexed; those that are indexed already may always
    """

    host: str = "127.0.0.1"
    port: int = 8765
    names: tuple[str, ...] = ()
    token: bool = False
    read_only: bool = False
    folders: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def needs_token(self) -> bool:
        return self.token or not is_loopback(self.host)

    def answers_to(self, name: str) -> bool:
        """Whether a request may name the service so in its Host header (without the port).

        A page of another site can make its own name lead to this machine, but it cannot make a browser send another
        name than its own: no name is taken but those that belong to the service. Addresses are not names.
        """
        name = name.lower()
        if name in LOOPBACK_NAMES or name in (own.lower() for own in (*self.names, self.host)):
            return True
        return not is_loopback(self.host) and _is_address(name)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a socket that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
