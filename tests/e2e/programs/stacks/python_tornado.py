import asyncio

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from contract import URL, Talk, trust


async def main():
    talk = Talk()
    socket = await websocket_connect(HTTPRequest(URL, ssl_options=trust()), compression_options={})
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
