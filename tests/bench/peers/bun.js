// Bun's own WebSocket server and its publish/subscribe, one process. Usage: bun bun.js PORT. Speaks
// join, room_message and direct_message as Splitrail does; has no cluster, presence, history, limits or
// recovery.
const server = Bun.serve({
  port: Number(process.argv[2]),
  hostname: '127.0.0.1',
  fetch(request, server) {
    const user = 'user_' + new URL(request.url).searchParams.get('token');
    return server.upgrade(request, { data: { user } }) ? undefined : new Response('', { status: 400 });
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      socket.subscribe('user:' + socket.data.user);
      socket.send(JSON.stringify({ type: 'welcome', userId: socket.data.user }));
    },
    message(socket, text) {
      const message = JSON.parse(text);
      const timestamp = Date.now();
      if (message.type === 'join') {
        socket.subscribe('room:' + message.room);
        socket.send(JSON.stringify({ type: 'ok', id: message.id }));
      } else if (message.type === 'room_message') {
        server.publish('room:' + message.room, JSON.stringify({
          type: 'room_message', room: message.room, fromUserId: socket.data.user,
          payload: message.payload, timestamp }));
      } else if (message.type === 'direct_message') {
        server.publish('user:' + message.targetUserId, JSON.stringify({
          type: 'direct_message', fromUserId: socket.data.user, payload: message.payload, timestamp }));
      }
    },
  },
});
