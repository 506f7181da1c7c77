"""What schemathesis needs of this appliance: its name on loopback, and an admin who has just signed in."""

import json
import os
import socket
import urllib.request

import schemathesis
import urllib3

urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

_resolve = socket.getaddrinfo


def _on_loopback(host, *rest, **more):
    """Names below localhost are this machine's (RFC 6761), which not every resolver knows."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is not None and name.endswith(".localhost"):
        host = "127.0.0.1"
    return _resolve(host, *rest, **more)


socket.getaddrinfo = _on_loopback


@schemathesis.auth(refresh_interval=240)
class Admin:
    """A new admin, by an invite of the operator's device; again whenever the one before is signed out or deleted."""

    def get(self, case, context):
        with urllib.request.urlopen(os.environ["HOLDFAST_ADMINS"]) as answer:
            return json.load(answer)

    def set(self, case, admin, context):
        case.cookies = {**(case.cookies or {}), **admin["cookies"]}
        case.headers["Origin"] = admin["origin"]
        if case.method.upper() not in ("GET", "HEAD"):
            case.headers["X-Holdfast-Token"] = admin["token"]
