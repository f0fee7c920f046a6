#!/usr/bin/env python3
"""Receives the ends of all recordings of a cluster from Redis, and acts on each exactly once.

    consumer.py HOST PORT NAMESPACE GROUP CONSUMER LEDGER

"Acting" is one line in the file LEDGER: the event, the recording's id and its node. The line is on
disk before the entry is acknowledged. A consumer that was killed in between is given the entry
again, finds the id in its ledger, and only acknowledges it. callrec appends each end until all
groups have acknowledged it, so none is missed. An entry that somebody else has added to the stream is
acknowledged and skipped, with a message on standard error. The password, if any, is in REDISCLI_AUTH.

It needs nothing but Python. With the package ``redis``, the class `Redis` is ``redis.Redis``.
"""

import os
import socket
import sys


class Redis:
    """One connection, and as much of the protocol as is needed."""

    def __init__(self, host, port):
        self.stream = socket.create_connection((host, port)).makefile("rwb")

    def __call__(self, *words):
        encoded = [str(word).encode() for word in words]
        self.stream.write(b"*%d\r\n" % len(encoded))
        for word in encoded:
            self.stream.write(b"$%d\r\n%s\r\n" % (len(word), word))
        self.stream.flush()
        return self._reply()

    def _reply(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2].decode(errors="replace")
        return int(rest) if kind == b":" else rest.decode()


class Ledger:
    """What was done. A real consumer uses its database."""

    def __init__(self, path):
        self.file = open(path, "a+b")
        self.file.seek(0)
        lines = self.file.read().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        # A kill may have cut the last line.
        self.file.truncate(sum(map(len, whole)))
        self.known = {line.split()[1].decode() for line in whole}

    def act(self, event, id, node):
        if id in self.known:
            return
        self.file.write(f"{event} {id} {node}\n".encode())
        self.file.flush()
        os.fsync(self.file.fileno())
        self.known.add(id)


def main(host, port, namespace, group, name, path):
    ledger, redis, stream = Ledger(path), Redis(host, port), f"{{{namespace}}}:events"
    if "REDISCLI_AUTH" in os.environ:
        redis("AUTH", os.environ["REDISCLI_AUTH"])
    try:
        redis("XGROUP", "CREATE", stream, group, "0", "MKSTREAM")
    except RuntimeError as error:
        # A group that exists already is what is wanted.
        if not str(error).startswith("BUSYGROUP"):
            raise
    # First what this consumer was given before and has not acknowledged, then what is new.
    after = "0"
    while True:
        found = redis("XREADGROUP", "GROUP", group, name, "COUNT", 10, "BLOCK", 1000, "STREAMS", stream, after)
        entries = found[0][1] if found else []
        for entry, fields in entries:
            # An entry that was given before may have left the stream since. Unless all groups have
            # acknowledged it, callrec appends that end again, so it must not be acknowledged here.
            if fields is None:
                continue
            values = dict(zip(fields[::2], fields[1::2]))
            if {"event", "id", "node"} <= values.keys():
                # A lost node has no recording's id.
                ledger.act(values["event"], values["id"] or entry, values["node"])
            else:
                print(f"consumer: skipping entry {entry}, which is not callrec's", file=sys.stderr, flush=True)
            redis("XACK", stream, group, entry)
        if after != ">":
            after = entries[-1][0] if entries else ">"


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit("usage: consumer.py HOST PORT NAMESPACE GROUP CONSUMER LEDGER")
    main(*sys.argv[1:])
