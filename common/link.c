/* See link.h. Invariants: entries [0, sent_count) of the queue were transmitted in this session and
 * have seqs first_seq, first_seq + 1, …; finished <= received; told <= finished. */
#include "common/link.h"

#include "common/mem.h"

#include <assert.h>

enum {
    QUEUE_CAPACITY_MIN = 16,
    SPARES_BYTES_MAX = 1024 * 1024,
    OWN_STALL_MS = 1000, /* a later tick than this is our own pause */
    ACK_SHARE = 4        /* acknowledge at the latest after a quarter of the credit */
};

static struct link_entry *queue_at(const struct link_queue *queue, size_t index)
{
    assert(index < queue->count);
    return &queue->entries[(queue->first + index) % queue->capacity];
}

void link_queue_push(struct link_queue *queue, struct link_entry entry)
{
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity == 0 ? QUEUE_CAPACITY_MIN : queue->capacity * 2;
        struct link_entry *entries = mem_new(capacity, sizeof(*entries));
        for (size_t i = 0; i < queue->count; i++) {
            entries[i] = *queue_at(queue, i);
        }
        mem_free(queue->entries);
        queue->entries = entries;
        queue->capacity = capacity;
        queue->first = 0;
    }
    queue->count++;
    *queue_at(queue, queue->count - 1) = entry;
}

bool link_queue_pop(struct link_queue *queue, struct link_entry *ret_entry)
{
    if (queue->count == 0) {
        return false;
    }
    *ret_entry = *queue_at(queue, 0);
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    return true;
}

void link_queue_fini(struct link_queue *queue)
{
    struct link_entry entry;
    while (link_queue_pop(queue, &entry)) {
        mem_free(entry.body);
    }
    mem_free(queue->entries);
    *queue = (struct link_queue){0};
}

void link_init(struct link *link, const struct link_timing *timing, uint64_t own_credit,
               uint64_t now_ms)
{
    *link = (struct link){
        .timing = *timing, .own_credit = own_credit, .first_seq = 1, .ticked_ms = now_ms};
    spares_init(&link->spares, SPARES_BYTES_MAX);
}

void link_fini(struct link *link)
{
    link_queue_fini(&link->queue);
    spares_fini(&link->spares);
}

static void go_up(struct link *link, uint64_t window, uint64_t now_ms)
{
    link->phase = LINK_UP;
    link->window = window;
    link->heard_ms = now_ms;
    link->spoke_ms = now_ms;
    link->ticked_ms = now_ms;
}

void link_start_fresh(struct link *link, uint64_t window, uint64_t now_ms,
                      struct link_queue *ret_old)
{
    *ret_old = link->queue;
    link->queue = (struct link_queue){0};
    link->first_seq = 1;
    link->sent_count = 0;
    link->sent_bytes = 0;
    link->queued_bytes = 0;
    link->received = 0;
    link->finished = 0;
    link->told = 0;
    link->untold_bytes = 0;
    go_up(link, window, now_ms);
}

bool link_resume(struct link *link, uint64_t window, uint64_t peer_received, uint64_t now_ms)
{
    if (peer_received + 1 < link->first_seq ||
        peer_received + 1 > link->first_seq + link->sent_count) {
        return false;
    }
    /* What the other side has received needs no second journey, but stays until it is finished. */
    size_t keep = (size_t)(peer_received + 1 - link->first_seq);
    while (link->sent_count > keep) {
        link->sent_count--;
        size_t len = queue_at(&link->queue, link->sent_count)->len;
        link->sent_bytes -= len;
        link->queued_bytes += len;
    }
    /* What was told may have been told by a frame that travels again: until the answers have left,
     * nothing is acknowledged by a beat. */
    link->told = 0;
    go_up(link, window, now_ms);
    return true;
}

void link_break(struct link *link, enum link_phase phase)
{
    assert((phase == LINK_DOWN || phase == LINK_DEAD) && "a broken link is down or dead");
    link->phase = phase;
}

void link_push(struct link *link, uint8_t *body, size_t len, uint64_t tag)
{
    link_queue_push(&link->queue, (struct link_entry){body, len, tag, link->finished});
    link->queued_bytes += len;
}

static bool is_up(const struct link *link)
{
    return link->phase == LINK_UP || link->phase == LINK_SUSPECT;
}

static uint64_t ack_of(const struct link *link, const struct link_entry *entry)
{
    return link->answers ? entry->ack : link->finished;
}

bool link_next(const struct link *link, uint64_t *ret_seq, uint64_t *ret_ack,
               struct bytes *ret_body)
{
    if (!is_up(link) || link->sent_count == link->queue.count) {
        return false;
    }
    const struct link_entry *entry = queue_at(&link->queue, link->sent_count);
    if (link->sent_bytes != 0 && link->sent_bytes + entry->len > link->window) {
        return false;
    }
    *ret_seq = link->first_seq + link->sent_count;
    *ret_ack = ack_of(link, entry);
    *ret_body = bytes_of(entry->body, entry->len);
    return true;
}

