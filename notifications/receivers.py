"""Where webhooks may be sent to: what a URL may look like, and to which addresses a connection may be made.

Users choose the URLs, and this program stands inside the operator's network. So a name is looked up once for each try,
every address it has must be allowed, and the connection is made to an address that was looked at, not to the name.
"""

from __future__ import annotations

import queue
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from utils import InvalidInput

Resolve = Callable[[str, int], list[str]]
MOST_URL_CHARACTERS = 2000
_LOOK_UP_SECONDS = 5.0
_PORTS = {"https": 443, "http": 80}
_VISIBLE = re.compile(r"[!-~]+")
_NO_ADDRESS = "'{host}' has no address that webhooks may be sent to: a receiver must be reachable from the internet"
# Of clouds and of protocols: nothing that a receiver has, also where the operator allows private ones.
_NEVER = tuple(
    map(
        ip_network,
        ("168.63.129.16", "100.100.100.200", "192.0.0.0/24", "192.88.99.0/24", "fd00:ec2::/32"),
    )
)
_PRIVATE = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "fc00::/7", "::1"),
    )
)
_NAT64, _UNICAST = ip_network("64:ff9b::/96"), ip_network("2000::/3")


class Unreachable(Exception):
    """A receiver that nothing can be sent to now; the message says why, in words for its owner."""


@dataclass(frozen=True)
class Target:
    """A URL in parts; `path` with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The host, with the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver; none when there are none.

    Raises:
        Unreachable: it takes too long. The resolver cannot be interrupted, so it is left to end by itself.
    """
    answers: queue.Queue[list[str]] = queue.Queue()
    threading.Thread(target=lambda: answers.put(_look_up(host, port)), name="resolve", daemon=True).start()
    try:
        return answers.get(timeout=_LOOK_UP_SECONDS)
    except queue.Empty:
        raise Unreachable(f"its name could not be looked up within {_LOOK_UP_SECONDS:g} s") from None


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def is_allowed(address: str, private: bool) -> bool:
    """Whether a connection may be made to the address.

    Args:
        private: also to this machine and to private networks.
    """
    meant = _meant(ip_address(address.partition("%")[0]))
    if meant.is_multicast or meant.is_unspecified or meant.is_link_local:
        return False
    if any(meant in network for network in _NEVER):
        return False
    if any(meant in network for network in _PRIVATE):
        return private
    return meant.is_global and (meant.version == 4 or meant in _UNICAST)


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The address itself, or the IPv4 address that an IPv6 address is another way to write of."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class Receivers:
    """The rules for receivers.

    Args:
        private: the operator allows private and loopback addresses, and http.
        resolve: gives the addresses of a host.
    """

    def __init__(self, private: bool, resolve: Resolve = resolve):
        self._private = private
        self._resolve = resolve

    def check(self, url: str) -> None:
        """See that a webhook may have this URL.

        Raises:
            InvalidInput: it may not; says why.
        """
        try:
            self.addresses(self.target(url))
        except Unreachable as error:
            raise _invalid(str(error)) from None

    def target(self, url: str) -> Target:
        """The parts of a URL.

        Raises:
            InvalidInput: it is none that a webhook may have.
        """
        if len(url) > MOST_URL_CHARACTERS or not _VISIBLE.fullmatch(url) or "\\" in url:
            raise _invalid(
                f"at most {MOST_URL_CHARACTERS:,} visible ASCII characters (write other ones percent-encoded, "
                "and a host in its xn-- form)"
            )
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _invalid("not a URL: send one such as https://example.org/hook") from None
        schemes = ("https", "http") if self._private else ("https",)
        if parts.scheme not in schemes or not parts.hostname:
            raise _invalid(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and a host")
        if parts.username is not None or parts.password is not None:
            raise _invalid("may hold no user name or password: the signature tells who sends")
        if parts.fragment or port == 0:
            raise _invalid("may have no part behind #, and no port 0")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path)

    def addresses(self, target: Target) -> list[str]:
        """The addresses of a host, all of them allowed.

        Raises:
            Unreachable: it has none, or one that is not allowed; the two are not told apart, since that would show
                what the operator's network holds.
        """
        found = self._resolve(target.host, target.port)
        if not found or not all(is_allowed(address, self._private) for address in found):
            raise Unreachable(_NO_ADDRESS.format(host=target.host[:100]))
        return found


def _invalid(reason: str) -> InvalidInput:
    message = f"url: {reason}"
    return InvalidInput(message, [{"field": "url", "message": message}])
