"""The numbered cases of the public conformance suite's families, as facts: what a client of each
number sends, and what an echo server must answer. Run as a program it prints the families.

A case is (number, run): run(way) opens its own connection by way.peer() and raises AssertionError.
"""

import collections
import random
import zlib

from bare import BINARY, CLOSE, MIB, OPEN, PING, PONG, TAIL, TEXT, code, fragments, frame, outcome

KIB = 1024
TITLES = {"1": "one frame", "2": "pings and pongs", "3": "reserved bits", "4": "reserved opcodes",
          "5": "fragments", "6": "UTF-8", "7": "closing", "9": "large and many messages",
          "10": "fragments of a sender's choice", "12": "compression, sizes",
          "13": "compression, parameters"}
# How many numbers each family has there.
COUNTS = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90,
          "13": 126}

GOOD = frame(TEXT, b"Hello, world!")
HEARD = [(TEXT, b"Hello, world!")]
KOSME = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()

cases = []


def case(number, run):
    cases.append((number, run))


def family(prefix, runs, first=1):
    for i, run in enumerate(runs, first):
        case("%s.%d" % (prefix, i), run)


def script(data, heard, close=OPEN, chop=None):
    """Writes the data (bytes, or a list of writes), and reads up to the end of the connection."""
    def run(way):
        with way.peer() as peer:
            for part in [data] if isinstance(data, bytes) else data:
                peer.send(part, chop)
            if close == OPEN:
                peer.send(frame(CLOSE, code(1000)))
            got = outcome(peer.rest())
            assert got == (heard, close or 1000), "expected %.300r, got %.300r" % ((heard, close), got)
    return run


def text_script(*parts, good=True):
    """One text in fragments."""
    data = b"".join(frame(TEXT if i == 0 else 0, part, i == len(parts) - 1) for i, part in enumerate(parts))
    return script(data, [(TEXT, b"".join(parts))], OPEN) if good else script(data, [], 1007)


