"""The HTTP APIs of the library. They need a library that was built with the cargo feature ``gateway``."""

import ctypes
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, List, Mapping, Optional, Tuple, Union

from . import _abi, _callbacks
from ._callbacks import callback, contain, target_of
from ._convert import decoded, encoded, enum_of, made
from ._library import lib
from .constants import AuthMethod, GatewayFlag, Status
from .errors import Error, check

Headers = Union[Mapping[str, str], Iterable[Tuple[str, str]]]


@dataclass(frozen=True)
class Credentials:
    """What a client sent to be let in. ``scheme``: an `AuthMethod`; ``source``: the client's IP address."""

    scheme: int
    name: str
    secret: str = field(repr=False)
    source: str = ""


@dataclass(frozen=True)
class Identity:
    """The user to whom credentials belong. ``level``: a `Level`; ``signature_key`` signs the callbacks."""

    level: int
    username: str = ""
    signature_key: str = field(default="", repr=False)


Authenticate = Callable[[Credentials], Optional[Identity]]
"""Returns None for credentials that are wrong; the client gets 401. After an exception it gets 500."""


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    headers: List[Tuple[str, str]]
    body: bytes


class Gateway:
    """A running gateway. `Engine.start_gateway` makes it; leaving its ``with`` block stops it."""

    def __init__(self, handle: "_abi.rec_gateway") -> None:
        self._handle = handle

    @property
    def port(self) -> int:
        """The port on which the gateway listens; 0 without a socket."""
        port = ctypes.c_uint32()
        check(lib.rec_gateway_port, self._handle, ctypes.byref(port))
        return port.value

    def handle(
        self, method: str, target: str, headers: Headers = (), body: bytes = b"", source: Optional[str] = None
    ) -> Response:
        """Answers one request without a socket, for a program that has its own HTTP server.

        ``target``: path and query as received. ``source``: the client's IP address. Waits for a CometD
        long poll, and for the function that identifies clients.
        """
        request = made(
            _abi.rec_http_request,
            method=encoded(method),
            target=encoded(target),
            headers=_lines(headers),
            body=ctypes.cast(ctypes.c_char_p(body), ctypes.c_void_p),
            body_size=len(body),
            source=encoded(source),
        )
        response = ctypes.c_void_p()
        check(lib.rec_http_handle, self._handle, ctypes.byref(request), ctypes.byref(response))
        try:
            return _response(response)
        finally:
            lib.rec_http_response_free(response)

    def stop(self, timeout_ms: int = 10_000) -> None:
        """Closes the port and answers long polls. Callbacks not delivered yet wait for the next gateway."""
        check(lib.rec_gateway_stop, self._handle, timeout_ms)

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self.stop()
        except Error as error:
            # Closing the engine has stopped it.
            if error.status != Status.BAD_HANDLE:
                raise


def start_gateway(engine: Any, port: int, address: Optional[str], authenticate: Optional[Authenticate], socket: bool) -> Gateway:
    """Calls ``rec_gateway_start``; see `Engine.start_gateway`."""
    options = made(
        _abi.rec_gateway_options,
        port=port,
        address=encoded(address),
        flags=0 if socket else int(GatewayFlag.NO_SOCKET),
    )
    number = None
    if authenticate is not None:
        number = _callbacks.register(authenticate)
        options.authenticate = _on_authenticate
        options.user_data = number
        options.user_data_free = _callbacks.on_free
    handle = _abi.rec_gateway()
    try:
        check(lib.rec_gateway_start, engine, ctypes.byref(options), ctypes.byref(handle))
    except Error:
        _callbacks.forget(number)
        raise
    return Gateway(handle)


@callback(_abi.rec_authenticate_fn)
def _on_authenticate(user_data: int, credentials: Any, identity: Any) -> int:
    def authenticate() -> Status:
        sent = credentials.contents
        who = target_of(user_data)(
            Credentials(enum_of(AuthMethod, sent.scheme), decoded(sent.name), decoded(sent.secret), decoded(sent.source))
        )
        if who is None:
            return Status.UNAUTHENTICATED
        identity.contents.username = _text(who.username, 255)
        identity.contents.signature_key = _text(who.signature_key, 255)
        identity.contents.level = who.level
        return Status.OK

    return contain(authenticate, Status.INTERNAL)


def _text(text: str, limit: int) -> bytes:
    """A text for an array of ``limit`` bytes and a NUL."""
    data = text.encode()
    if len(data) > limit or b"\0" in data:
        raise ValueError(f"an identity has a text of more than {limit} bytes, or one with a NUL")
    return data


def _lines(headers: Headers) -> bytes:
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if any(end in text for pair in pairs for text in pair for end in "\r\n"):
        raise ValueError("a header has a line break")
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode("latin-1")


def _response(response: ctypes.c_void_p) -> Response:
    size = ctypes.c_size_t()
    body = lib.rec_http_response_body(response, ctypes.byref(size))
    lines = lib.rec_http_response_headers(response).decode("latin-1").split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]
    return Response(lib.rec_http_response_status(response), headers, ctypes.string_at(body, size.value) if size.value else b"")
