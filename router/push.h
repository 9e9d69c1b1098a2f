/* Everything a server says to a client, before a front-end has written it. */
#ifndef ROUTER_PUSH_H
#define ROUTER_PUSH_H

#include "common/bytes.h"
#include "router/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum push_kind {
    PUSH_WELCOME,
    PUSH_ROUTING_TOKEN,
    PUSH_OK, /* reply to a command with an id; `command` says which fields count */
    PUSH_PONG,
    PUSH_ERROR,
    PUSH_ROOM_MESSAGE,
    PUSH_DIRECT_MESSAGE,
    PUSH_USER_JOINED,
    PUSH_USER_LEFT,
    PUSH_PRESENCE,
    PUSH_GAP,
    PUSH_EPOCH,
    PUSH_KICKED
};

/* A stored or passing message. `server_id` is empty for direct messages. */
struct push_message {
    uint64_t offset; /* 0 = ephemeral: not written */
    uint64_t timestamp_ms;
    struct bytes user; /* sender; empty for a publication by the server without a user */
    struct bytes server_id;
    struct bytes payload;
};

struct push_member {
    struct bytes user;
    uint32_t connections;
    struct bytes info; /* JSON of its token, empty = not written */
};

/* Answer about one user. */
struct push_user {
    struct bytes user;
    bool online;
    uint32_t connections;
    uint64_t since_ms; /* online: since when; else last seen, 0 = never known */
};

struct push_welcome {
    struct bytes edge_id; /* connectionId is EDGE.SLOT(hex).GEN(hex) */
    uint32_t slot;
    uint32_t gen;
    struct bytes user;
    uint64_t heartbeat_interval_ms;
    uint64_t heartbeat_timeout_ms;
    uint64_t message_bytes;
    uint64_t messages_per_second;
    uint64_t bytes_per_second;
    uint64_t rooms;
    uint64_t inbox_epoch;
    uint64_t inbox_offset;
    uint64_t expires_at_ms; /* 0 = not written */
};

/* One flat struct: which fields count follows from kind (and command). Views are borrowed from the
 * core until its next step. */
struct push {
    enum push_kind kind;
    enum command_kind command; /* OK */
    struct bytes id;           /* OK, PONG, ERROR: raw id, empty = none */
    struct bytes room;
    struct bytes user;           /* USER_JOINED, USER_LEFT, PRESENCE */
    struct bytes server_id;      /* USER_JOINED */
    struct bytes info;           /* USER_JOINED: JSON, empty = not written */
    struct push_message message; /* ROOM_MESSAGE, DIRECT_MESSAGE */
    const struct push_welcome *welcome;
    struct bytes token; /* ROUTING_TOKEN */
    /* OK */
    uint64_t epoch;  /* also EPOCH */
    uint64_t offset; /* also EPOCH */
    uint64_t first_offset;
    bool recovered;
    bool duplicate;
    uint32_t delivered;
    uint64_t expires_at_ms;
    const struct push_member *members; /* NULL = not written */
    size_t member_count;
    uint32_t total;
    uint64_t as_of_ms;
    bool synced;
    const struct push_user *users;
    size_t user_count;
    const struct push_message *messages; /* history */
    size_t message_count;
    /* ERROR */
    enum client_error error;
    struct bytes
        text; /* empty = the code's own text; KICKED: reason; USER_LEFT: "leave" or "disconnect" */
    uint64_t retry_after_ms; /* 0 = not written */
    /* GAP */
    uint64_t from;
    uint64_t to;
    /* PRESENCE push */
    bool online;
    uint64_t timestamp_ms;
};

#endif
