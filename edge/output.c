/* See output.h. Invariant: head is NULL only when `more` is NULL too; head_sent is not 0 only while
 * head is in progress; an urgent blob in progress is cut to its rest, so it always goes first while
 * head_sent is 0. Deliberately does not know limits, close codes or connections. */
#include "edge/output.h"

#include "common/mem.h"
#include "edge/ws_frame.h"

#include <assert.h>
#include <errno.h>

enum { RING_CAPACITY_MIN = 8, IOV_MAX_PER_CALL = 64, SPARES_BYTES_MAX = 1024 * 1024 };

struct out_ring {
    uint32_t capacity; /* power of two */
    uint32_t first;
    uint32_t count; /* never 0 */
    struct blob *items[];
};

/* Exists from the first byte put until the last one is written, or until the end of the turn. */
struct out_waiting {
    struct blob *head;     /* being written, or next */
    struct blob *urgent;   /* control frames: before head, unless head was begun */
    struct out_ring *more; /* what comes after head; NULL while there is nothing */
    size_t bytes;          /* in all */
    uint32_t head_sent;    /* bytes of head already written */
    uint32_t dirty : 1;    /* on the list of the current turn */
    uint32_t expects : 1;  /* more is to come soon, see out_batch_expect() */
    uint32_t count : 30;   /* data blobs */
};

struct out_batch {
    struct out_callbacks callbacks;
    void *owner;
    struct out_queue **dirty;
    size_t dirty_count;
    size_t dirty_capacity;
    uint64_t bytes;
    uint64_t blobs; /* data blobs waiting */
    struct spares spares;
};

static size_t ring_size(uint32_t capacity)
{
    return sizeof(struct out_ring) + (size_t)capacity * sizeof(struct blob *);
}

static struct out_ring *ring_new(struct out_batch *batch, uint32_t capacity)
{
    struct out_ring *ring = spares_take(&batch->spares, ring_size(capacity));
    *ring = (struct out_ring){.capacity = capacity};
    return ring;
}

static struct blob *ring_at(const struct out_ring *ring, uint32_t index)
{
    return ring->items[(ring->first + index) & (ring->capacity - 1)];
}

static void ring_push(struct out_batch *batch, struct out_ring **ring, struct blob *blob)
{
    struct out_ring *old = *ring;
    if (old == NULL) {
        *ring = ring_new(batch, RING_CAPACITY_MIN);
    } else if (old->count == old->capacity) {
        *ring = ring_new(batch, old->capacity * 2);
        for (uint32_t i = 0; i < old->count; i++) {
            (*ring)->items[i] = ring_at(old, i);
        }
        (*ring)->count = old->count;
        spares_give(&batch->spares, old, ring_size(old->capacity));
    }
    struct out_ring *now = *ring;
    now->items[(now->first + now->count) & (now->capacity - 1)] = blob;
    now->count++;
}

/* The first item, or NULL; the ring goes with its last item. */
static struct blob *ring_pop(struct out_batch *batch, struct out_ring **ring)
{
    struct out_ring *now = *ring;
    if (now == NULL) {
        return NULL;
    }
    struct blob *blob = ring_at(now, 0);
    now->first++;
    if (--now->count == 0) {
        spares_give(&batch->spares, now, ring_size(now->capacity));
        *ring = NULL;
    }
    return blob;
}

static void add_bytes(struct out_batch *batch, struct out_waiting *waiting, size_t len)
{
    waiting->bytes += len;
    batch->bytes += len;
}

static void take_bytes(struct out_batch *batch, struct out_waiting *waiting, size_t len)
{
    assert(len <= waiting->bytes && len <= batch->bytes && "more written than waited");
    waiting->bytes -= len;
    batch->bytes -= len;
}

static struct out_waiting *waiting_of(struct out_batch *batch, struct out_queue *queue)
{
    if (queue->waiting == NULL) {
        queue->waiting = spares_take(&batch->spares, sizeof(*queue->waiting));
        *queue->waiting = (struct out_waiting){.head = NULL};
    }
    return queue->waiting;
}

/* It stays as long as the list of the turn knows the queue. */
static void drop_if_empty(struct out_batch *batch, struct out_queue *queue)
{
    if (queue->waiting != NULL && queue->waiting->bytes == 0 && !queue->waiting->dirty) {
        spares_give(&batch->spares, queue->waiting, sizeof(*queue->waiting));
        queue->waiting = NULL;
    }
}

static void pop_head(struct out_batch *batch, struct out_waiting *waiting)
{
    blob_unref(&waiting->head);
    waiting->head = ring_pop(batch, &waiting->more);
    waiting->head_sent = 0;
    waiting->count--;
    batch->blobs--;
}

static void drop_urgent(struct out_batch *batch, struct out_waiting *waiting)
{
    if (waiting->urgent != NULL) {
        take_bytes(batch, waiting, waiting->urgent->len);
        blob_unref(&waiting->urgent);
    }
}

