/* The JSON front-end: client messages to commands, pushes to JSON text. Pure. Payloads pass byte
 * for byte in both directions. */
#ifndef ROUTER_JSON_H
#define ROUTER_JSON_H

#include "common/buf.h"
#include "router/command.h"
#include "router/push.h"

/* Reads one client message. Always gives a command: what cannot be read is COMMAND_BAD with the
 * error (and the id, when it could be read). `scratch` is cleared and holds decoded names; it may
 * grow to text.len (a smaller maximum makes a message with escaped names BAD with
 * CLIENT_ERROR_INTERNAL). Views in the command are valid until `text` or `scratch` changes. A user
 * named twice in `users` is listed once. */
void json_read_command(struct bytes text, struct buf *scratch, struct command *ret_command);

/* Appends the JSON of a push. */
void json_write_push(const struct push *push, struct buf *out);

/* Appends a JSON string with quotes and escapes. Bytes are valid UTF-8 (names are checked). */
void json_write_string(struct bytes text, struct buf *out);

#endif
