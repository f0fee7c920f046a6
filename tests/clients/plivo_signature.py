"""Plivo's own check of a callback's signatures: METHOD URL TOKEN NONCE2 V2 NONCE3 V3 FIELD=VALUE..."""
import sys

# A file beside this one has the SDK's name; their directory must not come first.
sys.path.pop(0)

from plivo.utils import validate_signature, validate_v3_signature  # noqa: E402

method, url, token, nonce2, v2, nonce3, v3, *fields = sys.argv[1:]
params = dict(field.split('=', 1) for field in fields)
assert validate_signature(url, nonce2, v2, token), 'V2'
assert validate_v3_signature(method, url, nonce3, token, v3, params), 'V3'
assert not validate_v3_signature(method, url, nonce3, 'other', v3, params), 'any key'
print('all well')
