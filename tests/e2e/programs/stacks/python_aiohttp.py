import asyncio

import aiohttp

from contract import URL, Talk, trust


async def main():
    talk = Talk()
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(URL, ssl=trust(), compress=15) as socket:
            async for message in socket:
                answer = talk.next(message.data)
                if answer is talk.DONE:
                    await socket.close(code=1000)
                elif answer:
                    await socket.send_str(answer)
        talk.closed(socket.close_code)


asyncio.run(main())
