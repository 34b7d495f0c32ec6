"""A real OAuth2 server on loopback for tests: oauthlib's, with proof keys, and refresh tokens that rotate.

A refresh token that comes a second time ends the whole grant (RFC 9700, section 4.14.2), as at providers that rotate.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import b64decode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from oauthlib.oauth2 import OAuth2Error, RequestValidator, Server

CLIENT_ID = "signalbox-client"
CLIENT_SECRET = "client-secret-for-tests-0123456789"


@dataclass
class Grant:
    """What one person agreed to: the newest refresh token, and whether all of it has ended."""

    refresh_token: str = ""
    ended: bool = False


@dataclass
class Code:
    redirect_uri: str
    challenge: str
    method: str


@dataclass
class State:
    codes: dict[str, Code] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    """By refresh token, used ones too."""
    access_tokens: set[str] = field(default_factory=set)


class Validator(RequestValidator):  # type: ignore[misc]
    """The answers of a server with one client; nothing is kept but in memory."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.secrets = {CLIENT_SECRET}

    def validate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        request.client = Client()
        return client_id == CLIENT_ID

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, *a: Any, **kw: Any) -> bool:
        return urlsplit(redirect_uri).path.startswith("/oauth/")

    def validate_response_type(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def validate_scopes(self, client_id: str, scopes: list[str], *args: Any, **kwargs: Any) -> bool:
        return "forbidden" not in scopes

    def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return ["read"]

    def is_pkce_required(self, client_id: str, request: Any) -> bool:
        return True

    def save_authorization_code(self, client_id: str, code: Any, request: Any, *a: Any, **kw: Any) -> None:
        self.state.codes[code["code"]] = Code(
            request.redirect_uri, request.code_challenge, request.code_challenge_method
        )

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            client_id, secret = map(unquote, b64decode(encoded).decode().split(":", 1))
        else:
            client_id, secret = request.client_id, request.client_secret
        request.client = Client()
        return client_id == CLIENT_ID and secret in self.secrets

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *a: Any, **kw: Any) -> bool:
        request.user, request.scopes = "ada", ["read"]
        return code in self.state.codes

    def get_code_challenge(self, code: str, request: Any) -> str:
        return self.state.codes[code].challenge

    def get_code_challenge_method(self, code: str, request: Any) -> str:
        return self.state.codes[code].method

    def confirm_redirect_uri(self, client_id: str, code: str, redirect_uri: str, *a: Any, **kw: Any) -> bool:
        return self.state.codes[code].redirect_uri == redirect_uri

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *a: Any, **kw: Any) -> None:
        del self.state.codes[code]

    def validate_grant_type(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *a: Any, **kw: Any) -> bool:
        grant = self.state.grants.get(refresh_token)
        if grant is not None and grant.refresh_token != refresh_token:
            grant.ended = True  # used twice: somebody has stolen it
        request.grant = grant
        return grant is not None and not grant.ended

    def get_original_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return ["read"]

    def rotate_refresh_token(self, request: Any) -> bool:
        return True

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        self.state.access_tokens.add(token["access_token"])
        if new := token.get("refresh_token"):
            grant = getattr(request, "grant", None) or Grant()
            grant.refresh_token = new
            self.state.grants[new] = grant


class Client:
    client_id = CLIENT_ID


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that were killed before they got their answer."""


class OAuthServer:
    """Usage: `with OAuthServer() as server:`. `token_requests` holds the forms that its token address got.

    `delay` (seconds) holds back each token answer; `answers` are raw ones (status, content type, body) that come first.
    """

    def __init__(self) -> None:
        self.state = State()
        self.validator = Validator(self.state)
        self.token_requests: list[dict[str, str]] = []
        self.answers: list[tuple[int, str, str]] = []
        self.delay = 0.0
        self.expires_in = 3600
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                status, kind, text = outer.token(body, dict(self.headers.items()))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self) -> None:
                """Be the page where people agree: this person always does, at once."""
                self.send_response(302)
                asked = dict(parse_qsl(urlsplit(self.path).query))
                self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(outer.consent(self.path))}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._http = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def token(self, body: str, headers: dict[str, str]) -> tuple[int, str, str]:
        with self._lock:
            self.token_requests.append(dict(parse_qsl(body)))
            if self.answers:
                return self.answers.pop(0)
        if self.delay:
            time.sleep(self.delay)
        with self._lock:
            server = Server(self.validator, token_expires_in=self.expires_in, token_generator=_token)
            # oauthlib wants https, of which the loopback address has none.
            answer = server.create_token_response("https://server.test/token", "POST", body, headers)
        return answer[2], "application/json", answer[1]

    def consent(self, authorization_url: str) -> dict[str, str]:
        """Do what the browser of a person does who agrees; return the parameters of the callback."""
        address = "https://server.test/authorize?" + urlsplit(authorization_url).query
        server = Server(self.validator, token_generator=_token)
        try:
            scopes, credentials = server.validate_authorization_request(address, "GET", "", {})
            headers, _, _ = server.create_authorization_response(address, "GET", "", {}, scopes, credentials)
        except OAuth2Error as error:
            state = parse_qs(urlsplit(authorization_url).query).get("state", [""])[0]
            return {"error": str(error.error), "state": state}
        return dict(parse_qsl(urlsplit(headers["Location"]).query))

    def new_grant(self) -> tuple[str, str]:
        """Return an access token and a refresh token, as if somebody had agreed."""
        access, refresh = _token(None), _token(None)
        self.state.access_tokens.add(access)
        self.state.grants[refresh] = Grant(refresh)
        return access, refresh

    def refreshes(self) -> list[dict[str, str]]:
        return [form for form in self.token_requests if form.get("grant_type") == "refresh_token"]


def _token(request: Any, refresh_token: bool = False) -> str:
    return f"tok-{secrets.token_urlsafe(24)}"


def as_json(**body: Any) -> str:
    return json.dumps(body)