def is_text(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def whole(data):
    return text_script(data, good=is_text(data))


def fail_fast(*writes):
    """Nothing follows the last byte, which is bad: waiting for the message's end would be for ever."""
    def run(way):
        with way.peer() as peer:
            peer.send(writes[0])
            for part in writes[1:]:
                peer.send(part)
            assert outcome(peer.rest()) == ([], 1007)
    return run


# --- 1 to 5: frames -------------------------------------------------------------------------------


def lengths():
    for sub, opcode in (("1.1", TEXT), ("1.2", BINARY)):
        rows = [(n, None) for n in (0, 125, 126, 127, 128, 65535, 65536)] + [(65536, 997)]
        family(sub, [script(frame(opcode, b"*" * n), [(opcode, b"*" * n)], OPEN, chop) for n, chop in rows])


def pings():
    binary = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
    ten = [b"payload-%d" % i for i in range(10)]
    tens = b"".join(frame(PING, p) for p in ten)
    family("2", [
        script(frame(PING), [(PONG, b"")]), script(frame(PING, b"Hello"), [(PONG, b"Hello")]),
        script(frame(PING, binary), [(PONG, binary)]),
        script(frame(PING, b"\xfe" * 125), [(PONG, b"\xfe" * 125)]),
        script(frame(PING, b"\xfe" * 126), [], 1002),
        script(frame(PING, b"\xfe" * 125), [(PONG, b"\xfe" * 125)], OPEN, 1),
        script(frame(PONG), []), script(frame(PONG, b"unasked"), []),
        script(frame(PONG, b"unasked") + frame(PING, b"asked"), [(PONG, b"asked")]),
        script(tens, [(PONG, p) for p in ten]), script(tens, [(PONG, p) for p in ten], OPEN, 1)])


def reserved():
    ping = frame(PING)
    family("3", [
        script(frame(TEXT, b"x", rsv=1), [], 1002),
        script(GOOD + frame(TEXT, b"x", rsv=2) + ping, HEARD, 1002),
        script([GOOD, frame(TEXT, b"x", rsv=3), ping], HEARD, 1002),
        script(GOOD + frame(TEXT, b"x", rsv=4) + ping, HEARD, 1002, 1),
        script(frame(BINARY, b"\x00\xff", rsv=5), [], 1002), script(frame(PING, b"x", rsv=6), [], 1002),
        script(frame(CLOSE, code(1000), rsv=7), [], 1002)])
    for sub, first in (("4.1", 3), ("4.2", 11)):
        family(sub, [
            script(frame(first), [], 1002), script(frame(first + 1, b"payload"), [], 1002),
            script(GOOD + frame(first + 2) + ping, HEARD, 1002),
            script([GOOD, frame(first + 3, b"payload"), ping], HEARD, 1002),
            script(GOOD + frame(first + 4, b"payload") + ping, HEARD, 1002, 1)])


def in_pieces():
    def join(*rows):
        return [frame(op, payload, bool(fin)) for op, payload, fin in rows]
    two = join((TEXT, b"frag1", 0), (0, b"frag2", 1))
    heard = [(TEXT, b"frag1frag2")]
    around = join((TEXT, b"frag1", 0), (PING, b"ping", 1), (0, b"frag2", 1))
    pong = [(PONG, b"ping")]
    five = join((TEXT, b"frag1", 0), (0, b"frag2", 0), (PING, b"one", 1), (0, b"frag3", 0), (0, b"frag4", 0),
                (PING, b"two", 1), (0, b"frag5", 1))
    all_five = [(PONG, b"one"), (PONG, b"two"), (TEXT, b"frag1frag2frag3frag4frag5")]
    def ways(frames, *more):
        return [script(b"".join(frames), *more), script(frames, *more), script(b"".join(frames), *more, 1)]
    family("5", [
        script(join((PING, b"a", 0), (0, b"b", 1)), [], 1002),
        script(join((PONG, b"a", 0), (0, b"b", 1)), [], 1002),
        *ways(two, heard, OPEN), *ways(around, pong + heard, OPEN),
        *ways(join((0, b"lone", 1), (TEXT, b"text", 1)), [], 1002),
        *ways(join((0, b"lone", 0), (TEXT, b"text", 1)), [], 1002),
        script(join((TEXT, b"frag1", 0), (0, b"frag2", 1), (0, b"lone", 0), (TEXT, b"text", 1)), heard, 1002),
        # In one write: to one after the end a load balancer answers with RST, and that takes the
        # close frame along.
        script(b"".join(join(*[(0, b"lone", 0), (TEXT, b"a", 0), (0, b"b", 1)] * 2)), [], 1002),
        script(b"".join(join(*[(0, b"lone", 1), (TEXT, b"a", 0), (0, b"b", 1)] * 2)), [], 1002),
        script(join((TEXT, b"a", 0), (TEXT, b"b", 1)), [], 1002),
        paused(five[:3], five[3:], all_five), script(five, all_five)])


def paused(before, after, heard):
    """The second part only after the answer to the first has come, however long that takes."""
    def run(way):
        with way.peer() as peer:
            peer.send(b"".join(before))
            got = [peer.message()]
            peer.send(b"".join(after) + frame(CLOSE, code(1000)))
            assert (got + peer.rest()) == heard + [(CLOSE, code(1000))]
    return run


# --- 6: UTF-8 -------------------------------------------------------------------------------------

BAD = b"\xf4\x90\x80\x80"


def texts():
    long = KOSME + BAD + b"edited"
    family("6.1", [whole(b""), text_script(b"", b"", b""), text_script(b"", b"middle", b"")])
    salad = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!".encode()
    octets = [bytes([b]) for b in salad]
    family("6.2", [whole(salad), text_script(salad[:12], salad[12:]), text_script(*octets),
                   text_script(*[bytes([b]) for b in KOSME])])
    surrogate = KOSME + b"\xed\xa0\x80edited"
    family("6.3", [whole(surrogate), text_script(*[bytes([b]) for b in surrogate], good=False)])
    unfinished = frame(TEXT, long, length=len(long))
    at = len(unfinished) - len(b"edited")
    family("6.4", [
        fail_fast(frame(TEXT, KOSME, fin=False), frame(0, BAD, fin=False)),
        fail_fast(frame(TEXT, KOSME + BAD[:1], fin=False), frame(0, BAD[1:2], fin=False)),
        fail_fast(unfinished[:at - 4], unfinished[at - 4:at]),
        fail_fast(unfinished[:at - 3], unfinished[at - 3:at - 2])])
    family("6.5", [whole(("hello%sworld" % c).encode()) for c in "$\u00a2\u20ac\U00024b62"] + [whole(KOSME)])
    family("6.6", [whole(KOSME[:n]) for n in range(1, 12)])
    byte_sequences()
    planes = [chr(plane << 16 | low).encode() for plane in range(17) for low in (0xFFFE, 0xFFFF)]
    family("6.22", [whole(c) for c in planes])
    family("6.23", [whole(chr(c).encode()) for c in range(0xFFF9, 0x10000)])


def spaced(first, last):
    return b"".join(bytes([b, 0x20]) for b in range(first, last + 1))


# Sub-families that are lists of byte sequences: the classic stress test for UTF-8 decoders.
SEQUENCES = {
    7: "00 c280 e0a080 f0908080", 8: "f888808080 fc8480808080", 9: "7f dfbf efbfbf f48fbfbf",
    10: "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf", 11: "ed9fbf ee8080 efbfbd f48fbfbf f4908080",
    12: "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf " + bytes(range(0x80, 0xC0)).hex(),
    13: " ".join(spaced(*r).hex() for r in ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))),
    14: "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf",
    15: "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf", 16: "fe ff fefeffff",
    17: "c0af e080af f08080af f8808080af fc80808080af", 18: "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf",
    19: "c080 e08080 f0808080 f880808080 fc8080808080",
    20: "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf",
    21: "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf",
}


