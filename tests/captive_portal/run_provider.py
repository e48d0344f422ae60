"""A provider of accounts: OpenID Connect by Authlib's server side, in a process of its own. Prints its port.

`run_provider.py PORTAL SECRET [ISSUER ADDRESS CERTIFICATE KEY]`; with the last four it serves TLS on port 443.

It has a login page, PKCE, single-use codes, a key set and user info, as any. `POST /tricks` makes it dishonest from
then on; an empty object makes it honest again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from types import SimpleNamespace
from typing import ClassVar

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode, UserInfo
from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from werkzeug.serving import make_server

from netops.clock import SYSTEM

PORTAL_URL, SECRET = sys.argv[1], sys.argv[2]
PEOPLE = {
    "lin": {"email": "lin@staff.example", "email_verified": True, "groups": ["teachers", "wifi"]},
    "wei": {"email": "wei@stu.example", "email_verified": True, "groups": ["students"]},
    "sly": {"email": "sly@staff.example", "email_verified": False, "groups": []},
    "two": {"email": "a@evil.example@staff.example", "email_verified": True, "groups": "wifi"},
}
MADE = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"}),
}
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
codes: dict[str, Code] = {}
tokens: dict[str, str] = {}
tricks: dict[str, object] = {}
asked: list[str] = []


class Client(ClientMixin):
    client_id = "portal"

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return f"{PORTAL_URL}/return/oidc"

    def get_allowed_scope(self, scope):
        return " ".join(each for each in scope.split() if each in {"openid", "email", "profile"})

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == self.get_default_redirect_uri()

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == tricks.get("auth", "client_secret_basic")

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"


class Code(SimpleNamespace, AuthorizationCodeMixin):
    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return SYSTEM.now_ms() // 1000

    def get_acr(self):
        return None

    def get_amr(self):
        return None


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = ["client_secret_basic", "client_secret_post", "none"]

    def save_authorization_code(self, code, request):
        payload = request.payload.data
        codes[code] = Code(
            code=code,
            redirect_uri=request.payload.redirect_uri,
            scope=request.scope,
            nonce=payload.get("nonce"),
            user=request.user.name,
            code_challenge=payload.get("code_challenge"),
            code_challenge_method=payload.get("code_challenge_method"),
        )

    def query_authorization_code(self, code, client):
        return codes.get(code)

    def delete_authorization_code(self, authorization_code):
        if not tricks.get("codes_last"):
            codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code):
        return SimpleNamespace(id=authorization_code.user, name=authorization_code.user)


class IdToken(OpenIDCode):
    def exists_nonce(self, nonce, request):
        return any(each.nonce == nonce for each in codes.values())

    def get_client_algorithm(self, client):
        return str(tricks.get("alg", "RS256"))

    def get_client_claims(self, client):
        return {"iss": issuer, "aud": [client.get_client_id()], "exp": SYSTEM.now_ms() // 1000 + 300}

    def generate_user_info(self, user, scope):
        more = {} if tricks.get("thin") else PEOPLE[user.name]
        return UserInfo(sub=f"sub-{user.name}", **more)

    def encode_id_token(self, token, request):
        claims = self.get_compatible_claims(request)
        claims.update(self.get_authorization_code_claims(request.authorization_code))
        claims.update(self.generate_user_info(request.user, token["scope"]))
        claims.update(tricks.get("claims", {}))
        for name in tricks.get("without", ()):
            claims.pop(name, None)
        return signed(claims)


def signed(claims):
    kind = str(tricks.get("sign", "RS256"))
    if kind == "none":
        return f"{_b64({'alg': 'none'})}.{_b64(claims)}."
    if kind == "None-with-key":
        return f"{_b64({'alg': 'nOnE', 'kid': 'rsa'})}.{_b64(claims)}."
    if kind == "hmac-of-public-key":  # the old confusion: our public key taken for a shared secret
        public = MADE["RS256"].as_pem(private=False)
        head = _b64({"alg": "HS256", "kid": "rsa"})
        mark = hmac.digest(public, f"{head}.{_b64(claims)}".encode(), hashlib.sha256)
        return f"{head}.{_b64(claims)}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
    if kind == "stranger":
        return jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, STRANGER, ["RS256"])
    if kind == "own-key-in-header":
        header = {"alg": "RS256", "kid": "mine", "jwk": STRANGER.as_dict(private=False)}
        return jwt.encode(header, claims, STRANGER, ["RS256"])
    if kind == "cut":
        return jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, MADE["RS256"], ["RS256"])[:-6]
    if kind == "changed":
        head, _, sign = jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, MADE["RS256"], ["RS256"]).split(".")
        return f"{head}.{_b64({**claims, 'sub': 'sub-lin'})}.{sign}"
    key = MADE[kind]
    return jwt.encode({"alg": kind, "kid": key.kid}, claims, key, [kind])


def _b64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


app = Flask(__name__)
server = AuthorizationServer(app, lambda name: Client() if name == "portal" else None, lambda _token, _request: None)
server.register_grant(CodeGrant, [IdToken(require_nonce=True), CodeChallenge(required=True)])


@app.before_request
def _dishonest():
    asked.append(request.path)
    if request.path == "/tricks":
        return None
    if request.path in tricks.get("slow", ()):
        time.sleep(float(tricks.get("seconds", 0)))
    if request.path in tricks.get("broken", ()):
        return "down for repair", 503
    if request.path in tricks.get("huge", ()):
        return "[" * 3_000_000
    if request.path in tricks.get("nested", ()):
        return "[" * 100_000
    if request.path in tricks.get("elsewhere", ()):
        return redirect("http://127.0.0.1:9/", 307)
    return None


@app.get("/.well-known/openid-configuration")
def configuration():
    return jsonify(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [tricks.get("auth", "client_secret_basic")],
            "authorization_response_iss_parameter_supported": True,
            **({"end_session_endpoint": f"{issuer}/bye"} if tricks.get("bye") else {}),
            **tricks.get("configuration", {}),
        }
    )


@app.get("/keys")
def keys():
    public = KeySet(list(MADE.values())).as_dict(private=False)["keys"]
    return jsonify({"keys": [{"kty": "new-kind"}, "no key", {"kty": "RSA", "kid": "broken"}, *public]})


@app.get("/authorize")
def login_page():
    server.get_consent_grant(end_user=None)
    return (
        "<!doctype html><title>Sign in</title><form method=post>"
        "<input name=user><input name=password type=password><button>Sign in</button></form>"
    )


@app.post("/authorize")
def sign_in():
    name = request.form.get("user", "")
    user = SimpleNamespace(id=name, name=name) if name in PEOPLE and request.form.get("password") == "right" else None
    try:
        grant = server.get_consent_grant(end_user=user)
    except OAuth2Error as error:
        return f"{error}", 400
    answer = server.create_authorization_response(grant_user=user, grant=grant)
    if answer.location and not tricks.get("nameless"):
        answer.location += f"&iss={tricks.get('names', issuer)}"
    return answer


@app.post("/token")
def token():
    answer = server.create_token_response()
    if answer.status_code == 200:
        made = answer.get_json()
        code = request.form["code"]
        tokens[made["access_token"]] = _users.pop(code, "") or request.form.get("user", "")
    return answer


_users: dict[str, str] = {}


@app.before_request
def _remember_user():
    code = request.form.get("code", "")
    if request.path == "/token" and code in codes:
        _users[code] = codes[code].user


@app.get("/userinfo")
def userinfo():
    name = tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if not name:
        return jsonify({"error": "invalid_token"}), 401
    return jsonify({"sub": f"sub-{tricks.get('speaks_of', name)}", **PEOPLE[name]})


@app.get("/bye")
def bye():
    """RP-Initiated Logout 1.0: whose login it was stands in the token; only a registered address is led back to."""
    said = request.args
    found = jwt.decode(said["id_token_hint"], MADE["RS256"], ["RS256"])
    if (
        said["client_id"] not in found.claims["aud"]
        or said["post_logout_redirect_uri"] != f"{PORTAL_URL}/return/logout"
    ):
        return "nobody of ours", 400
    answer = redirect(f"{PORTAL_URL}/return/logout?state={said['state']}")
    answer.set_data(found.claims["sub"])
    return answer


@app.post("/tricks")
def play():
    tricks.clear()
    tricks.update(request.get_json())
    asked.clear()
    return jsonify({})


@app.get("/asked")
def heard():
    return jsonify(asked[:-1])


if len(sys.argv) > 3:
    issuer, address, *pair = sys.argv[3:]
    listener = make_server(address, 443, app, threaded=True, ssl_context=(pair[0], pair[1]))
else:
    listener = make_server("127.0.0.1", 0, app, threaded=True)
    issuer = f"http://127.0.0.1:{listener.server_port}"
print(listener.server_port, flush=True)
listener.serve_forever()
