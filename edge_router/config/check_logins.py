"""What must fit together in the sections of logins, and with the machine (see `check`)."""

from __future__ import annotations

import grp
import pwd
import re
from importlib.util import find_spec
from typing import Any, Final

from edge_router.config import schema
from edge_router.config.places import is_directory, nothing
from edge_router.config.problems import Path, Problem
from edge_router.config.secret import Missing, open_to_others, secret_text
from edge_router.config.uris import uri_problem
from edge_router.config.whole import TRUSTED, Found, Rule, Whole, account, of, role_names, sections


def _secret(place: schema.SecretPlace, path: Path, whole: Whole) -> Found:
    try:
        secret_text(place, whole.directory)
    except Missing as problem:
        yield Problem(path, str(problem))
        return
    if open_to_others(place, whole.directory):
        whole.notices.append(Problem(path, f"every user of this machine may read {place.file}; `chmod 600` it"))


def _wampcra_user(user: schema.WampCraUser, path: Path, _whole: Whole) -> Found:
    if (user.secret is None) == (user.derived_key is None):
        yield Problem(path, "give either `secret` or `derived-key`")
    elif user.derived_key is not None and user.salt is None:
        yield Problem((*path, "salt"), "missing; a `derived-key` is derived with one, and clients need it")


def _scram_principal(principal: schema.ScramPrincipal, path: Path, _whole: Whole) -> Found:
    if principal.kdf != "pbkdf2" and principal.memory is None:
        yield Problem((*path, "memory"), f"missing; clients need it for {principal.kdf}, in KiB")


#: characters of a cookie that can be guessed
_SHORT: Final = 16
#: type of a method -> what it goes by, and what else it may have of the keys that say who knows the users
_KEYS: Final = {
    "static": ("", ()),
    "dynamic": ("authenticator", ("authenticator-realm", "default-role")),
    "function": ("create", ("config", "default-role")),
}
_SOURCES: Final = ("authenticator", "authenticator-realm", "default-role", "create", "config", "principals", "users")


def _method(method: schema.Method, path: Path, whole: Whole) -> Found:
    """Who knows the users, and nothing that would have no effect beside it."""
    names = dict(zip(method.__struct_encode_fields__, method.__struct_fields__, strict=True))
    principals = next((key for key in ("principals", "users") if key in names), None)
    needed, more = _KEYS[method.type]
    needed = needed or principals or ""
    for key in _SOURCES:
        given = key in names and getattr(method, names[key]) is not None
        if key == needed and not given and getattr(method, "enrolment", None) is None:
            yield Problem((*path, key), f"missing; `type: {method.type}` needs it")
        elif given and key != needed and key not in more:
            yield Problem((*path, key), f"no effect with `type: {method.type}`; take it out, or change `type`")
    if method.type == "dynamic":
        yield from _procedure(method, path, whole)
    if method.default_role is not None:
        yield from _login_role(method.default_role, (*path, "default-role"), whole)
    if method.create is not None and not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", method.create):
        yield Problem((*path, "create"), f"{method.create!r} is no function; such as mymodule.create_authenticator")


def _procedure(method: schema.Method, path: Path, whole: Whole) -> Found:
    wrong = uri_problem(method.authenticator or "") if method.authenticator else None
    if wrong:
        yield Problem((*path, "authenticator"), wrong)
    realm = method.authenticator_realm
    if realm is not None and whole.names_known and realm not in whole.realms:
        yield Problem((*path, "authenticator-realm"), f"there is no realm {realm!r}{of(realm, whole.realms)}")


def _anonymous(auth: schema.AnonymousAuth, path: Path, whole: Whole) -> Found:
    if auth.type == "static":
        yield from _role_given(auth, path, whole)
        return
    for key, default in (("role", "anonymous"), ("authid", None), ("realm", None)):
        if getattr(auth, key) != default:
            yield Problem((*path, key), f"no effect with `type: {auth.type}`; the answer has it")


def _cryptosign(auth: schema.CryptosignAuth, path: Path, _whole: Whole) -> Found:
    if auth.enrolment is not None and auth.type != "static":
        yield Problem((*path, "enrolment"), f"no effect with `type: {auth.type}`; take it out, or change `type`")
    if find_spec("cryptography") is None:
        yield Problem(
            path, "cryptosign needs the Python package cryptography: `pip install 'edge-router[cryptosign]'`"
            " or `apt install python3-cryptography`"
        )  # fmt: skip


def _bound(principal: schema.Principal | schema.AnonymousAuth, path: Path, whole: Whole) -> Found:
    """The realm that a principal is bound to, and its role there."""
    name = principal.realm
    if name is None or not whole.names_known:
        return
    realm = whole.realms.get(name)
    if realm is None:
        yield Problem((*path, "realm"), f"there is no realm {name!r}{of(name, whole.realms)}")


def _peercred(auth: schema.PeerCredentialsAuth, path: Path, whole: Whole) -> Found:
    if not auth.users and not auth.groups:
        yield Problem(path, "nobody can log in by this; give `users` or `groups`, each a name and a role")
    for key, kind, roles, find in (
        ("users", "user", auth.users, pwd.getpwnam),
        ("groups", "group", auth.groups, grp.getgrnam),
    ):
        for name, role in roles.items():
            yield from account(name, kind, name, (*path, key), find)
            yield from _login_role(role, (*path, key, name), whole)


