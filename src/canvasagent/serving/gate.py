"""Which requests a server without keys accepts: those of programs, not those of foreign web pages.

A browser sends a page's requests to any address, this machine's included. It names the page's origin in `Origin`, or
at least says `Sec-Fetch-Site: cross-site`; programs send neither. A page can also get the address of this machine for
a host name of its own (DNS rebinding) and is the server's own page then; `Host` gives that away.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from canvasagent.errors import InputError
from canvasagent.serving.problems import Problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OWN_SITES = (b"", b"same-origin", b"none")
"""Values of `Sec-Fetch-Site` of requests that no other site caused; a program sends none."""
HOSTS_REMEMBERED = 16
"""Number of accepted `Host` headers that are remembered, so as not to parse them again."""
DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_origin(text: str) -> str:
    """An origin as browsers write it: scheme, host, port unless it is the scheme's own. Raises `InputError`."""
    try:
        parts = urlsplit(text.lower())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in DEFAULT_PORTS or "@" in parts.netloc or parts.path.strip("/") or parts.query:
        raise InputError(f"--allow-origin: '{text}' is no origin; give one such as https://app.example:8443.")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}")


@dataclass(frozen=True)
class Names:
    """The hosts that a server is known as."""

    hosts: frozenset[str]
    """In lower case, without ports."""
    any_address: bool = False
    """Whether it may be asked by any IP address; such a host cannot be rebound."""

    def __contains__(self, host: str) -> bool:
        """Whether a request for that host is meant for this server."""
        return host in self.hosts or (self.any_address and _is_address(host))


def names_of(host: str, origins: Iterable[str]) -> Names:
    """The names of a server that listens on `host`: those of this machine, and the hosts of `origins`."""
    hosts = LOOPBACK | {host.lower()} | {urlsplit(origin).hostname or "" for origin in origins}
    if host.lower() in LOOPBACK:
        return Names(frozenset(hosts))
    return Names(frozenset(hosts | {socket.gethostname().lower()}), any_address=host in ("", "0.0.0.0", "::"))


class Gate:
    """ASGI middleware: refuses what browsers send for pages of other origins, and hosts that are not the server's."""

    def __init__(self, app: ASGIApp, names: Names, origins: frozenset[str]) -> None:
        self._app, self._names, self._origins = app, names, origins
        self._good_hosts: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 421 for its host, 403 for its origin."""
        problem = self._problem(scope["headers"]) if scope["type"] == "http" else None
        if problem is not None:
            await problem.response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _problem(self, headers: Iterable[tuple[bytes, bytes]]) -> Problem | None:
        host = origin = site = b""
        for name, value in headers:
            if name == b"host":
                host = value if not host else b"two hosts"  # a proxy in front may have checked the other one
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
        if host not in self._good_hosts and not self._knows(host):
            known = ", ".join(sorted(self._names.hosts))
            return Problem(
                421,
                "misdirected",
                f"without keys, this server answers to its own names only ({known}); "
                "`--allow-origin http://NAME:PORT` adds one.",
            )
        if (not origin and site in OWN_SITES) or self._may_ask(origin, host):
            return None
        return Problem(
            403,
            "foreign_origin",
            "without keys, this server takes no requests from web pages; `--allow-origin ORIGIN` admits those of one.",
        )

    def _knows(self, header: bytes) -> bool:
        if (host := _host_of(header)) is None or host not in self._names:
            return False
        if len(self._good_hosts) < HOSTS_REMEMBERED:
            self._good_hosts.add(header)
        return True

    def _may_ask(self, origin: bytes, host: bytes) -> bool:
        """Whether an origin was allowed, or is the server itself, by the host that was asked for."""
        named = origin.decode("latin-1").lower()
        return named in self._origins or named.partition("://")[2] == host.decode("latin-1").lower()


def _host_of(header: bytes) -> str | None:
    """The host in a `Host` header, in lower case and without its port; None where it makes no sense."""
    try:
        text = header.decode("ascii").lower()
        parts = urlsplit(f"//{text}")
        return parts.hostname if parts.netloc == text and "@" not in text and parts.port != 0 else None
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