def byte_sequences():
    for sub, sequences in SEQUENCES.items():
        family("6.%d" % sub, [whole(bytes.fromhex(s)) for s in sequences.split()])


# --- 7: closing -----------------------------------------------------------------------------------

VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
INVALID_CODES = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)


def closing():
    end = frame(CLOSE, code(1000))
    large = b"*" * (256 * KIB)
    family("7.1", [
        script(GOOD + end, HEARD, 1000), script(end + end, [], 1000), script(end + frame(PING), [], 1000),
        script(end + GOOD, [], 1000),
        script(frame(TEXT, b"frag1", fin=False) + end + frame(0, b"frag2"), [], 1000),
        script(frame(TEXT, large) + GOOD + end + frame(PING), [(TEXT, large)] + HEARD, 1000)])
    family("7.3", [
        script(frame(CLOSE), [], 1005), script(frame(CLOSE, b"a"), [], 1002), script(end, [], 1000),
        script(frame(CLOSE, code(1000, b"Hello World!")), [], 1000),
        script(frame(CLOSE, code(1000, b"*" * 123)), [], 1000),
        script(frame(CLOSE, code(1000, b"*" * 124)), [], 1002)])
    family("7.5", [script(frame(CLOSE, code(1000, KOSME + b"\xed\xa0\x80edited")), [], 1007)])
    family("7.7", [script(frame(CLOSE, code(c)), [], c) for c in VALID_CODES])
    family("7.9", [script(frame(CLOSE, code(c)), [], 1002) for c in INVALID_CODES])
    family("7.13", [script(frame(CLOSE, code(c)), [], 1002) for c in (5000, 65535)])


# --- 9 and 10: sizes ------------------------------------------------------------------------------


