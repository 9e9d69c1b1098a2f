/* The session side: what happens to connections and what their clients ask. Speaks to the room side
 * through messages only. */
#ifndef ROUTER_SESSION_H
#define ROUTER_SESSION_H

#include "router/conn.h"
#include "router/messages.h"
#include "router/room.h"

/* One handler per event kind; they read the fields that core.h names for it. */
void session_conn_open(struct router_core *core, const struct core_event *event);
void session_conn_closed(struct router_core *core, const struct core_event *event);
void session_command(struct router_core *core, const struct core_event *event);
/* Asks the room what the connection is to be told. */
void session_lagging(struct router_core *core, const struct core_event *event);
void session_kick(struct router_core *core, const struct core_event *event);
void session_ban(struct router_core *core, const struct core_event *event);
void session_unban(struct router_core *core, const struct core_event *event);
void session_read(struct router_core *core, const struct core_event *event);
void session_send(struct router_core *core, const struct core_event *event);
void session_publish(struct router_core *core, const struct core_event *event);

/* Handles one message from the room side. */
void session_message(struct router_core *core, const struct message *message);

/* The connection is gone but its user may come back: in grace until `due_ms`. */
void session_lose(struct router_core *core, struct conn *conn, uint64_t due_ms);

/* The connection is gone for good: leaves its rooms, the user may be offline. While edges still
 * announce, nobody may be told yet: then it is only lost. */
void session_end(struct router_core *core, struct conn *conn);

/* Ends the connections whose grace is over. */
void session_expire(struct router_core *core);

/* Closes the connections whose token has ended. */
void session_end_tokens(struct router_core *core);

/* Bans that have ended. */
void session_end_bans(struct router_core *core);

/* True when who wants to come (event CONN_OPEN) is banned: it was told so. */
bool session_refuses_banned(struct router_core *core, const struct core_event *event);
/* True when the connection was closed because its user or address is banned. */
bool session_puts_out_banned(struct router_core *core, struct conn *conn);

/* Off the server, by an operator. 1 when it was attached, else 0. */
uint32_t session_throw_out(struct router_core *core, struct conn *conn, struct bytes reason);

/* The connection has shown a newer token. */
void session_renew(struct router_core *core, struct conn *conn,
                   const struct command_renewed *renewed);

/* Out of one room, with a push that says so; `reason` is copied. */
void session_put_out(struct router_core *core, struct conn *conn, const struct room *room,
                     struct bytes reason);

/* After a connection of `user` was added: online now? `was_online` tells how it was before. */
void session_came_online(struct router_core *core, struct user *user, bool was_online,
                         uint64_t since_ms, bool silent);

/* A command (event COMMAND) of a connection after its number and rate were looked at. */
void session_run(struct router_core *core, const struct core_event *event);

/* The inbox of a waiting connection is there: it enters; `aloud` with acceptance and welcome. */
void session_admit(struct router_core *core, struct conn *conn, bool aloud);
/* It is not to be had: the connection is closed. */
void session_turn_away(struct router_core *core, struct conn *conn);
/* Answers the command of the event. */
void session_unavailable(struct router_core *core, struct conn *conn,
                         const struct core_event *event);

/* Answers of the session side itself. */
void session_ok(struct router_core *core, const struct conn *conn, struct bytes id,
                struct push *ok);
void session_error(struct router_core *core, const struct conn *conn, struct bytes id,
                   enum client_error error, struct bytes text, uint64_t retry_after_ms);

/* A direct message to a user whose inbox is ready: number, ring, delivery; one SESSION_PUBLISHED
 * answers. */
void session_direct(struct router_core *core, struct user *target, const struct message *message);

/* Counts what an answer to `history`, or a message that a `join` missed, gives out of the past. */
void session_recovered(struct router_core *core, struct conn *conn, const struct push *push);

#endif
