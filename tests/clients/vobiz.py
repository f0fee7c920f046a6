"""Tests the gateway with Vobiz's own SDK (vobiz-python): BASE AUTH_ID AUTH_TOKEN CALL_UUID"""
import sys
import time

# This file has the SDK's name, so its directory must not be searched first.
sys.path.pop(0)

from vobiz.exceptions import (AuthenticationError, ResourceNotFoundError,  # noqa: E402
                              ValidationError)
from vobiz.rest.client import Client  # noqa: E402

base, auth_id, auth_token, call = sys.argv[1:]


def client_of(token):
    client = Client(auth_id, token)
    client.base_uri = base + '/api/v1/Account'
    return client


def assert_refused(error, act):
    try:
        act()
    except error as raised:
        return str(raised)
    raise SystemExit('not refused')


def until(what, holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what


def count(**filters):
    return client.recordings.list(**filters).meta.total_count


client = client_of(auth_token)
first = client.calls.start_recording(call, file_format='wav', time_limit=120)
assert first.message == 'recording started', first
second = client.calls.start_recording(call, file_format='wav', record_channel_type='stereo')
# As published, mp3 is the default.
third = client.calls.start_recording(call)
assert third.url.endswith('.mp3'), third
assert_refused(ResourceNotFoundError, lambda: client.calls.start_recording('nobody', file_format='wav'))

stranger = client_of('wrong')
assert_refused(AuthenticationError, lambda: stranger.calls.start_recording(call, file_format='wav'))
assert_refused(AuthenticationError, lambda: stranger.recordings.list())

# Stops the second alone, then all others.
client.calls.stop_recording(call, url=second.url)
until('one has ended', lambda: count(call_uuid=call) == 1)
assert client.recordings.list().objects[0].recording_id == second.recording_id
client.calls.stop_recording(call)
until('all have ended', lambda: count(call_uuid=call) == 3)

pages = [client.recordings.list(limit=2, offset=at) for at in (0, 2)]
assert pages[0].meta.next == f'/v1/Account/{auth_id}/Recording/?limit=2&offset=2', pages[0].meta
assert pages[1].meta.previous == f'/v1/Account/{auth_id}/Recording/?limit=2&offset=0', pages[1].meta
followed = client.session.get(base + '/api' + pages[0].meta.next).json()
assert followed['objects'][0]['recording_id'] == pages[1].objects[0].recording_id, followed
assert len(pages[0].objects) == 2 and len(pages[1].objects) == 1

recording = client.recordings.get(first.recording_id)
assert recording.recording_url == first.url and recording.call_uuid == call, recording
client.recordings.delete(first.recording_id)
assert_refused(ResourceNotFoundError, lambda: client.recordings.get(first.recording_id))

assert_refused(ValidationError, lambda: client.recordings.bulk_delete())
assert_refused(ValidationError, lambda: client.recordings.bulk_delete(colour='blue'))
client.recordings.bulk_delete(recording_format='mp3', add_time__gte='2020-01-01 00:00:00')
until('the mp3 file is deleted', lambda: count() == 1)
client.recordings.bulk_delete(recording_format='wav', add_time__gte='2020-01-01 00:00:00')
until('all are deleted', lambda: count() == 0)
print('all well')
