/* The only user of zlib. Its memory comes from common/mem, so a stream that cannot be made ends the
 * process like every other exhaustion, and zlib's results other than those of the data are our
 * bugs.
 *
 * A message may hold a block marked as the last (BFINAL) and more blocks after it (RFC 7692 section
 * 7.2.3.4); zlib ends there, so the stream is started again with its window kept. */
#include "edge/ws_deflate.h"

#include "common/buf.h"
#include "common/mem.h"
#include "edge/ws_extensions.h"

#include <assert.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    CHUNK_BYTES = 16384,
    IDLE_MAX = 4,               /* inflaters kept for the next messages, about 40 KiB each */
    SCRATCH_KEPT_BYTES = 65536, /* a larger output buffer is not kept */
    /* All this happens inside a turn of the loop, so the longest time counts. Measured with JSON of
     * 64 KiB: a quarter of level 6's time for a third more bytes; of 1 KiB: the same time, 9 %
     * more. */
    LEVEL = 1,
    MEMORY_LEVEL = 8,
    TAIL_BYTES = 4,
    STATE_BYTES = 8192, /* a stream without its tables: about 7 KB, our own struct included */
    BLOCK_END = 128,    /* zlib.h, data_type: just after a block */
    UNUSED_BITS = 63    /* zlib.h, data_type: bits of the last byte not used yet */
};

/* An empty stored block without its first bits: what a flush leaves, and senders leave out. */
static const uint8_t TAIL[TAIL_BYTES] = {0x00, 0x00, 0xFF, 0xFF};

struct ws_inflater {
    z_stream stream;
    struct ws_inflaters *pool;
    struct ws_inflater *next; /* idle in the pool, or lent after this one */
    struct ws_inflater *previous;
    void *owner; /* lent */
    size_t held;
    uint64_t fed;
    uint8_t window_bits;
    bool kept;  /* not lent: the context of a connection */
    bool ended; /* the last block was marked as the last */
};

struct ws_inflaters {
    struct ws_inflater *idle; /* all with the largest window */
    size_t idle_count;
    struct ws_inflater *oldest; /* of those lent */
    struct ws_inflater *newest;
    size_t lent_count;
    size_t kept_count;
    uint8_t chunk[CHUNK_BYTES];
};

struct ws_deflaters {
    z_stream *by_bits[WS_WINDOW_BITS_MAX + 1];
    struct buf scratch;
};

struct ws_deflater {
    z_stream stream;
    struct ws_deflaters *shared; /* for its scratch space */
    size_t held;
    uint8_t window_bits;
    bool started;
};

static void *z_new(void *owner, unsigned count, unsigned size)
{
    size_t *held = owner;
    if (held != NULL) {
        *held += (size_t)count * size;
    }
    return mem_new(count, size);
}

static void z_free(void *owner, void *ptr)
{
    (void)owner;
    mem_free(ptr);
}

/* zlib deflates with no window of 8 bits, so who agreed to that may have meant 9. */
static unsigned inflating_bits(unsigned window_bits)
{
    assert(window_bits >= WS_WINDOW_BITS_MIN && window_bits <= WS_WINDOW_BITS_MAX);
    return window_bits == WS_WINDOW_BITS_MIN ? WS_WINDOW_BITS_MIN + 1 : window_bits;
}

static struct ws_inflater *inflater_new(struct ws_inflaters *inflaters, unsigned window_bits)
{
    struct ws_inflater *inflater = mem_new(1, sizeof(*inflater));
    inflater->pool = inflaters;
    inflater->held = sizeof(*inflater);
    inflater->window_bits = (uint8_t)inflating_bits(window_bits);
    inflater->stream = (z_stream){.zalloc = z_new, .zfree = z_free, .opaque = &inflater->held};
    int result = inflateInit2(&inflater->stream, -(int)inflater->window_bits);
    assert(result == Z_OK && "memory does not run out and the arguments are good");
    (void)result;
    return inflater;
}

static void inflater_free(struct ws_inflater *inflater)
{
    (void)inflateEnd(&inflater->stream);
    mem_free(inflater);
}

struct ws_inflaters *ws_inflaters_new(void)
{
    return mem_new(1, sizeof(struct ws_inflaters));
}

