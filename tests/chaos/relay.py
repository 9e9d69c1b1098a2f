"""A TCP relay between one edge and the router that can be cut, in both directions or in one."""

import asyncio

UP, DOWN = "up", "down"  # to the router, to the edge


class Relay:
    def __init__(self, port, router_port):
        self.port = port
        self.router_port = router_port
        self.open = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        self.refusing = False
        self.writers = set()
        self.server = None
        for gate in self.open.values():
            gate.set()

    @property
    def endpoint(self):
        return "tcp://127.0.0.1:%d" % self.port

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)

    async def accept(self, reader, writer):
        if self.refusing:
            writer.transport.abort()
            return
        self.writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.router_port)
        except OSError:
            writer.transport.abort()
            self.writers.discard(writer)
            return
        self.writers.add(far_writer)
        await asyncio.gather(self.pump(reader, far_writer, self.open[UP]),
                             self.pump(far_reader, writer, self.open[DOWN]))
        self.writers -= {writer, far_writer}

    async def pump(self, reader, writer, gate):
        """What does not pass waits, as it would in TCP's hands; so does the end of a connection."""
        try:
            while True:
                data = await reader.read(1 << 18)
                await gate.wait()
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def silence(self, *directions):
        """Nothing passes any more; nobody is told."""
        for direction in directions:
            self.open[direction].clear()

    def tear(self):
        """Connections end, and new ones do at once."""
        self.refusing = True
        for writer in list(self.writers):
            writer.transport.abort()

    def heal(self):
        self.refusing = False
        for gate in self.open.values():
            gate.set()

    async def stop(self):
        self.server.close()
        self.heal()
        for writer in list(self.writers):
            writer.transport.abort()
        await asyncio.sleep(0)
