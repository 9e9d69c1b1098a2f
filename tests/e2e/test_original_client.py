"""A client written for the original server works unmodified against two edges."""

import asyncio
import os
import signal
import unittest

from clients import FreshClusterCase
from cluster import PATIENCE_S

HERE = os.path.dirname(os.path.abspath(__file__))


class OriginalClient(FreshClusterCase):
    async def test_npm_ws_with_the_original_vocabulary_works_across_two_edges(self):
        a, b = self.cluster.edges
        node = await asyncio.create_subprocess_exec(
            "node", os.path.join(HERE, "programs", "original.mjs"), a.url, b.url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            line = await asyncio.wait_for(node.stdout.readline(), PATIENCE_S)
            if line.strip() == b"READY FOR SHUTDOWN":
                b.program.may_die = True
                b.program.send_signal(signal.SIGTERM)
            out, err = await asyncio.wait_for(node.communicate(), PATIENCE_S * 3)
        except asyncio.TimeoutError:
            node.kill()
            raise
        self.assertEqual(node.returncode, 0, (line + out + err).decode())
        self.assertIn(b"DONE", out)
        self.assertEqual(await asyncio.to_thread(b.program.wait), 0)


if __name__ == "__main__":
    unittest.main()
