import struct

import websocket

from contract import CA, URL, Talk

talk = Talk()
socket = websocket.create_connection(URL, sslopt={"ca_certs": CA} if CA else None)
code = None
while code is None:
    opcode, data = socket.recv_data()
    if opcode == websocket.ABNF.OPCODE_CLOSE:
        code = struct.unpack(">H", data[:2])[0]
        break
    answer = talk.next(data.decode())
    if answer is talk.DONE:
        # Its close() reads the answer and keeps the code to itself.
        socket.send(struct.pack(">H", 1000), websocket.ABNF.OPCODE_CLOSE)
    elif answer:
        socket.send(answer)
socket.shutdown()
talk.closed(code)
