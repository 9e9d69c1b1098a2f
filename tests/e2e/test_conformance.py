"""RFC 6455 and RFC 7692 from outside, against splitrail-edge --echo: the families that public suites
cover, over bare sockets and with nothing but the standard library, so that no client library can
hide a fault by being polite."""

import random
import socket
import unittest
import zlib

from bare import (BINARY, CLOSE, MIB, OPEN, PING, PONG, SALAD, TAIL, TEXT, EchoEdge, Peer, code, frame,
                  fragments, outcome)
from cluster import http_get


class Echo(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.edge = EchoEdge(*cls.options)
        cls.port, cls.http_port = cls.edge.port, cls.edge.http_port

    @classmethod
    def tearDownClass(cls):
        trouble = cls.edge.finish()
        assert trouble is None, trouble

    def peer(self, *args, **named):
        peer = Peer(self.port, *args, **named)
        self.addCleanup(peer.socket.close)
        return peer

    def script(self, data, heard, close, chop=None, **named):
        """Sends, and after it our own close where the data does not lead to the end by itself."""
        peer = self.peer(**named)
        peer.send(data, chop)
        if close == OPEN:
            peer.send(frame(CLOSE, code(1000)))
            close = 1000
        self.assertEqual(outcome(peer.rest()), (heard, close))


# RFC 6455 section 5.4: frames of a message, and what comes back; the last value is the close code.
FRAGMENTED = [
    ("ping between two fragments", [(TEXT, b"a", 0), (PING, b"p", 1), (0, b"b", 1)],
     [(PONG, b"p"), (TEXT, b"ab")], OPEN),
    ("many control frames in between",
     [(TEXT, b"1", 0)] + [(PING, b"%d" % i, 1) for i in range(9)] + [(0, b"2", 0), (PONG, b"", 1), (0, b"", 1)],
     [(PONG, b"%d" % i) for i in range(9)] + [(TEXT, b"12")], OPEN),
    ("empty fragments", [(TEXT, b"", 0), (0, b"", 0), (0, b"", 1)], [(TEXT, b"")], OPEN),
    ("empty ones around", [(BINARY, b"", 0), (0, b"x", 0), (0, b"", 1)], [(BINARY, b"x")], OPEN),
    ("two fragmented messages", [(TEXT, b"a", 0), (0, b"b", 1), (BINARY, b"c", 0), (0, b"d", 1)],
     [(TEXT, b"ab"), (BINARY, b"cd")], OPEN),
    ("fragmented ping", [(PING, b"a", 0), (0, b"b", 1)], [], 1002),
    ("fragmented pong", [(PONG, b"a", 0), (0, b"b", 1)], [], 1002),
    ("fragmented close", [(CLOSE, code(1000), 0), (0, b"b", 1)], [], 1002),
    ("continuation of nothing", [(0, b"x", 1)], [], 1002),
    ("unfinished continuation of nothing", [(0, b"x", 0), (0, b"y", 1)], [], 1002),
    ("continuation after a message", [(TEXT, b"a", 1), (0, b"b", 1)], [(TEXT, b"a")], 1002),
    ("text inside a text", [(TEXT, b"a", 0), (TEXT, b"b", 1)], [], 1002),
    ("binary inside a text", [(TEXT, b"a", 0), (BINARY, b"b", 0)], [], 1002),
    ("continuation after the last", [(TEXT, b"a", 0), (0, b"b", 1), (0, b"c", 0)], [(TEXT, b"ab")], 1002),
]

# RFC 3629: texts, and where the first byte stands that cannot belong to them.
GOOD_TEXTS = [b"", b"a", SALAD, b"\x00", b"\x7f", b"\xc2\x80", b"\xdf\xbf", b"\xe0\xa0\x80", b"\xed\x9f\xbf",
              b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xf0\x90\x80\x80",
              b"\xf4\x8f\xbf\xbf", b"\xef\xbb\xbf", b"\xf0\x9f\xbf\xbe"]
BAD_TEXTS = [(b"\x80", 0), (b"\xbf", 0), (b"\xc0\xaf", 0), (b"\xc1\xbf", 0), (b"\xe0\x80\xaf", 1),
             (b"\xe0\x9f\xbf", 1), (b"\xf0\x80\x80\xaf", 1), (b"\xf0\x8f\xbf\xbf", 1), (b"\xed\xa0\x80", 1),
             (b"\xed\xbf\xbf", 1), (b"\xed\xa0\x80\xed\xb0\x80", 1), (b"\xf4\x90\x80\x80", 1),
             (b"\xf5\x80\x80\x80", 0), (b"\xf8\x88\x80\x80\x80", 0), (b"\xfc\x84\x80\x80\x80\x80", 0),
             (b"\xfe", 0), (b"\xff", 0), (b"\xc2a", 1), (b"\xe2\x82a", 2), (b"\xf0\x9f\x98a", 3),
             (b"\xc3\xc3\xa4", 1), (SALAD + b"\xed\xa0\x80" + b"edited", len(SALAD) + 1)]
CUT_TEXTS = [b"\xc2", b"\xe2\x82", b"\xe2", b"\xf0\x9f\x98", SALAD[:-1]]

GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


class Rfc6455(Echo):
    def test_1_every_length_in_one_frame_and_in_pieces(self):
        for opcode in (TEXT, BINARY):
            for n in (0, 1, 125, 126, 127, 128, 65535, 65536, 65537):
                for chop in (None, 997, 1) if n <= 128 else (None, 997):
                    with self.subTest(opcode=opcode, n=n, chop=chop):
                        self.script(frame(opcode, b"*" * n), [(opcode, b"*" * n)], OPEN, chop)

    def test_1_lengths_must_be_minimal_and_masked(self):
        rows = [frame(BINARY, b"x" * 125, form=16), frame(BINARY, b"", form=16), frame(BINARY, b"x", form=64),
                frame(BINARY, b"x" * 65535, form=64), frame(BINARY, b"", length=1 << 63, form=64),
                frame(TEXT, b"x", masked=False), frame(TEXT, b"", masked=False), frame(PING, b"", masked=False),
                frame(CLOSE, code(1000), masked=False)]
        for i, row in enumerate(rows):
            with self.subTest(i):
                self.script(row, [], 1002)

    def test_2_pings_are_answered_in_order_and_with_their_payload(self):
        binary = bytes(range(256))[130:255]
        for payload in (b"", b"Hello", b"\x00\xff\xfe", binary, b"x" * 125):
            for chop in (None, 1):
                with self.subTest(payload=payload, chop=chop):
                    self.script(frame(PING, payload), [(PONG, payload)], OPEN, chop)
        ten = [b"payload-%d" % i for i in range(10)]
        self.script(b"".join(frame(PING, p) for p in ten), [(PONG, p) for p in ten], OPEN)
        self.script(frame(PONG) + frame(PONG, b"unasked") + frame(PING, b"x"), [(PONG, b"x")], OPEN)
        for opcode in (PING, PONG, CLOSE):
            self.script(frame(opcode, b"\x03\xe8" + b"x" * 124), [], 1002)

    def test_3_reserved_bits_without_an_extension(self):
        for rsv in range(1, 8):
            for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
                with self.subTest(rsv=rsv, opcode=opcode):
                    self.script(frame(TEXT, b"good") + frame(opcode, b"", rsv=rsv) + frame(PING, b"late"),
                                [(TEXT, b"good")], 1002)
            self.script(frame(TEXT, b"a", fin=False) + frame(0, b"b", rsv=rsv), [], 1002)

    def test_4_opcodes_that_mean_nothing(self):
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            for payload in (b"", b"reserved opcode payload"):
                with self.subTest(opcode=opcode, payload=payload):
                    self.script(frame(TEXT, b"good") + frame(opcode, payload) + frame(PING),
                                [(TEXT, b"good")], 1002)

    def test_5_fragments(self):
        for name, frames, heard, close in FRAGMENTED:
            data = b"".join(frame(opcode, payload, bool(fin)) for opcode, payload, fin in frames)
            for chop in (None, 1):
                with self.subTest(name, chop=chop):
                    self.script(data, heard, close, chop)

    def test_6_good_texts_whole_and_cut_in_every_character(self):
        for text in GOOD_TEXTS:
            with self.subTest(text=text):
                data = frame(TEXT, text) + fragments(TEXT, text, 1) + fragments(TEXT, text, 3)
                self.script(data, [(TEXT, text)] * 3, OPEN)
                self.script(data, [(TEXT, text)] * 3, OPEN, chop=1)

    def test_6_bad_texts_whole_and_in_fragments(self):
        for text, _ in BAD_TEXTS + [(cut, None) for cut in CUT_TEXTS]:
            for pad in (b"", b"x" * 61, SALAD * 9):
                with self.subTest(text=text, pad=len(pad)):
                    self.script(frame(TEXT, pad + text), [], 1007)
                    self.script(fragments(TEXT, pad + text, 1), [], 1007)
        self.script(frame(BINARY, b"\xff\xfe\x80"), [(BINARY, b"\xff\xfe\x80")], OPEN)

    def test_6_the_first_bad_byte_ends_it_inside_an_unfinished_frame(self):
        for text, at in BAD_TEXTS:
            for pad in (b"", b"y" * 40, SALAD * 5):
                with self.subTest(text=text, pad=len(pad)):
                    peer = self.peer()
                    good, bad = pad + text[:at], text[at:at + 1]
                    data = frame(TEXT, good + bad, length=1000)
                    peer.send(data[:-1])
                    peer.send(data[-1:])
                    self.assertEqual(outcome(peer.rest()), ([], 1007))

    def test_6_a_character_that_may_go_on_is_waited_for(self):
        peer = self.peer()
        data = frame(TEXT, b"\xf0\x9f\x98\x80")
        for i in range(len(data)):
            peer.send(data[i:i + 1])
        self.assertEqual(peer.message(), (TEXT, b"\xf0\x9f\x98\x80"))

    def test_7_close_codes(self):
        for number in GOOD_CODES:
            for reason in (b"", b"why", b"x" * 123, SALAD):
                with self.subTest(number=number, reason=reason):
                    self.script(frame(CLOSE, code(number, reason)), [], number)
        for number in BAD_CODES:
            with self.subTest(number=number):
                self.script(frame(CLOSE, code(number)), [], 1002)
                self.script(frame(CLOSE, code(number, b"why")), [], 1002)
        self.script(frame(CLOSE), [], 1005)
        self.script(frame(CLOSE, b"\x03"), [], 1002)
        self.script(frame(CLOSE, code(1000, b"x" * 124)), [], 1002)
        for text, _ in BAD_TEXTS:
            self.script(frame(CLOSE, code(1000, text)), [], 1007)

    def test_7_nothing_counts_after_a_close(self):
        end = frame(CLOSE, code(1000))
        for more in (frame(TEXT, b"x"), frame(PING, b"x"), end, frame(3), frame(TEXT, b"\xff"), b"garbage" * 9):
            with self.subTest(more=more):
                self.script(frame(TEXT, b"a") + end + more, [(TEXT, b"a")], 1000)
        self.script(frame(TEXT, b"a", fin=False) + frame(CLOSE, code(1001)), [], 1001)
        self.script(frame(TEXT, b"q" * 262144) + end, [(TEXT, b"q" * 262144)], 1000)

    def test_7_the_server_ends_the_connection_first(self):
        with self.peer() as peer:
            peer.send(frame(CLOSE, code(1000)))
            self.assertEqual(peer.message(), (CLOSE, code(1000)))
            self.assertFalse(peer.fill())  # RFC 6455 section 7.1.1, without our closing the socket
        with self.peer() as peer:
            peer.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(peer.rest(), [])

    def test_9_large_messages(self):
        for opcode, n, size in ((BINARY, MIB, None), (TEXT, 4 * MIB, None), (BINARY, 16 * MIB, None),
                                (TEXT, 4 * MIB, 256), (BINARY, 4 * MIB, 65536), (TEXT, 16 * MIB, MIB)):
            with self.subTest(opcode=opcode, n=n, size=size):
                peer = self.peer()
                unit = SALAD * 4096
                message = (unit * (n // len(unit) + 1))[:n] if opcode == BINARY else b"t" * n
                peer.send(fragments(opcode, message, size or n))
                self.assertTrue(peer.message() == (opcode, message))

    def test_9_one_byte_more_than_the_limit(self):
        self.script(frame(BINARY, b"", length=16 * MIB + 1), [], 1009)
        self.script(frame(BINARY, b"x" * 9, fin=False) + frame(0, b"", length=16 * MIB), [], 1009)

    def test_9_seventy_thousand_fragments(self):
        peer = self.peer()
        peer.send(fragments(TEXT, b"f" * 70000, 1))
        self.assertTrue(peer.message() == (TEXT, b"f" * 70000))
        peer.send(frame(BINARY, b"", fin=False) + frame(0, b"", fin=False) * 70000 + frame(0, b"end"))
        self.assertEqual(peer.message(), (BINARY, b"end"))

    def test_9_many_messages_at_once_and_through_a_narrow_window(self):
        for n in (0, 16, 1024, 16384):
            with self.subTest(n=n):
                peer = self.peer(receive_buffer=4096)
                messages = [bytes([65 + i % 26]) * n for i in range(200)]
                for message in messages:
                    peer.send(frame(TEXT, message))
                    self.assertTrue(peer.message() == (TEXT, message))
                peer.send(b"".join(frame(BINARY, m) for m in messages[:16]))
                for message in messages[:16]:
                    self.assertTrue(peer.message() == (BINARY, message))

    def test_extensions_are_not_used_when_compression_is_off(self):
        self.assertIsNone(self.peer(extensions=["permessage-deflate"]).extension)


BOTH = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

# RFC 7692 section 7.1: offers (one string per header line), and the answer (None: declined, 400: the
# handshake fails).
OFFERS = [
    (["permessage-deflate"], BOTH),
    (["permessage-deflate; client_max_window_bits"], BOTH),
    (["permessage-deflate; client_max_window_bits=10"], BOTH),
    (["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], BOTH),
    (["permessage-deflate; server_max_window_bits=8"], BOTH + "; server_max_window_bits=8"),
    (["permessage-deflate; server_max_window_bits=9"], BOTH + "; server_max_window_bits=9"),
    (["permessage-deflate; server_max_window_bits=\"12\""], BOTH + "; server_max_window_bits=12"),
    (["permessage-deflate; server_max_window_bits=15; client_max_window_bits=15"],
     BOTH + "; server_max_window_bits=15"),
    (["permessage-deflate; server_max_window_bits=7, permessage-deflate"], BOTH),
    (["x-webkit-deflate-frame, permessage-deflate; client_max_window_bits"], BOTH),
    (["foo; a=b; c", "permessage-deflate"], BOTH),
    (["permessage-deflate; server_max_window_bits=10, permessage-deflate"], BOTH + "; server_max_window_bits=10"),
    (["permessage-deflate; foo"], None),
    (["permessage-deflate; server_max_window_bits"], None),
    (["permessage-deflate; server_max_window_bits=16"], None),
    (["permessage-deflate; server_max_window_bits=08"], None),
    (["permessage-deflate; client_max_window_bits=0"], None),
    (["permessage-deflate; server_no_context_takeover=1"], None),
    (["permessage-deflate; client_max_window_bits; client_max_window_bits"], None),
    (["x-webkit-deflate-frame"], None),
    ([""], None),
    (["permessage-deflate; ;"], 400),
    (["permessage-deflate; server_max_window_bits=\"1"], 400),
    (["permessage-deflate server_max_window_bits"], 400),
]


def deflated(data, bits=15, level=6, flush=zlib.Z_SYNC_FLUSH):
    packer = zlib.compressobj(level, zlib.DEFLATED, -bits)
    return (packer.compress(data) + packer.flush(flush))[:-4]


class Rfc7692(Echo):
    options = ("--compression", "on", "--compression-min", "0B")

    def packed(self, **named):
        return self.peer(extensions=["permessage-deflate"], **named)

    def test_13_every_combination_of_parameters(self):
        for lines, answer in OFFERS:
            with self.subTest(lines=lines):
                peer = self.peer(extensions=lines)
                if answer == 400:
                    self.assertEqual(peer.status, 400)
                else:
                    self.assertEqual(peer.extension, answer)

    def test_12_sizes_kinds_and_windows(self):
        rng = random.Random(7)
        words = [bytes(rng.choice(b"abcdefghij") for _ in range(rng.randint(2, 9))) for _ in range(200)]
        for offer in ("", "; server_max_window_bits=8", "; server_max_window_bits=9",
                      "; server_max_window_bits=12", "; server_max_window_bits=15"):
            peer = self.peer(extensions=["permessage-deflate" + offer])
            window = 1 << int(offer.split("=")[1]) if offer else 1 << 15
            for n in (0, 1, 16, 64, 256, 257, 1024, 4096, 8192, 16384, 32768, 65536, 131072, MIB):
                prose = b" ".join(rng.choice(words) for _ in range(n // 4 + 1))[:n]
                noise = rng.randbytes(n)
                for opcode, message, size in ((TEXT, prose, None), (BINARY, noise, None), (BINARY, prose, 256)):
                    with self.subTest(offer=offer, n=n, opcode=opcode, size=size):
                        for bits in (9, 15):
                            data = deflated(message, bits)
                            peer.send(fragments(opcode, data, size or len(data) or 1, rsv=4))
                            got = peer.read()
                            self.assertTrue(got[:2] == (opcode, message))
                            if n >= 1024 and message is prose:
                                self.assertEqual(got[2], window >= 512)

    def test_12_our_window_is_as_small_as_agreed(self):
        message = bytes(random.Random(1).randbytes(1024)) * 40
        for bits in range(9, 16):
            peer = self.peer(extensions=["permessage-deflate; server_max_window_bits=%d" % bits])
            peer.send(frame(BINARY, message))
            first, second = peer.take(2)
            n = second & 0x7F
            n = int.from_bytes(peer.take(2), "big") if n == 126 else n
            if n != 127 and first & 0x40:
                got = zlib.decompressobj(-bits).decompress(peer.take(n) + TAIL)
                self.assertTrue(got == message)

    def test_plain_and_compressed_messages_mix(self):
        peer = self.packed()
        for i in range(20):
            message = b"message %d " % i * 30
            peer.send(frame(TEXT, message) if i % 2 else frame(TEXT, deflated(message), rsv=4))
            self.assertEqual(peer.read(), (TEXT, message, True))

    def test_chopped_and_with_pings_between_the_fragments(self):
        message = SALAD * 100
        data = deflated(message)
        peer = self.packed()
        half = len(data) // 2
        peer.send(frame(TEXT, data[:half], fin=False, rsv=4) + frame(PING, b"p") + frame(0, b"", fin=False) +
                  frame(0, data[half:]), chop=1)
        self.assertEqual(peer.message(), (PONG, b"p"))
        self.assertEqual(peer.message(), (TEXT, message))

    def test_blocks_of_every_kind(self):
        """RFC 7692 section 7.2.3: the examples and what they imply."""
        hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
        rows = [(hello, b"Hello"), (b"\x00\x05\x00\xfa\xffHello\x00", b"Hello"),
                (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),
                (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", b"Hello"),
                (b"\x00", b""), (b"", b""), (b"\x02\x00", b""),
                (b"\x00\x00\x00\xff\xff" * 50 + hello, b"Hello"),
                (b"\xf3\x48\xcd\xc9\xc9\x07\x00" + hello, b"HelloHello"),
                (b"\xf3\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
                (deflated(b"stored " * 99, level=0), b"stored " * 99),
                (deflated(b"full " * 99, flush=zlib.Z_FULL_FLUSH), b"full " * 99)]
        for data, message in rows:
            for size in (len(data) or 1, 1):
                with self.subTest(data=data[:20], size=size):
                    peer = self.packed()
                    peer.send(fragments(TEXT, data, size, rsv=4))
                    self.assertEqual(peer.message(), (TEXT, message))

    def test_reserved_bits(self):
        hello = deflated(b"Hello")
        rows = [frame(TEXT, hello, rsv=r) for r in (1, 2, 3, 5, 6, 7)]
        rows += [frame(TEXT, hello[:2], fin=False, rsv=4) + frame(0, hello[2:], rsv=4),
                 frame(TEXT, b"a", fin=False) + frame(0, b"b", rsv=4)]
        rows += [frame(op, b"", rsv=4) for op in (PING, PONG, CLOSE, 3)]
        for i, row in enumerate(rows):
            with self.subTest(i):
                self.script(row, [], 1002, extensions=["permessage-deflate"])

    def test_what_does_not_inflate(self):
        for data in (b"\xff\xff\xff", b"\x07", b"\x06", b"\x00\x05\x00\xfa\x00Hello", b"\xf2\x48\xcd\xc9",
                     b"\x62\x04\x00\xff", deflated(SALAD * 50)[:-3], b"\xf3\x48\xcd\xc9\xc9\x07\x00\x07"):
            with self.subTest(data=data[:16]):
                self.script(frame(BINARY, data, rsv=4), [], 1007, extensions=["permessage-deflate"])

    def test_text_is_checked_while_it_inflates(self):
        for text, _ in BAD_TEXTS + [(cut, None) for cut in CUT_TEXTS]:
            self.script(frame(TEXT, deflated(b"x" * 70000 + text), rsv=4), [], 1007,
                        extensions=["permessage-deflate"])
        peer = self.packed()
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        data = packer.compress(b"good \xff bad") + packer.flush(zlib.Z_SYNC_FLUSH)
        peer.send(frame(TEXT, data + b"....", length=5000, rsv=4)[:-4])
        self.assertEqual(outcome(peer.rest()), ([], 1007))

    def test_a_bomb_ends_at_the_limit(self):
        exact = deflated(b"\x00" * (16 * MIB))
        peer = self.packed()
        peer.send(frame(BINARY, exact, rsv=4))
        self.assertTrue(peer.message() == (BINARY, b"\x00" * (16 * MIB)))
        self.script(frame(BINARY, deflated(b"\x00" * (16 * MIB + 1)), rsv=4), [], 1009,
                    extensions=["permessage-deflate"])
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = b"".join(packer.compress(b"\x00" * MIB) for _ in range(200)) + packer.flush(zlib.Z_SYNC_FLUSH)
        self.script(fragments(BINARY, bomb[:-4], 1000, rsv=4), [], 1009, extensions=["permessage-deflate"])
        self.script(frame(BINARY, b"", length=33 * MIB, rsv=4), [], 1009, extensions=["permessage-deflate"])

    def test_what_it_did_is_counted(self):
        page = http_get(self.http_port, "/metrics")[2]
        peer = self.packed()
        peer.send(frame(TEXT, deflated(b"count me " * 100), rsv=4))
        self.assertEqual(peer.read(), (TEXT, b"count me " * 100, True))
        later = http_get(self.http_port, "/metrics")[2]
        for name in ("messages", "plain_bytes", "wire_bytes"):
            for direction in ("in", "out"):
                row = 'splitrail_edge_compressed_%s_total{direction="%s"} ' % (name, direction)
                value = [float(p.split(row)[1].split("\n")[0]) if row in p else 0 for p in (page, later)]
                self.assertGreater(value[1], value[0], row)


if __name__ == "__main__":
    unittest.main()
