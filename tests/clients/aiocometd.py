"""A Genesys client with the Python library aiocometd: BASE USER PASSWORD CALL

Prints one line for each event. Ends when its input ends.
"""
import asyncio
import base64
import json
import sys

import aiohttp
from aiocometd_ng import AuthExtension, Client, ConnectionType

base, user, password, call = sys.argv[1:]
basic = 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()


class Basic(AuthExtension):
    async def outgoing(self, payload, headers):
        headers['Authorization'] = basic

    async def incoming(self, payload, headers=None):
        pass

    async def authenticate(self):
        pass


def report(event, value):
    print(event, json.dumps(value), flush=True)


async def operate(http, name):
    body = {'operationName': name + 'CallRecording'}
    async with http.post(f'{base}/api/v2/me/calls/{call}', json=body) as response:
        assert (response.status, await response.json()) == (200, {'statusCode': 0})


def handle_exception(loop, context):
    # The library cancels its own connect when it closes, and reports that as an error.
    if not isinstance(context.get('exception'), asyncio.CancelledError):
        loop.default_exception_handler(context)


async def main():
    asyncio.get_running_loop().set_exception_handler(handle_exception)
    types = [ConnectionType.LONG_POLLING]
    async with Client(f'{base}/genesys/cometd', types, auth=Basic()) as client:
        await client.subscribe('/v2/me/calls')
        report('subscribed', True)
        async with aiohttp.ClientSession(headers={'Authorization': basic}) as http:
            for name in ['Start', 'Pause', 'Resume', 'Stop']:
                await operate(http, name)
                message = await client.receive()
                report('message', message['data']['call']['recordingState'])
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    report('disconnected', True)


asyncio.run(main())
