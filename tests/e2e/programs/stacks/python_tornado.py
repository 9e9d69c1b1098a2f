import asyncio
import os

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from contract import URL, Talk, trust


async def main():
    talk = Talk()
    # 6.2 overlooks client_no_context_takeover in the answer (RFC 7692 section 7.1.1.2), so it must not
    # offer compression to an edge that gives this answer.
    compression = {} if "KEEPS_CONTEXT" in os.environ else None
    socket = await websocket_connect(HTTPRequest(URL, ssl_options=trust()), compression_options=compression)
    while True:
        text = await socket.read_message()
        if text is None:
            break
        answer = talk.next(text)
        if answer is talk.DONE:
            socket.close(1000)
        elif answer:
            await socket.write_message(answer)
    talk.closed(socket.close_code)


asyncio.run(main())