def off_socket(transport: Any, path: Path, _whole: Whole) -> Found:
    """`peercred` where there can be no such peer."""
    wanted = transport.auth is not None and transport.auth.peercred is not None
    if wanted and not isinstance(transport.endpoint, schema.UnixEndpoint):
        yield Problem((*path, "auth", "peercred"), "only a Unix socket tells who connects; the endpoint is none")


def _tls_principal(principal: schema.TlsPrincipal, path: Path, _whole: Whole) -> Found:
    if principal.sha256 is None and principal.sha1 is None:
        yield Problem(path, "whose certificate? give `certificate-sha256`, its fingerprint")


def without_certificates(transport: Any, path: Path, _whole: Whole) -> Found:
    """The method `tls` where no client is asked for a certificate."""
    tls = getattr(transport.endpoint, "tls", None)
    if tls is not None and tls.ca_certificates is not None:
        return
    for where, section in sections(transport, path):
        if isinstance(section, schema.TlsAuth):
            text = "nobody can log in by this: no client is asked for a certificate; give the endpoint's `tls` "
            yield Problem(where, text + "`ca_certificates`")


def cookies(transport: Any, path: Path, whole: Whole) -> Found:
    """The method `cookie` of a WebSocket, and its own `cookie`."""
    auth = transport.auth
    if auth is not None and auth.cookie is not None:
        at = (*path, "auth", "cookie")
        if transport.cookie is None:
            yield Problem(at, "nobody can log in by this: add `cookie: {}` to the transport")
        elif not any(getattr(auth, name) is not None for name in ("ticket", "wampcra", "scram", "cryptosign", "tls")):
            yield Problem(at, "nobody can log in by this: there is no other to begin with")
    if transport.cookie is not None:
        yield from _cookie(transport.cookie, (*path, "cookie"), whole)


def without_cookies(transport: Any, path: Path, _whole: Whole) -> Found:
    """The method `cookie` where clients have none: everywhere but on WebSockets."""
    for where, section in sections(transport, path):
        auth = getattr(section, "auth", None)
        if isinstance(auth, schema.Auth) and auth.cookie is not None and not hasattr(section, "cookie"):
            yield Problem((*where, "auth", "cookie"), "only WebSockets have cookies; this is none")


def _cookie(cookie: schema.Cookie, path: Path, whole: Whole) -> Found:
    if cookie.same_site == "None" and cookie.secure is False:
        yield Problem((*path, "secure"), "browsers take `same_site: None` over TLS alone; take `secure: false` out")
    if cookie.length < _SHORT:
        whole.notices.append(Problem((*path, "length"), f"{cookie.length} characters can be guessed; 24 are better"))
    store = cookie.store
    if isinstance(store, schema.MemoryCookies):
        return
    key, name = ("filename", store.filename) if isinstance(store, schema.FileCookies) else ("path", store.path)
    full = whole.directory / name
    at = (*path, "store", key)
    if "\0" in name or is_directory(full):
        yield Problem(at, f"{name!r} is no path of a file; write a file name such as cookies")
    elif not is_directory(full.parent):
        yield Problem(at, f"{nothing(full.parent, 'directory')}; create it or correct the path")


def _role_given(auth: Any, path: Path, whole: Whole) -> Found:
    yield from _login_role(auth.role, (*path, "role"), whole)


def _login_role(role: str, at: Path, whole: Whole) -> Found:
    for name in role_names(role):
        if name == TRUSTED:
            yield Problem(at, "the role 'trusted' is for parts of the node itself, not for clients; declare another")
        elif whole.names_known and name not in whole.roles:
            yield Problem(at, f"no realm has a role {name!r}{of(name, whole.roles)}")


def open_to_all(transport: Any, path: Path, whole: Whole) -> Found:
    """Without `auth` everybody is anonymous, which is of no use if no realm knows that role."""
    if transport.auth is None and whole.names_known and whole.realms and "anonymous" not in whole.roles:
        text = "nobody can join here: without `auth` clients get the role 'anonymous', which no realm has"
        whole.notices.append(Problem(path, text))
    yield from ()


LOGIN_RULES: Final[dict[type, tuple[Rule, ...]]] = {
    schema.AnonymousAuth: (_method, _anonymous, _bound),
    schema.TicketAuth: (_method,),
    schema.WampCraAuth: (_method,),
    schema.ScramAuth: (_method,),
    schema.TlsAuth: (_method,),
    schema.TicketPrincipal: (_role_given, _bound),
    schema.WampCraUser: (_role_given, _bound, _wampcra_user),
    schema.ScramPrincipal: (_role_given, _bound, _scram_principal),
    schema.CryptosignAuth: (_method, _cryptosign),
    schema.CryptosignPrincipal: (_role_given, _bound),
    schema.Enrolment: (_role_given, _bound),
    schema.PeerCredentialsAuth: (_peercred,),
    schema.TlsPrincipal: (_role_given, _bound, _tls_principal),
    schema.SecretPlace: (_secret,),
}
