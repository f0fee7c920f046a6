"""Tests the gateway with Plivo's own SDK: BASE AUTH_ID AUTH_TOKEN CALL_UUID"""
import sys
import time
from types import ModuleType

# This file has the SDK's name, so its directory must not be searched first.
sys.path.pop(0)

import plivo  # noqa: E402
import plivo.rest.client as client_module  # noqa: E402
from plivo.exceptions import (AuthenticationError, ForbiddenError,  # noqa: E402
                              PlivoServerError, ResourceNotFoundError, ValidationError)

base, auth_id, auth_token, call = sys.argv[1:]
assert isinstance(client_module, ModuleType)
for name in ('PLIVO_API_BASE_URI', 'API_VOICE_BASE_URI', 'API_VOICE_BASE_URI_FALLBACK_1',
             'API_VOICE_BASE_URI_FALLBACK_2', 'PLIVO_API_V1'):
    if hasattr(client_module, name):
        setattr(client_module, name, base + '/v1/Account')


def assert_refused(error, act):
    try:
        act()
    except error as raised:
        return str(raised)
    raise SystemExit('not refused')


client = plivo.RestClient(auth_id, auth_token)
first = client.calls.record(call, file_format='wav', time_limit=120)
assert first.message == 'call recording started', first
assert first.url.endswith(first.recording_id + '.wav'), first
second = client.calls.start_recording(call, file_format='wav', record_channel_type='stereo')
assert second.recording_id != first.recording_id

assert_refused(ValidationError, lambda: client.calls.record(call, file_format='cassette'))
assert_refused(ResourceNotFoundError, lambda: client.calls.record('nobody', file_format='wav'))
stranger = plivo.RestClient(auth_id, 'wrong')
for act in (lambda: stranger.calls.record(call, file_format='wav'),
            lambda: stranger.calls.record_stop(call),
            lambda: stranger.recordings.list(),
            lambda: stranger.recordings.get(first.recording_id),
            lambda: stranger.recordings.delete(first.recording_id)):
    assert_refused(AuthenticationError, act)


def client_of(name):
    client = plivo.RestClient(auth_id, auth_token)
    client.session.auth = (name, auth_token)  # the SDK refuses names that are not account ids
    return client


# The host permits the first to record only, and fails to authenticate the second.
assert_refused(ForbiddenError, lambda: client_of('only').recordings.list())
assert_refused(PlivoServerError, lambda: client_of('broken').recordings.list())
assert 'add_time' in assert_refused(ValidationError, lambda: client.recordings.list(add_time__gte='soon'))

hook = 'http://127.0.0.1:9/hook'  # nothing listens there, and no callback is sent
client.calls.record_stop(call, callback_url=hook, callback_method='GET')
client.calls.record_stop(call)  # succeeds although no recording is live

deadline = time.monotonic() + 60
while True:
    found = client.recordings.list(call_uuid=call, limit=20, offset=0)
    if len(found) == 2:
        break
    assert time.monotonic() < deadline, found
ids = {recording.recording_id for recording in found}
assert ids == {first.recording_id, second.recording_id}, ids
assert found.meta.total_count == 2 and found.meta.limit == 20, found.meta

# Every way of paging gives the same recordings.
assert {recording.recording_id for recording in client.recordings} == ids
pages = [client.recordings.list(limit=1, offset=at) for at in (0, 1)]
assert pages[0].meta.next == f'/v1/Account/{auth_id}/Recording/?limit=1&offset=1', pages[0].meta
assert pages[1].meta.next is None, pages[1].meta
page = client.recordings.list(limit=1, cursor='1')
assert page.objects[0].recording_id == pages[1].objects[0].recording_id
later = client.recordings.list(callback_url=hook, callback_method='POST')
assert len(later.objects) == 2, later
assert client.recordings.get(first.recording_id, callback_url=hook).recording_id == first.recording_id
assert client.recordings.list(add_time__gte='2020-01-01', to_number='none').meta.total_count == 0

recording = client.recordings.get(first.recording_id)
assert recording.recording_url == first.url and recording.call_uuid == call, recording
assert float(recording.recording_duration_ms) >= 0, recording
client.recordings.delete(first.recording_id, callback_url=hook, callback_method='POST')
assert_refused(ResourceNotFoundError, lambda: client.recordings.get(first.recording_id))
assert_refused(ResourceNotFoundError, lambda: client.recordings.delete(first.recording_id))
assert len(client.recordings.list(call_uuid=call)) == 1
print('all well')
