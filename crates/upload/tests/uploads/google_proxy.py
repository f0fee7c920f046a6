"""The XML API of Google Cloud Storage, translated to the S3 server at the port in the argument.

It accepts only Google's form: bearer tokens that a service account has signed, and headers that
begin with x-goog-. Prints its port, the credentials file of the account, and that of a stranger.
Ends when its standard input is closed.
"""
import asyncio
import base64
import json
import os
import sys
import time
from urllib.parse import quote, unquote

from aiohttp import ClientSession, web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from yarl import URL

EMAIL = 'recorder@project.iam.gserviceaccount.com'
SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
KEY_ID = 'the-key'
S3_SIGNED = 'AWS proxy:signature'
# The first question for an object of such a bucket is answered as if it did not exist yet: another
# client creates it directly after the question.
LATE_BUCKET = 'late-'
# Such a bucket has removed the parts of an upload when it is first completed.
FORGETFUL_BUCKET = 'forgetful-'


class Refusal(Exception):
    """A response with an error."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status = status
        self.body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code>" \
                    f'<Message>{message}</Message></Error>'


def bad(message):
    return Refusal(400, 'InvalidArgument', message)


def account(key):
    """The file that Google's console gives for a new key."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                            serialization.NoEncryption())
    return {'type': 'service_account', 'project_id': 'project', 'private_key_id': KEY_ID,
            'private_key': pem.decode(), 'client_email': EMAIL,
            'token_uri': 'https://oauth2.googleapis.com/token'}


def decoded(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def check_token(headers, public_key):
    scheme, _, token = headers.get('Authorization', '').partition(' ')
    if scheme != 'Bearer' or not token:
        raise bad('there is no bearer token')
    try:
        signed, signature = token.rsplit('.', 1)
        header, claims = (json.loads(decoded(part)) for part in signed.split('.'))
        public_key.verify(decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError) as error:
        raise Refusal(401, 'AuthenticationRequired', 'the token is not signed by the account') from error
    if (header['alg'], header['kid']) != ('RS256', KEY_ID):
        raise Refusal(401, 'AuthenticationRequired', 'the token names another key')
    is_current = claims['iat'] - 60 <= time.time() < claims['exp'] <= claims['iat'] + 3600
    if not is_current or (claims['iss'], claims['sub'], claims['scope']) != (EMAIL, EMAIL, SCOPE):
        raise Refusal(401, 'AuthenticationRequired', 'the token is not valid for this store')


def s3_headers(request):
    """The request's headers as S3 names them."""
    headers = {'Authorization': S3_SIGNED}
    for name, value in request.headers.items():
        name = name.lower()
        if name.startswith('x-goog-meta-'):
            headers['x-amz-meta-' + name.removeprefix('x-goog-meta-')] = value
        elif name == 'x-goog-if-generation-match':
            if value != '0' or request.method != 'PUT' or request.query:
                raise bad('a precondition is supported only for an object in one request')
            headers['If-None-Match'] = '*'
        elif name.startswith(('x-amz-', 'x-goog-', 'if-')):
            raise bad(f'the header {name} is not supported')
        elif name in ('content-type', 'range'):
            headers[name] = value
    is_whole_object = request.method == 'PUT' and not request.query
    if is_whole_object and 'If-None-Match' not in headers:
        raise bad('the request would overwrite an object')
    return headers


def google_headers(headers):
    """The response's headers as Google names them."""
    translated = {}
    for name, value in headers.items():
        name = name.lower()
        if name.startswith('x-amz-meta-'):
            translated['x-goog-meta-' + name.removeprefix('x-amz-meta-')] = value
        elif name in ('content-length', 'content-range', 'content-type', 'etag', 'last-modified'):
            translated[name] = value
    return translated


class Proxy:
    def __init__(self, port, public_key):
        self.upstream = f'http://127.0.0.1:{port}'
        self.public_key = public_key
        self.once = set()

    async def answer(self, request):
        try:
            return await self.translate(request)
        except Refusal as refusal:
            return web.Response(status=refusal.status, text=refusal.body, content_type='application/xml')

    def is_first(self, what):
        is_new = what not in self.once
        self.once.add(what)
        return is_new

    async def translate(self, request):
        check_token(request.headers, self.public_key)
        headers = s3_headers(request)
        if request.method in ('PUT', 'POST') and 'Content-Length' not in request.headers:
            raise Refusal(411, 'MissingContentLength', 'there is no length')
        path, _, query = request.raw_path.partition('?')
        names = [unquote(name) for name in path.split('/')]
        if len(names) != 3 or not all(names[1:]):
            raise bad('the path is not that of an object')
        _, bucket, key = names
        if request.method == 'HEAD' and bucket.startswith(LATE_BUCKET) and self.is_first(path):
            raise Refusal(404, 'NoSuchKey', 'it does not exist')
        url = URL(f'{self.upstream}/{quote(bucket)}/{quote(key)}?{query}', encoded=True)
        is_completion = request.method == 'POST' and 'uploadId' in request.query
        body = await request.read()
        async with ClientSession(auto_decompress=False) as session:
            if is_completion and bucket.startswith(FORGETFUL_BUCKET) and self.is_first(path):
                aborting = session.delete(url, headers={'Authorization': S3_SIGNED})
                async with aborting as aborted:
                    assert aborted.status == 204
                # Moto would answer 500.
                raise Refusal(404, 'NoSuchUpload', 'it does not exist')
            async with session.request(request.method, url, headers=headers, data=body) as response:
                content = await response.read()
                return web.Response(status=response.status, body=content or None,
                                    headers=google_headers(response.headers))


async def main():
    key, strange = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    proxy = Proxy(sys.argv[1], key.public_key())
    application = web.Application(client_max_size=64 << 20)
    application.router.add_route('*', '/{path:.*}', proxy.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', 0)
    await site.start()
    port = runner.addresses[0][1]
    print(json.dumps({'port': port, 'account': account(key), 'stranger': account(strange)}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    # Nobody waits for the responses.
    os._exit(0)

asyncio.run(main())