void ws_inflaters_free(struct ws_inflaters **inflaters)
{
    if (*inflaters == NULL) {
        return;
    }
    assert((*inflaters)->lent_count + (*inflaters)->kept_count == 0 &&
           "an inflater would outlive its pool");
    while ((*inflaters)->idle != NULL) {
        struct ws_inflater *inflater = (*inflaters)->idle;
        (*inflaters)->idle = inflater->next;
        inflater_free(inflater);
    }
    mem_free(*inflaters);
    *inflaters = NULL;
}

/* The struct of one at the start of a message. */
static struct ws_inflater *inflater_get(struct ws_inflaters *inflaters, unsigned window_bits)
{
    struct ws_inflater *inflater = inflaters->idle;
    if (inflater == NULL || window_bits != WS_WINDOW_BITS_MAX) {
        return inflater_new(inflaters, window_bits);
    }
    inflaters->idle = inflater->next;
    inflaters->idle_count--;
    (void)inflateReset(&inflater->stream);
    inflater->stream.avail_in = 0; /* what a broken message left */
    inflater->ended = false;
    inflater->fed = 0;
    return inflater;
}

struct ws_inflater *ws_inflater_take(struct ws_inflaters *inflaters, void *owner)
{
    struct ws_inflater *inflater = inflater_get(inflaters, WS_WINDOW_BITS_MAX);
    struct ws_inflater *before = inflaters->newest;
    inflater->kept = false;
    inflater->owner = owner;
    inflater->previous = before;
    inflater->next = NULL;
    *(before == NULL ? &inflaters->oldest : &before->next) = inflater;
    inflaters->newest = inflater;
    inflaters->lent_count++;
    return inflater;
}

struct ws_inflater *ws_inflater_keep(struct ws_inflaters *inflaters, unsigned window_bits)
{
    struct ws_inflater *inflater = inflater_get(inflaters, window_bits);
    inflater->kept = true;
    inflaters->kept_count++;
    return inflater;
}

static void end_loan(struct ws_inflater *inflater)
{
    struct ws_inflaters *pool = inflater->pool;
    struct ws_inflater *before = inflater->previous;
    struct ws_inflater *after = inflater->next;
    *(before == NULL ? &pool->oldest : &before->next) = after;
    *(after == NULL ? &pool->newest : &after->previous) = before;
    pool->lent_count--;
}

void ws_inflater_give(struct ws_inflater **inflater_at)
{
    struct ws_inflater *inflater = *inflater_at;
    if (inflater == NULL) {
        return;
    }
    *inflater_at = NULL;
    struct ws_inflaters *pool = inflater->pool;
    if (inflater->kept) {
        pool->kept_count--;
    } else {
        end_loan(inflater);
    }
    if (pool->idle_count == IDLE_MAX || inflater->window_bits != WS_WINDOW_BITS_MAX) {
        inflater_free(inflater);
        return;
    }
    inflater->next = pool->idle;
    pool->idle = inflater;
    pool->idle_count++;
}

void ws_inflater_next_message(struct ws_inflater *inflater)
{
    inflater->fed = 0;
}

size_t ws_inflater_price(unsigned window_bits)
{
    return ((size_t)1 << inflating_bits(window_bits)) + STATE_BYTES;
}

uint64_t ws_inflaters_lent_bytes(const struct ws_inflaters *inflaters)
{
    return (uint64_t)inflaters->lent_count * ws_inflater_price(WS_WINDOW_BITS_MAX);
}

void *ws_inflaters_oldest(const struct ws_inflaters *inflaters)
{
    return inflaters->oldest == NULL ? NULL : inflaters->oldest->owner;
}

size_t ws_inflater_held(const struct ws_inflater *inflater)
{
    return inflater->held;
}

uint64_t ws_inflater_fed(const struct ws_inflater *inflater)
{
    return inflater->fed;
}

static void set_input(struct ws_inflater *inflater, struct bytes input)
{
    assert(inflater->stream.avail_in == 0 && "read until the chunk is empty, then feed");
    assert(input.len <= UINT32_MAX && "zlib counts in 32 bits; reads are far smaller");
    inflater->stream.next_in = input.data;
    inflater->stream.avail_in = (unsigned)input.len;
}

