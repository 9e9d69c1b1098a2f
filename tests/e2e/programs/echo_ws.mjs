// An echo server of npm ws, to compare with. Prints its port. Usage: node echo_ws.mjs MAX_MESSAGE
import { WebSocketServer } from 'ws';

const maxPayload = Number(process.argv[2]);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload, perMessageDeflate: true });
server.on('listening', () => console.log(server.address().port));
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => {});
});