static struct iovec iov_of(const struct blob *blob, size_t skip)
{
    return (struct iovec){.iov_base = (uint8_t *)(uintptr_t)blob->data + skip,
                          .iov_len = blob->len - skip};
}

/* What waits, in the order in which it must be written, as far as one call takes it. */
static size_t gather(const struct out_waiting *waiting, struct iovec iov[IOV_MAX_PER_CALL])
{
    size_t count = 0;
    if (waiting->urgent != NULL && waiting->head_sent == 0) {
        iov[count++] = iov_of(waiting->urgent, 0);
    }
    if (waiting->head != NULL) {
        iov[count++] = iov_of(waiting->head, waiting->head_sent);
    }
    if (waiting->urgent != NULL && waiting->head_sent != 0) {
        iov[count++] = iov_of(waiting->urgent, 0);
    }
    for (uint32_t i = 0; waiting->more != NULL && i < waiting->more->count; i++) {
        if (count == IOV_MAX_PER_CALL) {
            break;
        }
        iov[count++] = iov_of(ring_at(waiting->more, i), 0);
    }
    return count;
}

/* Removes `len` written bytes of the urgent blob; its rest becomes a blob of its own. */
static size_t advance_urgent(struct out_batch *batch, struct out_waiting *waiting, size_t len)
{
    size_t whole = waiting->urgent->len;
    struct blob *rest = NULL;
    if (len < whole) {
        rest = blob_new(&batch->spares, whole - len);
        memcpy(rest->data, waiting->urgent->data + len, whole - len);
    } else {
        len = whole;
    }
    blob_unref(&waiting->urgent);
    waiting->urgent = rest;
    return len;
}

static size_t advance_head(struct out_batch *batch, struct out_waiting *waiting, size_t len)
{
    size_t left = waiting->head->len - waiting->head_sent;
    if (len < left) {
        waiting->head_sent += (uint32_t)len;
        return len;
    }
    pop_head(batch, waiting);
    return left;
}

/* Same order as gather(). */
static void advance(struct out_batch *batch, struct out_waiting *waiting, size_t len)
{
    while (len != 0) {
        bool urgent = waiting->urgent != NULL && waiting->head_sent == 0;
        size_t step =
            urgent ? advance_urgent(batch, waiting, len) : advance_head(batch, waiting, len);
        take_bytes(batch, waiting, step);
        len -= step;
    }
}

size_t out_queue_bytes(const struct out_queue *queue)
{
    return queue->waiting == NULL ? 0 : queue->waiting->bytes;
}

size_t out_queue_count(const struct out_queue *queue)
{
    return queue->waiting == NULL ? 0 : queue->waiting->count;
}

size_t out_queue_cost(const struct out_queue *queue)
{
    return out_queue_bytes(queue) + out_queue_count(queue) * OUT_BLOB_COST;
}

struct out_batch *out_batch_new(const struct out_callbacks *callbacks, void *owner)
{
    struct out_batch *batch = mem_new(1, sizeof(*batch));
    batch->callbacks = *callbacks;
    batch->owner = owner;
    spares_init(&batch->spares, SPARES_BYTES_MAX);
    return batch;
}

void out_batch_free(struct out_batch **batch)
{
    if (*batch == NULL) {
        return;
    }
    mem_free((*batch)->dirty);
    spares_fini(&(*batch)->spares);
    mem_free(*batch);
    *batch = NULL;
}

struct spares *out_batch_spares(struct out_batch *batch)
{
    return &batch->spares;
}

struct blob *out_frame(struct spares *spares, const struct bytes *payloads, size_t payload_count,
                       bool binary)
{
    uint8_t header[WS_FRAME_HEADER_MAX];
    enum ws_opcode opcode = binary ? WS_OP_BINARY : WS_OP_TEXT;
    size_t total = 0;
    for (size_t i = 0; i < payload_count; i++) {
        total += ws_frame_header(header, opcode, payloads[i].len) + payloads[i].len;
    }
    struct blob *blob = blob_new(spares, total);
    size_t at = 0;
    for (size_t i = 0; i < payload_count; i++) {
        size_t header_len = ws_frame_header(header, opcode, payloads[i].len);
        memcpy(blob->data + at, header, header_len);
        at += header_len;
        if (payloads[i].len != 0) {
            memcpy(blob->data + at, payloads[i].data, payloads[i].len);
            at += payloads[i].len;
        }
    }
    return blob;
}

void out_queue_init(struct out_queue *queue, struct transport transport)
{
    *queue = (struct out_queue){.transport = transport};
}

void out_batch_put(struct out_batch *batch, struct out_queue *queue, struct blob *blob)
{
    assert(blob->len != 0 && "an empty blob would never be written");
    if (queue->transport.fd < 0) {
        return;
    }
    blob_ref(blob);
    struct out_waiting *waiting = waiting_of(batch, queue);
    if (waiting->head == NULL) {
        waiting->head = blob;
    } else {
        ring_push(batch, &waiting->more, blob);
    }
    waiting->count++;
    waiting->expects = false;
    batch->blobs++;
    add_bytes(batch, waiting, blob->len);
    out_batch_mark(batch, queue);
}

