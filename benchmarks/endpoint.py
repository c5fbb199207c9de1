"""DynamoDB as far as a cost on the client's side is concerned: it answers by heart, and at once.

python -m benchmarks.endpoint ANSWERS_FILE [CERTIFICATE] < (ends when stdin does)
"""

import asyncio
import contextlib
import json
import ssl
import sys
import zlib
from pathlib import Path
from typing import Any

Answers = dict[str, str]
"""From an operation and its table (``Query partition``), or an operation alone, to a body. A Query
of one item is ``Query 1 partition``."""

HEAD = (
    "HTTP/1.1 200 OK\r\nServer: Server\r\nContent-Type: application/x-amz-json-1.0\r\n"
    "Content-Length: {length}\r\nConnection: keep-alive\r\nx-amzn-RequestId: {id}\r\n"
    "x-amz-crc32: {checksum}\r\n\r\n"
)


class Endpoint:
    def __init__(self, answers: Answers, seconds: float) -> None:
        self._answers = {name: response(body.encode()) for name, body in answers.items()}
        self._seconds = seconds
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                body = await reader.readexactly(int(between(head, "content-length: ")))
                await asyncio.sleep(self._seconds)
                writer.write(self._answer(head, body))
                await writer.drain()
        writer.close()

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Unlike a coroutine, says nothing when it is cut off at the end."""
        self._tasks.add(asyncio.create_task(self.serve(reader, writer)))

    def _answer(self, head: str, body: bytes) -> bytes:
        operation = between(head, "x-amz-target: dynamodb_20120810.")
        if operation in self._answers:
            return self._answers[operation]
        request = json.loads(body)
        one = "1 " if request.get("Limit") == 1 else ""
        wanted = f"{operation} {one}{request.get('TableName', '')}".lower().strip()
        return self._answers[wanted]


def between(text: str, before: str) -> str:
    return text.partition(before)[2].partition("\r\n")[0]


def response(body: bytes) -> bytes:
    """botocore compares the checksum, and would send a request again if it were another."""
    head = HEAD.format(length=len(body), id="A" * 52, checksum=zlib.crc32(body))
    return head.encode() + body


async def main(answers: Any, certificate: str) -> None:
    endpoint = Endpoint(answers["answers"], answers["seconds"])
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    server = await asyncio.start_server(endpoint.begin, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), "".join(sys.argv[2:])))
