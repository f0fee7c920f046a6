"""Checks the signatures of a callback with an SDK: SDK METHOD URL TOKEN NONCE2 V2 NONCE3 V3 FIELD=VALUE..."""
import importlib
import sys

# Files beside this one have the SDKs' names, so their directory must not be searched first.
sys.path.pop(0)

sdk, method, url, token, nonce2, v2, nonce3, v3, *fields = sys.argv[1:]
utils = importlib.import_module(sdk + '.utils')
params = dict(field.split('=', 1) for field in fields)
assert utils.validate_signature(url, nonce2, v2, token), 'V2'
assert utils.validate_v3_signature(method, url, nonce3, token, v3, dict(params)), 'V3'
assert not utils.validate_v3_signature(method, url, nonce3, 'other', v3, dict(params)), 'another key is accepted'
print('all well')