static void told(struct link *link, uint64_t ack, uint64_t now_ms)
{
    link->spoke_ms = now_ms;
    if (ack > link->told) {
        link->told = ack;
        link->untold_bytes = 0;
    }
}

void link_sent(struct link *link, uint64_t now_ms)
{
    const struct link_entry *entry = queue_at(&link->queue, link->sent_count);
    link->sent_count++;
    link->sent_bytes += entry->len;
    link->queued_bytes -= entry->len;
    told(link, ack_of(link, entry), now_ms);
}

uint64_t link_sent_seq(const struct link *link)
{
    return link->first_seq + link->sent_count - 1;
}

uint64_t link_control_ack(const struct link *link)
{
    /* While answers wait for credit, what they answer is not acknowledged. */
    bool waits = link->answers && link->sent_count != link->queue.count;
    return waits ? link->told : link->finished;
}

void link_spoke(struct link *link, uint64_t now_ms)
{
    told(link, link_control_ack(link), now_ms);
}

static void take_ack(struct link *link, uint64_t ack)
{
    while (link->first_seq <= ack) {
        struct link_entry entry;
        bool there = link_queue_pop(&link->queue, &entry);
        assert(there && "sent entries are queued until finished");
        (void)there;
        link->first_seq++;
        link->sent_count--;
        link->sent_bytes -= entry.len;
        if (entry.tag != 0) {
            link->acked_tag = entry.tag;
        }
        spares_give(&link->spares, entry.body, entry.len);
    }
}

enum link_verdict link_receive(struct link *link, uint64_t seq, uint64_t sent, uint64_t ack,
                               size_t len, uint64_t now_ms)
{
    assert(is_up(link) && "frames of a link that is down are not for it");
    if (ack > link_sent_seq(link)) {
        return LINK_FRAME_IMPOSSIBLE;
    }
    link->heard_ms = now_ms;
    link->phase = LINK_UP;
    if (seq == 0) {
        if (sent > link->received) {
            return LINK_FRAME_HOLE;
        }
        take_ack(link, ack);
        return LINK_FRAME_CONTROL;
    }
    if (seq <= link->received) {
        return LINK_FRAME_REPEATED;
    }
    if (seq != link->received + 1) {
        return LINK_FRAME_HOLE;
    }
    take_ack(link, ack);
    link->received = seq;
    link->untold_bytes += len;
    return LINK_FRAME_NEW;
}

void link_finish(struct link *link, uint64_t seq)
{
    assert(seq <= link->received && "cannot finish what has not come");
    if (seq > link->finished) {
        link->finished = seq;
    }
}

/* So much came unacknowledged that the other side may soon have no credit left. */
static bool ack_is_due(const struct link *link)
{
    return link->untold_bytes > link->own_credit / ACK_SHARE &&
           link_control_ack(link) != link->told;
}

static bool must_speak(const struct link *link, uint64_t now_ms)
{
    return now_ms >= link->spoke_ms + link->timing.heartbeat_ms || ack_is_due(link);
}

enum link_tick link_tick(struct link *link, uint64_t now_ms)
{
    uint64_t since = now_ms - link->ticked_ms;
    link->ticked_ms = now_ms;
    if (!is_up(link)) {
        return LINK_TICK_NOTHING;
    }
    if (since > OWN_STALL_MS) {
        link->heard_ms += since;
        link->heard_ms = link->heard_ms > now_ms ? now_ms : link->heard_ms;
    }
    uint64_t silent = now_ms - link->heard_ms;
    if (silent >= link->timing.dead_ms) {
        link->phase = LINK_DEAD;
        return LINK_TICK_DEAD;
    }
    if (silent >= link->timing.suspect_ms && link->phase == LINK_UP) {
        link->phase = LINK_SUSPECT;
        return LINK_TICK_SUSPECT;
    }
    return must_speak(link, now_ms) ? LINK_TICK_SPEAK : LINK_TICK_NOTHING;
}

uint64_t link_deadline(const struct link *link)
{
    if (!is_up(link)) {
        return UINT64_MAX;
    }
    if (ack_is_due(link)) {
        return link->ticked_ms;
    }
    uint64_t silence = link->phase == LINK_UP ? link->timing.suspect_ms : link->timing.dead_ms;
    uint64_t due = link->heard_ms + silence;
    uint64_t speak = link->spoke_ms + link->timing.heartbeat_ms;
    /* A tick at least twice within OWN_STALL_MS tells our own stalls from the peer's silence. */
    uint64_t breath = link->ticked_ms + OWN_STALL_MS / 2;
    due = speak < due ? speak : due;
    return breath < due ? breath : due;
}
