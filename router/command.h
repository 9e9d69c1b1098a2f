/* A client's command after a front-end has read it: the core never sees an encoding. */
#ifndef ROUTER_COMMAND_H
#define ROUTER_COMMAND_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command_kind {
    COMMAND_JOIN,
    COMMAND_LEAVE,
    COMMAND_ROOM_MESSAGE,
    COMMAND_DIRECT_MESSAGE,
    COMMAND_PRESENCE_ROOM,
    COMMAND_PRESENCE_USERS,
    COMMAND_WATCH,
    COMMAND_UNWATCH,
    COMMAND_HISTORY_ROOM,
    COMMAND_HISTORY_INBOX,
    COMMAND_REFRESH,
    COMMAND_PING,
    COMMAND_BAD /* could not be read: `error` and `detail` say why */
};

/* Error codes of client-protocol.md; texts in client_error_text(). */
enum client_error {
    CLIENT_ERROR_NONE,
    CLIENT_ERROR_INVALID_JSON,
    CLIENT_ERROR_UNKNOWN_TYPE,
    CLIENT_ERROR_INVALID_MESSAGE,
    CLIENT_ERROR_INVALID_NAME,
    CLIENT_ERROR_NOT_MEMBER,
    CLIENT_ERROR_FORBIDDEN,
    CLIENT_ERROR_TOO_MANY_ROOMS,
    CLIENT_ERROR_ROOM_FULL,
    CLIENT_ERROR_MESSAGE_RATE,
    CLIENT_ERROR_BYTE_RATE,
    CLIENT_ERROR_JOIN_RATE,
    CLIENT_ERROR_TOKEN_INVALID,
    CLIENT_ERROR_TOKEN_EXPIRED,
    CLIENT_ERROR_UNAVAILABLE,
    CLIENT_ERROR_INTERNAL,
    CLIENT_ERROR_COUNT
};

enum {
    NAME_BYTES_MAX = 128,    /* rooms and users */
    COMMAND_USERS_MAX = 100, /* presence, watch */
    COMMAND_KEY_MAX = 64,    /* idempotency key */
    COMMAND_ID_MAX = 64,     /* string ids, bytes after unescaping */
    COMMAND_HISTORY_MAX = 1000
};

struct since {
    bool present;
    uint64_t epoch; /* 0 = a text that cannot be one of ours: equals no epoch */
    uint64_t offset;
};

/* REFRESH: what was found about its token. */
struct command_renewed {
    struct bytes user;   /* empty: the token is not good */
    struct bytes rights; /* as rights.h */
    uint64_t expires_at_ms;
    bool expired;
    bool busy; /* it could not be checked now */
};

/* Views point into the message or the front-end's scratch: valid during the step. */
struct command {
    enum command_kind kind;
    struct bytes id; /* as it stood in the message (number, or string with quotes); empty = none */
    struct bytes room;    /* decoded name */
    struct bytes user;    /* targetUserId, decoded */
    struct bytes payload; /* byte for byte */
    struct bytes key;     /* decoded, empty = none */
    struct bytes token;   /* refresh */
    struct command_renewed renewed;
    struct since since;
    uint32_t limit;          /* history; 0 = not given */
    bool want_members;       /* join */
    bool echo;               /* room_message with "echo": true */
    bool no_echo;            /* room_message with "echo": false */
    enum client_error error; /* BAD */
    struct bytes detail;     /* BAD: text for people; empty = the code's own text */
    size_t user_count;
    struct bytes users[COMMAND_USERS_MAX]; /* last: what is past user_count is not initialised */
};

/* True when the answer may hold many messages. */
static inline bool command_recovers(const struct command *command)
{
    return command->kind == COMMAND_HISTORY_ROOM || command->kind == COMMAND_HISTORY_INBOX ||
           (command->kind == COMMAND_JOIN && command->since.present);
}

/* Stable code ("invalid_json") and default text ("Invalid JSON") of an error. */
const char *client_error_code(enum client_error error);
const char *client_error_text(enum client_error error);

/* True for 1 to 128 bytes of valid UTF-8 without control characters (U+0000-001F, U+007F-009F). */
bool client_name_valid(struct bytes name);

#endif
