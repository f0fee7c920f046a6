// Tests the gateway with Plivo's own SDK for Node: BASE AUTH_ID AUTH_TOKEN CALL_UUID, then for
// each received callback METHOD URL NONCE2 V2 NONCE3 V3 FIELDS (JSON)
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.CLIENTS}/package.json`);
const plivo = require('plivo');
const axios = require(require.resolve('axios', { paths: [require.resolve('plivo')] }));
const [base, authId, authToken, call, ...callbacks] = process.argv.slice(2);

// The SDK has a fixed address.
const send = axios.getAdapter('http');
axios.defaults.adapter = config => {
    config.url = config.url.replace('https://api.plivo.com', base);
    return send(config);
};

// The SDK's errors have a status but no class.
async function assertRefused(status, act) {
    const error = await act().then(() => null, error => error);
    assert.equal(error?.status, status, String(error));
}

async function until(what, holds) {
    for (const deadline = Date.now() + 60_000; !(await holds()); ) {
        assert(Date.now() < deadline, what);
    }
}

const client = new plivo.Client(authId, authToken);
const options = { fileFormat: 'wav', timeLimit: 120 };
const first = await client.calls.record(call, options);
assert.equal(first.message, 'call recording started');
const second = await client.calls.record(call, { ...options, recordChannelType: 'stereo' });
assert.notEqual(first.recordingId, second.recordingId);

const stranger = new plivo.Client(authId, 'wrong');
await assertRefused(401, () => stranger.calls.record(call, options));
await assertRefused(401, () => stranger.recordings.list());
await assertRefused(404, () => client.calls.record('nobody', options));
await assertRefused(400, () => client.calls.record(call, { ...options, fileFormat: 'ogg' }));

await client.calls.stopRecording(call, { callbackUrl: 'http://127.0.0.1:9/', callbackMethod: 'POST' });
const list = filters => client.recordings.list({ callUuid: call, ...filters });
await until('both have ended', async () => (await list()).length === 2);
const page = await list({ limit: 1 });
assert.equal(page.meta.next, `/v1/Account/${authId}/Recording/?limit=1&offset=1&call_uuid=${call}`);

const recording = await client.recordings.get(first.recordingId);
assert.equal(recording.recordingUrl, first.url);
await client.recordings.delete(first.recordingId);
await assertRefused(404, () => client.recordings.get(first.recordingId));
assert.equal((await list()).length, 1);

while (callbacks.length > 0) {
    const [method, url, nonce2, v2, nonce3, v3, fields] = callbacks.splice(0, 7);
    const params = JSON.parse(fields);
    assert(plivo.validateSignature(url, nonce2, v2, authToken), `V2 ${method} ${url}`);
    assert(plivo.validateV3Signature(method, url, nonce3, authToken, v3, params), `V3 ${method} ${url}`);
    assert(!plivo.validateV3Signature(method, url, nonce3, 'other', v3, params), 'another key is accepted');
}
console.log('all well');
