/* What the payload of data frames becomes: messages, collected, inflated, checked and limited. Part
 * of ws_session, for ws_session.c only. Pure. */
#ifndef EDGE_WS_MESSAGE_H
#define EDGE_WS_MESSAGE_H

#include "edge/ws_session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes masked payload of the current data frame, unmasking it in place; `frame_left` is already
 * what comes after it. False, with the reason, when that ends the connection (RFC 6455
 * sections 7.4.1 and 8.1, RFC 7692 section 7). */
bool ws_message_take(struct ws_session *session, const struct ws_limits *limits, uint8_t *data,
                     size_t len, enum ws_reason *ret_reason);

/* The last frame of the message is whole; `part` is what ws_message_take() got last, unmasked: all
 * of the message when nothing had to be collected. Answers with a MESSAGE event, or false and the
 * reason as above. */
bool ws_message_end(struct ws_session *session, const struct ws_limits *limits, struct bytes part,
                    struct ws_event *ret_event, enum ws_reason *ret_reason);

/* Frees what was collected. */
void ws_message_forget(struct ws_session *session);

/* The same for a message that will not be completed: its inflater goes, too. */
void ws_message_drop(struct ws_session *session);

#endif