void out_batch_expect(struct out_queue *queue)
{
    if (queue->waiting != NULL) {
        queue->waiting->expects = true;
    }
}

bool out_batch_put_urgent(struct out_batch *batch, struct out_queue *queue, struct bytes frame)
{
    struct blob *before = queue->waiting == NULL ? NULL : queue->waiting->urgent;
    size_t before_len = before == NULL ? 0 : before->len;
    if (queue->transport.fd < 0 || frame.len > OUT_URGENT_MAX - before_len) {
        return false;
    }
    struct out_waiting *waiting = waiting_of(batch, queue);
    struct blob *joined = blob_new(&batch->spares, before_len + frame.len);
    if (before_len != 0) {
        memcpy(joined->data, before->data, before_len);
    }
    memcpy(joined->data + before_len, frame.data, frame.len);
    blob_unref(&waiting->urgent);
    waiting->urgent = joined;
    add_bytes(batch, waiting, frame.len);
    out_batch_mark(batch, queue);
    return true;
}

void out_batch_mark(struct out_batch *batch, struct out_queue *queue)
{
    if (queue->transport.fd < 0 || (queue->waiting != NULL && queue->waiting->dirty)) {
        return;
    }
    if (batch->dirty_count == batch->dirty_capacity) {
        batch->dirty_capacity = batch->dirty_capacity == 0 ? 64 : batch->dirty_capacity * 2;
        batch->dirty = mem_resize(batch->dirty, batch->dirty_capacity, sizeof(batch->dirty[0]));
    }
    batch->dirty[batch->dirty_count++] = queue;
    waiting_of(batch, queue)->dirty = true;
}

static enum out_result write_waiting(struct out_batch *batch, struct out_queue *queue)
{
    struct iovec iov[IOV_MAX_PER_CALL];
    struct transport *transport = &queue->transport;
    while (out_queue_bytes(queue) != 0 || transport->output_waits) {
        size_t wanted = 0;
        size_t count = queue->waiting == NULL ? 0 : gather(queue->waiting, iov);
        for (size_t i = 0; i < count; i++) {
            wanted += iov[i].iov_len;
        }
        bool expects = queue->waiting != NULL && queue->waiting->expects;
        ssize_t written = transport_ops(transport)->send(transport, iov, count, expects);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) {
            return OUT_BLOCKED;
        }
        if (written < 0) {
            return OUT_FAILED;
        }
        if (written != 0) {
            advance(batch, queue->waiting, (size_t)written);
        }
        if ((size_t)written < wanted) {
            return OUT_BLOCKED; /* the socket's buffer is full: asking again would cost a call */
        }
    }
    return OUT_DONE;
}

enum out_result out_batch_write(struct out_batch *batch, struct out_queue *queue)
{
    enum out_result result = write_waiting(batch, queue);
    int error = errno;
    drop_if_empty(batch, queue);
    errno = error;
    return result;
}

void out_batch_drop(struct out_batch *batch, struct out_queue *queue)
{
    struct out_waiting *waiting = queue->waiting;
    struct blob *blob;
    if (waiting == NULL) {
        return;
    }
    while ((blob = ring_pop(batch, &waiting->more)) != NULL) {
        take_bytes(batch, waiting, blob->len);
        waiting->count--;
        batch->blobs--;
        blob_unref(&blob);
    }
    if (waiting->head != NULL && waiting->head_sent == 0) {
        take_bytes(batch, waiting, waiting->head->len);
        pop_head(batch, waiting);
    }
    drop_if_empty(batch, queue);
}

void out_batch_forget(struct out_batch *batch, struct out_queue *queue)
{
    out_batch_drop(batch, queue);
    struct out_waiting *waiting = queue->waiting;
    if (waiting != NULL) {
        drop_urgent(batch, waiting);
        if (waiting->head != NULL) {
            take_bytes(batch, waiting, waiting->head->len - waiting->head_sent);
            pop_head(batch, waiting);
        }
    }
    drop_if_empty(batch, queue);
    queue->transport.fd = -1;
}

void out_batch_flush(struct out_batch *batch)
{
    /* By index: a callback may add to the list. */
    for (size_t i = 0; i < batch->dirty_count; i++) {
        struct out_queue *queue = batch->dirty[i];
        queue->waiting->dirty = false;
        if (queue->transport.fd < 0) {
            drop_if_empty(batch, queue);
            continue;
        }
        enum out_result result = out_batch_write(batch, queue);
        batch->callbacks.on_written(batch->owner, queue, result);
        if (batch->callbacks.on_breath != NULL && i % OUT_BREATH == OUT_BREATH - 1) {
            batch->callbacks.on_breath(batch->owner);
        }
    }
    batch->dirty_count = 0;
}

uint64_t out_batch_bytes(const struct out_batch *batch)
{
    return batch->bytes;
}

uint64_t out_batch_cost(const struct out_batch *batch)
{
    return batch->bytes + batch->blobs * OUT_BLOB_COST;
}
