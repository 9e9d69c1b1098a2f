// The original design: several Node processes with the npm package ws, which pass messages on through
// Redis. Usage: node ws_redis.js PORT REDIS_PORT. Speaks join, room_message and direct_message as
// Splitrail does; has no presence, history, limits or recovery.
'use strict';

const http = require('http');
const Redis = require('ioredis');
const { WebSocketServer } = require('ws');

const [port, redisPort] = process.argv.slice(2).map(Number);
const publisher = new Redis(redisPort, '127.0.0.1');
const subscriber = new Redis(redisPort, '127.0.0.1');
const channels = new Map(); // name → { sockets here that hear it, subscribed: when Redis has said so }

function hear(name, socket) {
  let channel = channels.get(name);
  if (channel === undefined) {
    channel = { sockets: new Set(), subscribed: subscriber.subscribe(name) };
    channels.set(name, channel);
  }
  channel.sockets.add(socket);
  socket.channels.push(name);
  return channel.subscribed;
}

function leave(socket) {
  for (const name of socket.channels) {
    const { sockets } = channels.get(name);
    sockets.delete(socket);
    if (sockets.size === 0) {
      channels.delete(name);
      subscriber.unsubscribe(name);
    }
  }
}

subscriber.on('message', (name, text) => {
  const channel = channels.get(name);
  for (const socket of channel === undefined ? [] : channel.sockets) {
    socket.send(text);
  }
});

async function act(socket, message) {
  const timestamp = Date.now();
  if (message.type === 'join') {
    await hear('room:' + message.room, socket);
    socket.send(JSON.stringify({ type: 'ok', id: message.id }));
  } else if (message.type === 'room_message') {
    publisher.publish('room:' + message.room, JSON.stringify({
      type: 'room_message', room: message.room, fromUserId: socket.user, payload: message.payload, timestamp }));
  } else if (message.type === 'direct_message') {
    publisher.publish('user:' + message.targetUserId, JSON.stringify({
      type: 'direct_message', fromUserId: socket.user, payload: message.payload, timestamp }));
  }
}

const server = http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on('connection', async (socket, request) => {
  socket.user = 'user_' + new URL(request.url, 'http://localhost').searchParams.get('token');
  socket.channels = [];
  socket.on('message', (data) => act(socket, JSON.parse(data)));
  socket.on('close', () => leave(socket));
  await hear('user:' + socket.user, socket);
  socket.send(JSON.stringify({ type: 'welcome', userId: socket.user }));
});

server.listen({ port, host: '127.0.0.1', backlog: 4096 });
