/* The words of the client protocol that every front-end and the core share. */
#include "router/command.h"

#include "common/utf8.h"

#include <assert.h>

struct error_row {
    const char *code;
    const char *text;
};

/* Codes are stable, texts are for people; both stand in the protocol document. */
static const struct error_row error_rows[] = {
    [CLIENT_ERROR_NONE] = {"none", "No error"},
    [CLIENT_ERROR_INVALID_JSON] = {"invalid_json", "Invalid JSON"},
    [CLIENT_ERROR_UNKNOWN_TYPE] = {"unknown_type", "Unknown message type"},
    [CLIENT_ERROR_INVALID_MESSAGE] = {"invalid_message", "Invalid message"},
    [CLIENT_ERROR_INVALID_NAME] = {"invalid_name", "Invalid name"},
    [CLIENT_ERROR_NOT_MEMBER] = {"not_member", "Not a member of this room"},
    [CLIENT_ERROR_FORBIDDEN] = {"forbidden", "Forbidden"},
    [CLIENT_ERROR_TOO_MANY_ROOMS] = {"too_many_rooms", "Too many rooms"},
    [CLIENT_ERROR_ROOM_FULL] = {"room_full", "Room is full"},
    [CLIENT_ERROR_MESSAGE_RATE] = {"message_rate_exceeded", "message_rate_exceeded"},
    [CLIENT_ERROR_BYTE_RATE] = {"byte_rate_exceeded", "byte_rate_exceeded"},
    [CLIENT_ERROR_JOIN_RATE] = {"join_rate_exceeded", "join_rate_exceeded"},
    [CLIENT_ERROR_TOKEN_INVALID] = {"token_invalid", "Invalid token"},
    [CLIENT_ERROR_TOKEN_EXPIRED] = {"token_expired", "Token has expired"},
    [CLIENT_ERROR_UNAVAILABLE] = {"unavailable", "Temporarily unavailable"},
    [CLIENT_ERROR_INTERNAL] = {"internal", "Internal error"},
};

_Static_assert(sizeof(error_rows) / sizeof(error_rows[0]) == CLIENT_ERROR_COUNT,
               "a row for each error");

static const struct error_row *row_of(enum client_error error)
{
    assert(error >= CLIENT_ERROR_NONE && error < CLIENT_ERROR_COUNT && "an error of the table");
    return &error_rows[error];
}

const char *client_error_code(enum client_error error)
{
    return row_of(error)->code;
}

const char *client_error_text(enum client_error error)
{
    return row_of(error)->text;
}

/* U+0000-001F and U+007F are one byte, U+0080-009F are C2 80 to C2 9F. */
static bool is_control(const uint8_t *at, size_t len)
{
    return len == 1 ? at[0] < 0x20 || at[0] == 0x7F : at[0] == 0xC2 && at[1] < 0xA0;
}

bool client_name_valid(struct bytes name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX) {
        return false;
    }
    for (size_t at = 0; at < name.len;) {
        if (name.data[at] >= 0x20 && name.data[at] < 0x7F) {
            at++;
            continue;
        }
        size_t len = utf8_len(name.data + at, name.len - at);
        if (len == 0 || is_control(name.data + at, len)) {
            return false;
        }
        at += len;
    }
    return true;
}
