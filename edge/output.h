/* Output of all connections of one edge: queues of shared, ready-made bytes, written once per loop
 * turn. `struct out_batch` is the seam behind which another way of writing (io_uring) can stand:
 * nobody else calls send(2) on a client's socket.
 *
 * A delivery is framed once (out_frame) and shared by reference among its recipients. A connection
 * for which nothing waits has one empty pointer for all of this.
 * Control frames overtake waiting data, but never a blob of which a byte was already written. */
#ifndef EDGE_OUTPUT_H
#define EDGE_OUTPUT_H

#include "common/blob.h"
#include "common/bytes.h"
#include "edge/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out_batch;
struct out_waiting;

enum out_result {
    OUT_DONE,    /* nothing waits any more */
    OUT_BLOCKED, /* the socket takes no more now: out_batch_mark() when it does */
    OUT_FAILED   /* the socket is broken, errno says why: forget the queue */
};

/* Embedded in the connection; fields are private to output.c. */
struct out_queue {
    struct out_waiting *waiting; /* NULL while nothing waits and it is on no list */
    struct transport transport;  /* its fd is -1 after out_batch_forget() */
};

struct out_callbacks {
    /* The outcome of writing `queue`, called from out_batch_flush() only. It may put to, drop or
     * forget any queue, but must not free one. */
    void (*on_written)(void *owner, struct out_queue *queue, enum out_result result);
    /* After each OUT_BREATH queues of one flush; NULL: nobody cares. Must not touch any queue. */
    void (*on_breath)(void *owner);
};

enum {
    OUT_BREATH = 256,
    OUT_URGENT_MAX = 1024, /* waiting control frames, bytes */
    OUT_BLOB_COST = 32     /* what one waiting blob costs besides its bytes */
};

struct out_batch *out_batch_new(const struct out_callbacks *callbacks, void *owner);
/* All queues must have been forgotten. */
void out_batch_free(struct out_batch **batch);

/* Where blobs for its queues come from, best. */
struct spares *out_batch_spares(struct out_batch *batch);

/* One blob with the frames of all payloads, in order, text or binary. The caller owns the
 * reference. `spares` as of blob_new(). */
struct blob *out_frame(struct spares *spares, const struct bytes *payloads, size_t payload_count,
                       bool binary);

/* Empty, no allocation. What is below `transport` stays the caller's. */
void out_queue_init(struct out_queue *queue, struct transport transport);

/* Bytes waiting. */
size_t out_queue_bytes(const struct out_queue *queue);

/* Blobs waiting. */
size_t out_queue_count(const struct out_queue *queue);

/* Bytes waiting and what keeping them costs: what limits are compared with, so that many tiny
 * messages cannot cost more memory than a few large ones. */
size_t out_queue_cost(const struct out_queue *queue);

/* Puts a reference of its own of `blob` (not empty) at the end; written at the end of the turn. */
void out_batch_put(struct out_batch *batch, struct out_queue *queue, struct blob *blob);

/* What waits is surely followed by more from elsewhere in a moment: the kernel may send both
 * together. It does not wait for longer than a retransmission would, 0.2 s or a little more. */
void out_batch_expect(struct out_queue *queue);

/* Puts a copy of a complete control frame before all data not yet begun. False, and nothing done,
 * when OUT_URGENT_MAX would be passed: a peer that pings and never reads gets no more pongs. */
bool out_batch_put_urgent(struct out_batch *batch, struct out_queue *queue, struct bytes frame);

/* The socket can take bytes again: write what waits at the end of the turn. */
void out_batch_mark(struct out_batch *batch, struct out_queue *queue);

/* Writes what waits in `queue` now; the outcome is the return value, on_written is not called. */
enum out_result out_batch_write(struct out_batch *batch, struct out_queue *queue);

/* Drops all data of which no byte was written. Control frames stay. */
void out_batch_drop(struct out_batch *batch, struct out_queue *queue);

/* Drops everything; nothing is written to the descriptor any more. The memory of the queue must
 * stay until the next out_batch_flush(). Harmless when done before. */
void out_batch_forget(struct out_batch *batch, struct out_queue *queue);

/* Writes every queue that got something since the last flush, once. */
void out_batch_flush(struct out_batch *batch);

/* Bytes waiting for all connections, shared bytes counted per recipient. What a transport holds
 * back (one record at most) is not among them. */
uint64_t out_batch_bytes(const struct out_batch *batch);

/* The same with what keeping them costs; see out_queue_cost(). */
uint64_t out_batch_cost(const struct out_batch *batch);

#endif
