import asyncio

import websockets

from contract import URL, Talk, trust


async def main():
    talk = Talk()
    async with websockets.connect(URL, ssl=trust()) as socket:
        async for text in socket:
            answer = talk.next(text)
            if answer is talk.DONE:
                await socket.close(1000)
            elif answer:
                await socket.send(answer)
    talk.closed(socket.close_code)


asyncio.run(main())
