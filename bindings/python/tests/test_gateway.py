"""The HTTP APIs, by the library's own server and without it."""

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import callrec
from callrec import AuthMethod, Credentials, Identity, Level, Status

LIST = "/fw/Apps/Recorder/WebAPI/LiveRecordings"


def basic(name, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


@pytest.fixture
def start(engine):
    """Starts a gateway, if the library has any."""

    def start(*arguments, **named):
        try:
            return engine.start_gateway(*arguments, **named)
        except callrec.Error as error:
            assert error.status == Status.UNSUPPORTED, error
            pytest.skip(str(error))

    return start


def test_requests_are_answered_over_the_socket(engine, start):
    seen = []

    def authenticate(credentials):
        seen.append(credentials)
        return Identity(Level.COMPLETE, "anna") if credentials.secret == "secret" else None

    with start(authenticate) as gateway, engine.begin_call(call_id="a", username="anna"):
        engine.start(call_id="a")
        url = f"http://127.0.0.1:{gateway.port}{LIST}"
        with urllib.request.urlopen(urllib.request.Request(url, headers=basic("anna", "secret"))) as response:
            assert len(json.load(response)) == 1
        assert seen == [Credentials(AuthMethod.BASIC, "anna", "secret", "127.0.0.1")]
        assert "secret" not in repr(seen)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, headers=basic("anna", "wrong")))
        assert refused.value.code == 401
        gateway.stop()
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(url)


def test_requests_are_answered_without_a_socket(start):
    with start(lambda sent: Identity(Level.COMPLETE, sent.name), socket=False) as gateway:
        assert gateway.port == 0
        assert gateway.handle("GET", LIST).status == 401
        response = gateway.handle("GET", LIST, basic("admin", "any"), source="192.0.2.7")
        assert (response.status, response.body) == (200, b"[]")
        assert dict(response.headers)["content-type"].startswith("application/json")
        body = b'{"deviceName": "SEP1"}'
        asked = gateway.handle("POST", LIST, [*basic("admin", "any").items(), ("Content-Type", "application/json")], body)
        assert asked.status == 409  # the phone has no call
        with pytest.raises(ValueError, match="line break"):
            gateway.handle("GET", LIST, {"A": "b\r\nC: d"})
        with pytest.raises(callrec.Error) as refused:
            gateway.handle("GET ", LIST)
        assert refused.value.status == Status.INVALID_ARGUMENT


@pytest.mark.parametrize("identity", [None, Identity(Level.COMPLETE, "a" * 256), "nonsense", Identity("high")])
def test_a_fault_while_a_client_is_identified_lets_nobody_in(start, monkeypatch, identity):
    printed = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: printed.append(kind))

    def authenticate(credentials):
        if identity is None:
            raise RuntimeError("the directory is away")
        return identity

    with start(authenticate, socket=False) as gateway:
        assert gateway.handle("GET", LIST, basic("admin", "any")).status == 500
        assert len(printed) == 1
    with pytest.raises(callrec.Error) as stopped:
        gateway.handle("GET", LIST)
    assert stopped.value.status == Status.BAD_HANDLE


WITHOUT = """
#include <callrec.h>
#include <stdio.h>
rec_status rec_gateway_start(rec_engine engine, const rec_gateway_options *options, rec_gateway *gateway, rec_error *error)
{
    (void)engine, (void)options, (void)gateway;
    snprintf(error->message, sizeof error->message, "this build has no gateway");
    return REC_ERR_UNSUPPORTED;
}
"""


def test_a_library_without_the_gateway_is_loaded(tmp_path):
    """Its gateway says what is missing, and everything else works."""
    header = Path(__file__).resolve().parents[3] / "include"
    if not header.exists():
        pytest.skip("the header is not here")
    library, source = tmp_path / "libwithout.so", tmp_path / "without.c"
    source.write_text(WITHOUT)
    (tmp_path / "libcallrec.so.0").symlink_to(callrec.library_path())
    command = ["cc", "-shared", "-fPIC", "-I", str(header), str(source), "-o", str(library)]
    command += ["-Wl,--no-as-needed", str(tmp_path / "libcallrec.so.0"), f"-Wl,-rpath,{tmp_path}"]
    subprocess.run(command, check=True)
    program = f"""
import callrec
with callrec.Engine({{"storage.directory": {str(tmp_path / "r")!r}, "storage.min_free_bytes": 0}}) as engine:
    with engine.begin_call(call_id="a") as call:
        call.start()
    try:
        engine.start_gateway(lambda credentials: None)
    except callrec.Error as error:
        print(error.status.name, error)
"""
    environment = {"CALLREC_LIBRARY": str(library), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("UNSUPPORTED ") and done.stdout.endswith(": this build has no gateway\n")
