"""What every program here does, for those in Python: see README.md beside it."""

import json
import ssl
import sys

URL, ROOM, TEXT, TIMES, CA = (sys.argv[1:] + [None])[:5]


def trust():
    """The TLS context, or None for ws://."""
    return ssl.create_default_context(cafile=CA) if CA else None


class Talk:
    """Fed every text that comes; next() answers with what to send, or DONE when all was heard."""

    DONE = object()

    def __init__(self):
        self.payloads = {"small": TEXT, "large": TEXT * int(TIMES)}
        self.waiting = list(self.payloads)
        self.result = dict.fromkeys(self.payloads, False)

    def next(self, text):
        if '"type":"welcome"' in text:
            return '{"type":"join","room":"%s","id":1}' % ROOM
        if '"type":"room_message"' in text:
            name = self.waiting.pop(0)
            self.result[name] = '"payload":"%s"' % self.payloads[name] in text
        elif '"id":1' not in text:
            return None
        if not self.waiting:
            return self.DONE
        return '{"type":"room_message","room":"%s","payload":"%s"}' % (
            ROOM, self.payloads[self.waiting[0]])

    def closed(self, code):
        print(json.dumps(dict(self.result, code=code)))