void ws_inflater_feed(struct ws_inflater *inflater, struct bytes payload)
{
    set_input(inflater, payload);
    inflater->fed += payload.len;
}

void ws_inflater_feed_end(struct ws_inflater *inflater)
{
    /* The tail belongs to a byte 0 that every message ends with, also after a block marked as the
     * last (RFC 7692 section 7.2.3.4), also when it is empty (7.2.3.6). A sender that forgot that
     * byte in these two cases has still said everything. */
    bool nothing_follows = inflater->ended || inflater->fed == 0;
    set_input(inflater, nothing_follows ? BYTES_EMPTY : bytes_of(TAIL, TAIL_BYTES));
}

bool ws_inflater_read(struct ws_inflater *inflater, struct bytes *ret_chunk)
{
    z_stream *stream = &inflater->stream;
    uint8_t *chunk = inflater->pool->chunk;
    size_t len = 0;
    do {
        if (inflater->ended && stream->avail_in != 0) {
            /* Not inflateReset with inflateSetDictionary: that copies the window, and many tiny
             * last blocks would make us copy gigabytes. */
            (void)inflateResetKeep(stream);
            inflater->ended = false;
        }
        if (inflater->ended) {
            break;
        }
        stream->next_out = chunk;
        stream->avail_out = CHUNK_BYTES;
        int result = inflate(stream, Z_SYNC_FLUSH);
        len = CHUNK_BYTES - stream->avail_out;
        /* What came out before the fault is given first: the verdict must not depend on how the
         * input was cut. zlib finds the fault again at the next call. */
        if (len == 0 && result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
            return false;
        }
        inflater->ended = result == Z_STREAM_END;
    } while (len == 0 && inflater->ended);
    *ret_chunk = bytes_of(chunk, len);
    return true;
}

bool ws_inflater_complete(const struct ws_inflater *inflater)
{
    int type = inflater->stream.data_type;
    return inflater->ended || inflater->fed == 0 ||
           ((type & BLOCK_END) != 0 && (type & UNUSED_BITS) == 0);
}

struct ws_deflaters *ws_deflaters_new(void)
{
    struct ws_deflaters *deflaters = mem_new(1, sizeof(*deflaters));
    buf_init(&deflaters->scratch, 0);
    return deflaters;
}

void ws_deflaters_free(struct ws_deflaters **deflaters)
{
    if (*deflaters == NULL) {
        return;
    }
    for (size_t bits = 0; bits <= WS_WINDOW_BITS_MAX; bits++) {
        z_stream *stream = (*deflaters)->by_bits[bits];
        if (stream != NULL) {
            (void)deflateEnd(stream);
            mem_free(stream);
        }
    }
    buf_fini(&(*deflaters)->scratch);
    mem_free(*deflaters);
    *deflaters = NULL;
}

static void stream_init(z_stream *stream, unsigned bits, int memory_level)
{
    int result =
        deflateInit2(stream, LEVEL, Z_DEFLATED, -(int)bits, memory_level, Z_DEFAULT_STRATEGY);
    assert(result == Z_OK && "memory does not run out and the arguments are good");
    (void)result;
}

/* The stream for a window, at the start of a message. */
static z_stream *stream_of(struct ws_deflaters *deflaters, unsigned bits)
{
    z_stream **stream = &deflaters->by_bits[bits];
    if (*stream != NULL) {
        (void)deflateReset(*stream);
        return *stream;
    }
    *stream = mem_new(1, sizeof(**stream));
    (*stream)->zalloc = z_new;
    (*stream)->zfree = z_free;
    stream_init(*stream, bits, MEMORY_LEVEL);
    return *stream;
}

/* Room for `len` bytes of output, in memory that is not kept when it was large. */
static void set_output(struct ws_deflaters *deflaters, z_stream *stream, size_t len)
{
    struct buf *scratch = &deflaters->scratch;
    if (scratch->capacity > SCRATCH_KEPT_BYTES) {
        buf_fini(scratch);
    }
    buf_clear(scratch);
    stream->avail_out = (unsigned)len;
    stream->next_out = buf_extend(scratch, len);
}

