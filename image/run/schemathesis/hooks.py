"""What schemathesis needs of this appliance: its name on loopback, and an admin who has just signed in."""

import json
import os
import random
import re
import socket
import urllib.request

import schemathesis
import urllib3
from schemathesis.core import NOT_SET

urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

_resolve = socket.getaddrinfo


def _on_loopback(host, *rest, **more):
    """Names below localhost are this machine's (RFC 6761), which not every resolver knows."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is not None and name.endswith(".localhost"):
        host = "127.0.0.1"
    return _resolve(host, *rest, **more)


socket.getaddrinfo = _on_loopback

ROLE = "[a-z0-9-]{1,32}"
NUMBERS = {"person": "[0-9a-f]{32}", "role": ROLE}
# Whether the admin, or what there was to act on, may be gone.
spent = True
chance = random.Random(1)


def fits(pattern, value):
    """Whether it is as the description has it: what is wrong on purpose stays so."""
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


@schemathesis.auth(refresh_interval=None)
class Admin:
    """A new admin, by an invite of the operator's device; again whenever the one before may be signed out or deleted."""

    admin = None

    def get(self, case, context):
        global spent
        if spent:
            with urllib.request.urlopen(os.environ["HOLDFAST_ADMINS"]) as answer:
                self.admin = json.load(answer)
            spent = False
        return self.admin

    def set(self, case, admin, context):
        case.cookies = {**(case.cookies or {}), **admin["cookies"]}
        case.headers["Origin"] = admin["origin"]
        if case.method.upper() not in ("GET", "HEAD"):
            case.headers["X-Holdfast-Token"] = admin["token"]
        # Every other time what is there is acted on: a number made up by chance is nobody's.
        if chance.random() < 0.5:
            return
        there = admin["own"] if "/account/" in case.path else admin["others"]
        for name, value in (case.path_parameters or {}).items():
            if name in there and fits(NUMBERS.get(name, "[0-9a-f]{16}"), value):
                case.path_parameters[name] = there[name]
        for name in ("roles", "inherits"):
            given = case.body.get(name) if isinstance(case.body, dict) else None
            if isinstance(given, list) and given and all(fits(ROLE, one) for one in given):
                case.body[name] = ["visitor"]


@schemathesis.hook
def before_call(context, case, kwargs):
    # A GET with content is refused by its shape, before anything is looked for; so it says nothing of methods.
    if case.method.upper() in ("GET", "HEAD"):
        case.body = NOT_SET


@schemathesis.hook
def after_call(context, case, response):
    global spent
    if response.status_code == 401 or (case.method.upper() == "DELETE" and response.status_code == 204):
        spent = True
