// Chats in a room with the WebSocket that Node brings along (undici), which knows no library of ours:
// node --experimental-websocket room_chat.mjs URL ROOM. Says hello, answers the next of another user, ends.
const [url, room] = process.argv.slice(2);
const socket = new WebSocket(`${url}?token=node`);
const say = (message) => socket.send(JSON.stringify(message));

socket.onerror = (event) => {
  console.error('failed:', event.message ?? event.error);
  process.exit(1);
};
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.type === 'welcome') {
    say({ type: 'join', room, id: 1 });
  } else if (message.type === 'ok' && message.id === 1) {
    say({ type: 'room_message', room, payload: 'hello from node' });
  } else if (message.type === 'room_message' && message.payload === 'hello to node') {
    say({ type: 'room_message', room, payload: `heard: ${message.payload}`, id: 2 });
  } else if (message.type === 'ok' && message.id === 2) {
    socket.close(1000);
  } else if (message.type === 'error') {
    console.error(data);
    process.exit(1);
  }
};
socket.onclose = ({ code }) => process.exit(code === 1000 ? 0 : 1);
setTimeout(() => process.exit(2), 20000).unref();
