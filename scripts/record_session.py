"""Records what an agent and a coordinator say to each other, for shared/proto/previous/session.jsonl (CONTRIBUTING.md).

    pip install hpack
    sweep serve --home H --listen 127.0.0.1:7800
    python3 scripts/record_session.py 7801 7800 > session.jsonl
    sweep agent --home A --coordinator http://127.0.0.1:7801 --token-file H/token

A proxy on loopback, where no TLS is spoken. It takes HTTP/2 apart only as far as gRPC's messages, and writes each as a line
{"from", "path", "message" (base64)}. Long ones (blobs, logs) are left out, and of calls other than the session's all but three.
"""

import asyncio
import base64
import collections
import json
import sys

import hpack

PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
DATA, HEADERS = 0, 1
PADDED, PRIORITY = 0x8, 0x20
LONGEST = 6000
paths = {}
written = collections.Counter()


class Side:
    """One direction of one connection."""

    def __init__(self, connection, name):
        self.connection, self.name = connection, name
        self.bytes, self.messages = b"", collections.defaultdict(bytes)
        self.headers = hpack.Decoder()
        self.skip = PREFACE if name == "agent" else 0

    def feed(self, data):
        self.bytes += data
        if self.skip:
            if len(self.bytes) < self.skip:
                return
            self.bytes, self.skip = self.bytes[self.skip:], 0
        while len(self.bytes) >= 9:
            length = int.from_bytes(self.bytes[:3], "big")
            if len(self.bytes) < 9 + length:
                return
            kind, flags = self.bytes[3], self.bytes[4]
            stream = int.from_bytes(self.bytes[5:9], "big") & 0x7FFFFFFF
            body, self.bytes = self.bytes[9:9 + length], self.bytes[9 + length:]
            if kind in (DATA, HEADERS) and flags & PADDED:
                body = body[1:len(body) - body[0]]
            if kind == HEADERS:
                self.opened(stream, body[5:] if flags & PRIORITY else body)
            elif kind == DATA:
                self.messages[stream] += body
                self.told(stream)

    def opened(self, stream, block):
        for name, value in self.headers.decode(block, raw=True):
            if name == b":path":
                paths[self.connection, stream] = value.decode()

    def told(self, stream):
        while len(self.messages[stream]) >= 5:
            whole = self.messages[stream]
            length = int.from_bytes(whole[1:5], "big")
            if len(whole) < 5 + length:
                return
            self.messages[stream] = whole[5 + length:]
            self.write(paths[self.connection, stream], whole[5:5 + length])

    def write(self, path, message):
        written[path, self.name] += 1
        enough = not path.endswith("/Session") and written[path, self.name] > 3
        if len(message) <= LONGEST and not enough:
            line = {"from": self.name, "path": path, "message": base64.b64encode(message).decode()}
            print(json.dumps(line), flush=True)


async def serve(reader, writer):
    connection = object()
    there, back = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))

    async def pass_on(source, sink, side):
        while data := await source.read(1 << 16):
            side.feed(data)
            sink.write(data)
            await sink.drain()
        sink.close()

    ways = pass_on(reader, back, Side(connection, "agent")), pass_on(there, writer, Side(connection, "coordinator"))
    await asyncio.gather(*ways, return_exceptions=True)


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
