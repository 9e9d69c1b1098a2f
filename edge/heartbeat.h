/* All deadlines of connections, in one wheel with one entry per slot: handshake timeout, ping, pong
 * timeout, soft output grace, planned close, idle, linger. An idle connection costs its ping and
 * nothing else: received bytes only touch last_seen, and the entry is looked at when it fires. */
#ifndef EDGE_HEARTBEAT_H
#define EDGE_HEARTBEAT_H

#include "common/bytes.h"

#include <stdint.h>

struct conn;
struct edge;

enum { HEARTBEAT_TICK_MS = 10, HEARTBEAT_SLOTS = 4096 };

/* A connection became OPEN: the first ping comes at a random point of the interval, so that the
 * pings of many are spread. */
void heartbeat_start(struct conn *conn);

/* Sets the wheel to the earliest deadline of the connection. */
void heartbeat_arm(struct conn *conn);

/* A pong: if it answers the last ping, its latency is observed. */
void heartbeat_pong(struct conn *conn, struct bytes payload);

/* Time since the last ping; wraps after an hour. */
uint64_t heartbeat_ping_age_ms(const struct conn *conn);

/* Acts on all that is due. */
void heartbeat_run(struct edge *edge);

/* The process could not read for a while (congestion, stopped, starved): nobody is closed for
 * silence until a whole --heartbeat-timeout has passed from now. */
void heartbeat_forgive(struct edge *edge);

#endif
