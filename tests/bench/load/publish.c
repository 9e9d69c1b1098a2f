#include "tests/bench/load/publish.h"

#include "common/clock.h"
#include "common/mem.h"
#include "tests/bench/load/compact_stamp.h"

enum { AT_ONCE = 256, FAR_US = 1000000 };

struct publish {
    const struct load_config *config;
    struct shared *shared;
    struct shared_worker *own;
    struct client_loop *loop;
    struct client *clients;
    uint32_t *publishers; /* ours, as numbers in `clients`, ascending */
    uint32_t publisher_count;
    uint32_t next;  /* open loop: whose turn it is */
    uint64_t round; /* how many of its messages are out */
    bool begun;     /* closed loop: everybody has its messages in flight */
    struct buf text;
};

struct publish *publish_new(const struct load_config *config, struct shared *shared,
                            struct shared_worker *own, struct client_loop *loop,
                            struct client *clients, uint32_t count)
{
    struct publish *publish = mem_new(1, sizeof(*publish));
    *publish = (struct publish){
        .config = config, .shared = shared, .own = own, .loop = loop, .clients = clients};
    publish->publishers = mem_new(count, sizeof(*publish->publishers));
    for (uint32_t i = 0; i < count; i++) {
        if (plan_publisher(&config->plan, clients[i].index) != PLAN_NOBODY) {
            publish->publishers[publish->publisher_count++] = i;
        }
    }
    buf_init(&publish->text, 0);
    return publish;
}

void publish_free(struct publish **publish)
{
    buf_fini(&(*publish)->text);
    mem_free((*publish)->publishers);
    mem_free(*publish);
    *publish = NULL;
}

/* Bytes that it has in `mark`. */
static size_t write_stamp(const struct publish *publish, const struct stamp *stamp,
                          uint8_t mark[STAMP_BYTES])
{
    if (load_config_compact(publish->config)) {
        compact_stamp_write(stamp, mark);
        return COMPACT_STAMP_BYTES;
    }
    stamp_write(stamp, mark);
    return STAMP_BYTES;
}

/* One that has gone publishes no more. */
static void send_one(struct publish *publish, struct client *client, uint64_t time_us)
{
    const struct plan *plan = &publish->config->plan;
    uint8_t mark[STAMP_BYTES];
    if (client->state != CLIENT_OPEN) {
        return;
    }
    struct stamp stamp = {
        .publisher = plan_publisher(plan, client->index),
        .room = plan_room(plan, client->index, 0),
        .number = ++client->sent,
        .time_us = time_us,
    };
    size_t mark_bytes = write_stamp(publish, &stamp, mark);
    struct template_values values = {
        .stamp = bytes_of(mark, mark_bytes),
        .pad = (uint32_t)((size_t)publish->config->options.payload_bytes - mark_bytes),
    };
    values.numbers[TEMPLATE_CONN] = client->index;
    values.numbers[TEMPLATE_USER] = plan_user(plan, client->index);
    values.numbers[TEMPLATE_ROOM] = stamp.room;
    values.numbers[TEMPLATE_PEER] = plan_user(plan, plan_peer_conn(plan, client->index));
    values.numbers[TEMPLATE_BYTES] = (uint64_t)publish->config->options.payload_bytes;
    values.numbers[TEMPLATE_ID] = ++client->ids;
    buf_clear(&publish->text);
    template_fill(publish->config->publish, &values, &publish->text);
    publish->shared->sent[stamp.publisher] = client->sent;
    publish->own->counts.sent++;
    client_send(publish->loop, client, publish->config->options.binary ? WIRE_BINARY : WIRE_TEXT,
                buf_bytes(&publish->text));
}

static struct client *whose_turn(const struct publish *publish)
{
    return &publish->clients[publish->publishers[publish->next]];
}

/* The n-th message of publisher p of P is due at start + (n * P + p) / rate. */
static uint64_t due_us(const struct publish *publish)
{
    const struct plan *plan = &publish->config->plan;
    uint64_t p = plan_publisher(plan, whose_turn(publish)->index);
    uint64_t at = publish->round * plan->publishers + p;
    return atomic_load(&publish->shared->publish_us) +
           at * 1000000 / (uint64_t)publish->config->options.rate;
}

static void open_turn(struct publish *publish, uint64_t now_us)
{
    for (uint32_t i = 0; i < AT_ONCE; i++) {
        uint64_t due = due_us(publish);
        if (due > now_us) {
            return;
        }
        send_one(publish, whose_turn(publish), due);
        publish->next++;
        if (publish->next == publish->publisher_count) {
            publish->next = 0;
            publish->round++;
        }
    }
}

static void closed_start(struct publish *publish)
{
    int64_t in_flight = publish->config->options.in_flight;
    publish->begun = true;
    for (uint32_t i = 0; i < publish->publisher_count; i++) {
        for (int64_t n = 0; n < in_flight; n++) {
            send_one(publish, &publish->clients[publish->publishers[i]], clock_mono_us());
        }
    }
}

void publish_turn(struct publish *publish, uint64_t now_us)
{
    if (publish->publisher_count == 0) {
        return;
    }
    if (publish->config->options.rate != 0) {
        open_turn(publish, now_us);
    } else if (!publish->begun) {
        closed_start(publish);
    }
}

uint64_t publish_due_us(const struct publish *publish)
{
    if (publish->publisher_count == 0 || publish->config->options.rate == 0) {
        return clock_mono_us() + FAR_US;
    }
    return due_us(publish);
}

void publish_heard(struct publish *publish, struct client *client)
{
    if (publish->config->options.rate == 0 && atomic_load(&publish->shared->step) == STEP_PUBLISH) {
        send_one(publish, client, clock_mono_us());
    }
}
