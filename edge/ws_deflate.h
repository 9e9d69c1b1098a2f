/* Compression of messages for permessage-deflate (RFC 7692 section 7.2).
 *
 * Without context takeover each message stands alone, so the zlib streams belong to the edge and
 * not to connections: an inflater is lent for the time in which one message arrives, a deflater for
 * one call. With it a connection keeps streams of its own. What lent inflaters and kept streams may
 * take in all is counted here by fixed prices, which are upper bounds; the limit is the caller's.
 * Pure. */
#ifndef EDGE_WS_DEFLATE_H
#define EDGE_WS_DEFLATE_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_inflaters; /* the pool */
struct ws_inflater;  /* one message in progress, or the context of one connection */

/* Never NULL. */
struct ws_inflaters *ws_inflaters_new(void);
/* All inflaters must have been given back. */
void ws_inflaters_free(struct ws_inflaters **inflaters);

/* An inflater at the start of a message, from the pool or new. Never NULL. `owner` is what
 * ws_inflaters_oldest tells. */
struct ws_inflater *ws_inflater_take(struct ws_inflaters *inflaters, void *owner);
/* The same for a whole connection, whose messages may refer 2 to `window_bits` (8 to 15) bytes back
 * into those before. It is not lent: who keeps it has reserved its price. */
struct ws_inflater *ws_inflater_keep(struct ws_inflaters *inflaters, unsigned window_bits);
/* Back to the pool, which keeps a few. Accepts NULL. */
void ws_inflater_give(struct ws_inflater **inflater);

/* A message is complete and the next one will go on with its context. */
void ws_inflater_next_message(struct ws_inflater *inflater);

/* Bytes that one inflater holds. */
size_t ws_inflater_held(const struct ws_inflater *inflater);

/* At most this is held with that window. */
size_t ws_inflater_price(unsigned window_bits);

/* Prices of those lent. */
uint64_t ws_inflaters_lent_bytes(const struct ws_inflaters *inflaters);

/* The owner of the inflater that was lent longest ago; NULL when none is. */
void *ws_inflaters_oldest(const struct ws_inflaters *inflaters);

/* Payload bytes fed so far in this message. */
uint64_t ws_inflater_fed(const struct ws_inflater *inflater);

/* The next payload bytes of the message; they must stay until ws_inflater_read has given an empty
 * chunk, which it must have done for the input before. */
void ws_inflater_feed(struct ws_inflater *inflater, struct bytes payload);

/* The end of the message: what the sender left out (RFC 7692 section 7.2.2 step 1) comes next. */
void ws_inflater_feed_end(struct ws_inflater *inflater);

/* Some inflated bytes, at most 16 KiB, valid until the next read from any inflater of the pool;
 * empty when the input is used up. False when the input is not DEFLATE (RFC 1951). */
bool ws_inflater_read(struct ws_inflater *inflater, struct bytes *ret_chunk);

/* After feed_end and the reads: true when the message ended where a DEFLATE block ends. */
bool ws_inflater_complete(const struct ws_inflater *inflater);

struct ws_deflaters; /* one zlib stream per window size in use, made when first needed */

struct ws_deflaters *ws_deflaters_new(void);
void ws_deflaters_free(struct ws_deflaters **deflaters);

/* Compresses one message with an LZ77 window of at most 2 to `window_bits` (8 to 15); the payload
 * to send is valid until the next call. False when it would not be shorter than the message. */
bool ws_deflate(struct ws_deflaters *deflaters, unsigned window_bits, struct bytes message,
                struct bytes *ret_payload);

struct ws_deflater; /* the context of one connection */

/* A deflater whose messages refer to those before; window_bits is 9 to 15. It takes most of its
 * memory at its first message. Never NULL. */
struct ws_deflater *ws_deflater_new(struct ws_deflaters *deflaters, unsigned window_bits);
/* Accepts NULL. */
void ws_deflater_free(struct ws_deflater **deflater);

/* Compresses the next message, which must not be empty. The payload is valid until the next call
 * for any deflater of the same ws_deflaters, and must be sent even when it is longer than the
 * message: what comes later may refer to it. */
struct bytes ws_deflater_next(struct ws_deflater *deflater, struct bytes message);

/* Bytes that one deflater holds, and what that is at most. */
size_t ws_deflater_held(const struct ws_deflater *deflater);
size_t ws_deflater_price(unsigned window_bits);

#endif
