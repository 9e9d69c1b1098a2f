import asyncio
from urllib.parse import urlsplit

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.compress import (PerMessageDeflateOffer, PerMessageDeflateResponse,
                                         PerMessageDeflateResponseAccept)

from contract import URL, Talk, trust


def accept(response):
    if isinstance(response, PerMessageDeflateResponse):
        return PerMessageDeflateResponseAccept(response)
    return None


class Protocol(WebSocketClientProtocol):
    def __init__(self):
        super().__init__()
        self.talk = Talk()
        self.ended = asyncio.get_running_loop().create_future()

    def onMessage(self, payload, isBinary):
        answer = self.talk.next(payload.decode())
        if answer is self.talk.DONE:
            self.sendClose(1000)
        elif answer:
            self.sendMessage(answer.encode())

    def onClose(self, wasClean, code, reason):
        self.talk.closed(code)
        self.ended.set_result(None)


async def main():
    factory = WebSocketClientFactory(URL)
    factory.protocol = Protocol
    factory.setProtocolOptions(perMessageCompressionOffers=[PerMessageDeflateOffer()],
                               perMessageCompressionAccept=accept)
    where = urlsplit(URL)
    _, protocol = await asyncio.get_running_loop().create_connection(
        factory, where.hostname, where.port, ssl=trust())
    await protocol.ended


asyncio.run(main())