def echo(opcode, size, piece=None, chop=None):
    """One message that must come back, sent in fragments of `piece` and writes of `chop` bytes."""
    def run(way):
        n = min(size, way.largest)
        message = b"*" * n if opcode == TEXT else bytes(range(256)) * (n // 256)
        with way.peer() as peer:
            peer.send(fragments(opcode, message, piece or n), chop)
            got = peer.message()
            assert got[0] == opcode and got[1] == message, (got[0], len(got[1]))
            leave(peer)
    return run


def leave(peer):
    peer.send(frame(CLOSE, code(1000)))
    assert peer.rest() == [(CLOSE, code(1000))]


def rounds(opcode, size):
    """A thousand messages, each sent when the one before has come back."""
    def run(way):
        message = (b"*" if opcode == TEXT else b"\xfe") * size
        with way.peer() as peer:
            for _ in range(way.rounds):
                peer.send(frame(opcode, message))
                assert peer.message() == (opcode, message)
            leave(peer)
    return run


def sizes():
    for opcode, shift in ((TEXT, 0), (BINARY, 1)):
        family("9.%d" % (1 + shift), [echo(opcode, n) for n in (64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB)])
        family("9.%d" % (3 + shift), [echo(opcode, 4 * MIB, 64 << 2 * i) for i in range(9)])
        family("9.%d" % (5 + shift), [echo(opcode, MIB, None, 64 << i) for i in range(6)])
        family("9.%d" % (7 + shift), [rounds(opcode, n) for n in (0, 16, 64, 256, 1024, 4096)])
    case("10.1.1", echo(TEXT, 64 * KIB, 1300))


# --- 12 and 13: permessage-deflate ----------------------------------------------------------------


class Deflate:
    """RFC 7692 for one connection, as its answer says and as the offer allows."""

    def __init__(self, offer, answer):
        asked, given = parameters(offer), parameters(answer or "")
        assert answer, "not negotiated: " + offer
        assert given.keys() <= {"server_no_context_takeover", "client_no_context_takeover",
                                "server_max_window_bits", "client_max_window_bits"}, answer
        assert "server_no_context_takeover" in given or "server_no_context_takeover" not in asked, answer
        if "server_max_window_bits" in asked:  # RFC 7692 section 7.1.2.1
            assert int(given["server_max_window_bits"]) <= int(asked["server_max_window_bits"]), answer
        assert "client_max_window_bits" in asked or "client_max_window_bits" not in given, answer
        self.server_bits = int(given.get("server_max_window_bits", 15))
        self.client_bits = int(given.get("client_max_window_bits", 15))
        self.server_fresh = "server_no_context_takeover" in given
        self.client_fresh = "client_no_context_takeover" in given
        self.packer = self.unpacker = None

    def pack(self, data):
        if self.client_fresh or not self.packer:
            self.packer = zlib.compressobj(1, zlib.DEFLATED, -self.client_bits)
        return (self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def unpack(self, data):
        """Fails when the server's window is larger than agreed."""
        if self.server_fresh or not self.unpacker:
            self.unpacker = zlib.decompressobj(-self.server_bits)
        return self.unpacker.decompress(data + TAIL)


def parameters(text):
    """{name: value} of the one extension of an offer or answer."""
    name, *rest = [part.strip() for part in text.split(";")]
    assert name in ("permessage-deflate", ""), text
    found = {}
    for part in rest:
        key, _, value = part.partition("=")
        assert key not in found, text
        found[key] = value.strip('"')
    return found


def body(kind):
    """(opcode, bytes) to cut messages from: more or less compressible, one to three bytes a letter."""
    rng = random.Random(kind)
    if kind == 4:
        return BINARY, rng.randbytes(192 * KIB)
    letters = {1: "abcdefghijklmnop", 2: "abcdefg\u00e9\u00f8\u00df", 3: "<>/=\"abcdef", 5: "\u03b1\u03c9\u65e5\u672c\uac00 "}
    words = ["".join(rng.choice(letters[kind]) for _ in range(rng.randint(1, 9))) for _ in range(300)]
    forms = {1: '{"%s": "%s"}, ', 2: "%s %s ", 3: "<p class=\"%s\">%s</p>\n", 5: "%s\u3001%s"}
    text = ""
    while len(text) < 192 * KIB:
        text += forms[kind] % (rng.choice(words), rng.choice(words))
    return TEXT, text.encode()


bodies = {}


def part_of(kind, n, rng):
    """A message of n bytes; a text is whole characters."""
    if kind not in bodies:
        bodies[kind] = body(kind)
    opcode, data = bodies[kind]
    at = rng.randrange(len(data) - n)
    piece = data[at:at + n]
    if opcode == TEXT:
        piece = piece.decode(errors="ignore").encode().ljust(n, b".")
    return opcode, piece


# (message size, fragment size or 0)
SHAPES = [(16, 0), (64, 0), (256, 0), (KIB, 0), (4 * KIB, 0), (8 * KIB, 0), (16 * KIB, 0), (32 * KIB, 0),
          (64 * KIB, 0), (128 * KIB, 0), (8 * KIB, 256), (16 * KIB, 256), (32 * KIB, 256), (64 * KIB, 256),
          (128 * KIB, 256), (128 * KIB, KIB), (128 * KIB, 4 * KIB), (128 * KIB, 32 * KIB)]


def packed(offers, kind, size, piece):
    """Messages there and back; the first of the offers that the server takes counts."""
    def run(way):
        rng = random.Random(size + piece)
        with way.peer(extensions=[", ".join(offers)]) as peer:
            deflate = Deflate(offers[0], peer.extension)
            for _ in range(way.packed):
                opcode, message = part_of(kind, size, rng)
                data = deflate.pack(message)
                peer.send(fragments(opcode, data, piece or len(data), rsv=4))
                got, back, compressed = peer.read(deflate.unpack)
                assert got == opcode and back == message, (got, len(back))
                # Only what did not get smaller comes as it is.
                assert compressed or kind == 4 or size < 256
            leave(peer)
    return run


def offer(fresh, bits):
    text = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
    return text + "; server_no_context_takeover" * fresh + ("; server_max_window_bits=%d" % bits if bits else "")


# What 13.1 to 13.7 ask of the server: (no context takeover, window bits or 0), in order of preference.
ASKED = [[(False, 0)], [(True, 0)], [(False, 9)], [(False, 15)], [(True, 9)], [(True, 15)],
         [(True, 9), (True, 0), (False, 0)]]


def compression():
    for kind in range(1, 6):
        family("12.%d" % kind, [packed([offer(False, 0)], kind, *shape) for shape in SHAPES])
    for number, asked in enumerate(ASKED, 1):
        offers = [offer(*a) for a in asked]
        family("13.%d" % number, [packed(offers, 1, *shape) for shape in SHAPES])


for build in lengths, pings, reserved, in_pieces, texts, closing, sizes, compression:
    build()


def of_family(name):
    return [(number, run) for number, run in cases if number.split(".")[0] == name]


def table():
    counts = collections.Counter(number.rsplit(".", 1)[0] for number, _ in cases)
    lines = ["%-8s %5s  %s" % ("family", "cases", "sub-families")]
    for name in TITLES:
        subs = ["%s (%d)" % (sub, n) for sub, n in counts.items() if sub.split(".")[0] == name]
        lines.append("%-8s %5d  %s: %s" % (name, len(of_family(name)), TITLES[name], " ".join(subs)))
    return "\n".join(lines + ["%-8s %5d" % ("all", len(cases))])


if __name__ == "__main__":
    print(table())
