/* Compression of messages for permessage-deflate without context takeover (RFC 7692 section 7.2).
 * Each message stands alone, so the zlib streams belong to the edge and not to connections: an
 * inflater is lent for the time in which one message arrives, a deflater for one call. Pure. */
#ifndef EDGE_WS_DEFLATE_H
#define EDGE_WS_DEFLATE_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_inflaters; /* the pool */
struct ws_inflater;  /* one message in progress */

/* Never NULL. */
struct ws_inflaters *ws_inflaters_new(void);
/* All inflaters must have been given back. */
void ws_inflaters_free(struct ws_inflaters **inflaters);

/* An inflater at the start of a message, from the pool or new. Never NULL. */
struct ws_inflater *ws_inflater_take(struct ws_inflaters *inflaters);
/* Back to the pool, which keeps a few. Accepts NULL. */
void ws_inflater_give(struct ws_inflater **inflater);

/* Bytes that one inflater holds. */
size_t ws_inflater_held(const struct ws_inflater *inflater);

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

#endif