/* zlib makes no raw stream with 8 bits. A distance never passes the length of the message, so a
 * message of up to 256 bytes fits into any window. 0: this message cannot be compressed. */
static unsigned usable_bits(unsigned window_bits, size_t message_len)
{
    assert(window_bits >= WS_WINDOW_BITS_MIN && window_bits <= WS_WINDOW_BITS_MAX);
    if (window_bits > WS_WINDOW_BITS_MIN) {
        return window_bits;
    }
    return message_len <= 1U << WS_WINDOW_BITS_MIN ? WS_WINDOW_BITS_MAX : 0;
}

bool ws_deflate(struct ws_deflaters *deflaters, unsigned window_bits, struct bytes message,
                struct bytes *ret_payload)
{
    unsigned bits = usable_bits(window_bits, message.len);
    if (bits == 0 || message.len == 0 || message.len > UINT32_MAX - TAIL_BYTES) {
        return false;
    }
    z_stream *stream = stream_of(deflaters, bits);
    set_output(deflaters, stream, message.len + TAIL_BYTES);
    stream->next_in = message.data;
    stream->avail_in = (unsigned)message.len;
    int result = deflate(stream, Z_SYNC_FLUSH);
    assert(result == Z_OK && "there is input and room");
    (void)result;
    if (stream->avail_out == 0) {
        return false; /* not flushed completely */
    }
    *ret_payload = bytes_slice(buf_bytes(&deflaters->scratch), 0,
                               message.len - stream->avail_out); /* no TAIL */
    return true;
}

/* The tables shrink with the window: with 12 bits and less a larger one would find little more. */
static unsigned memory_level(unsigned window_bits)
{
    return window_bits - (WS_WINDOW_BITS_MAX - MEMORY_LEVEL);
}

struct ws_deflater *ws_deflater_new(struct ws_deflaters *deflaters, unsigned window_bits)
{
    assert(window_bits > WS_WINDOW_BITS_MIN && window_bits <= WS_WINDOW_BITS_MAX);
    struct ws_deflater *deflater = mem_new(1, sizeof(*deflater));
    deflater->shared = deflaters;
    deflater->window_bits = (uint8_t)window_bits;
    deflater->held = sizeof(*deflater);
    return deflater;
}

void ws_deflater_free(struct ws_deflater **deflater_at)
{
    struct ws_deflater *deflater = *deflater_at;
    if (deflater == NULL) {
        return;
    }
    *deflater_at = NULL;
    if (deflater->started) {
        (void)deflateEnd(&deflater->stream);
    }
    mem_free(deflater);
}

struct bytes ws_deflater_next(struct ws_deflater *deflater, struct bytes message)
{
    enum { FLUSH_BYTES = 16 }; /* beyond deflateBound, which knows of no flush */
    z_stream *stream = &deflater->stream;
    assert(message.len != 0 && message.len < UINT32_MAX / 2 && "no message is larger than 16 MiB");
    if (!deflater->started) {
        *stream = (z_stream){.zalloc = z_new, .zfree = z_free, .opaque = &deflater->held};
        stream_init(stream, deflater->window_bits, (int)memory_level(deflater->window_bits));
        deflater->started = true;
    }
    size_t room = deflateBound(stream, message.len) + FLUSH_BYTES;
    set_output(deflater->shared, stream, room);
    stream->next_in = message.data;
    stream->avail_in = (unsigned)message.len;
    int result = deflate(stream, Z_SYNC_FLUSH);
    assert(result == Z_OK && stream->avail_out != 0 && "there is input and room");
    (void)result;
    return bytes_slice(buf_bytes(&deflater->shared->scratch), 0,
                       room - stream->avail_out - TAIL_BYTES);
}

size_t ws_deflater_held(const struct ws_deflater *deflater)
{
    return deflater->held;
}

/* zconf.h: (1 << (windowBits + 2)) + (1 << (memLevel + 9)), and the state */
size_t ws_deflater_price(unsigned window_bits)
{
    return ((size_t)1 << (window_bits + 2)) + ((size_t)1 << (memory_level(window_bits) + 9)) +
           STATE_BYTES;
}
