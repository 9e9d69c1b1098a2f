/* A hostile or broken router speaks to an edge: the uplink must stay in one piece, and what it
 * tells the shell must be about open connections. */
#include "edge/uplink.h"
#include "tests/fuzz/plane_script.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

enum { SLOTS = 8 };

struct shell {
    struct uplink *uplink;
    bool open[SLOTS];
    uint32_t gens[SLOTS];
    uint64_t random;
    bool ended[SLOTS]; /* inside this frame: what the frame says to them comes all the same */
};

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static enum status transmit(void *owner, struct bytes header, struct bytes body)
{
    (void)owner;
    (void)header;
    (void)body;
    return STATUS_OK;
}

static void reconnect(void *owner)
{
    (void)owner;
}

static void send_one(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    const struct shell *shell = owner;
    (void)payload;
    (void)binary;
    must(slot < SLOTS && (shell->open[slot] || shell->ended[slot]));
}

static void deliver(void *owner, const struct uplink_delivery *delivery)
{
    (void)owner;
    must(delivery->payload_count != 0);
    for (size_t i = 0; i < delivery->slot_count; i++) {
        must(delivery->slots[i] < SLOTS);
    }
}

static bool is_slow(void *owner, uint32_t slot)
{
    const struct shell *shell = owner;
    must(slot < SLOTS);
    return shell->open[slot] && (slot + shell->random) % 2 == 0;
}

static void close_one(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    struct shell *shell = owner;
    (void)code;
    (void)text;
    must(slot < SLOTS);
    if (shell->open[slot]) {
        shell->open[slot] = false;
        shell->ended[slot] = true;
        uplink_closed(shell->uplink, slot, 1000, false, BYTES_LIT("policy"));
    }
}

static void on_state(void *owner, enum uplink_state state)
{
    (void)owner;
    (void)state;
}

static void fenced(void *owner)
{
    struct shell *shell = owner;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (shell->open[slot]) {
            close_one(owner, slot, 1012, BYTES_EMPTY);
        }
    }
}

static void refused(void *owner, struct bytes text)
{
    (void)owner;
    (void)text;
}

static void on_admission(void *owner, uint64_t rate, uint64_t cluster_rate)
{
    (void)owner;
    (void)rate;
    (void)cluster_rate;
}

static void on_ticket_keys(void *owner, const struct plane_ticket_keys *keys)
{
    (void)owner;
    if (keys->current.len != PLANE_TICKET_KEY_BYTES) {
        abort();
    }
}

static uint64_t draw(void *owner)
{
    struct shell *shell = owner;
    return ++shell->random;
}

static void on_canary(void *owner, uint64_t took_us)
{
    (void)owner;
    (void)took_us;
}

static uint64_t clock_us(void *owner)
{
    struct shell *shell = owner;
    return ++shell->random;
}

static const struct uplink_callbacks callbacks = {.transmit = transmit,
                                                  .reconnect = reconnect,
                                                  .send = send_one,
                                                  .deliver = deliver,
                                                  .close = close_one,
                                                  .on_state = on_state,
                                                  .fenced = fenced,
                                                  .refused = refused,
                                                  .is_slow = is_slow,
                                                  .on_ticket_keys = on_ticket_keys,
                                                  .on_admission = on_admission,
                                                  .on_canary = on_canary,
                                                  .clock_us = clock_us,
                                                  .random = draw};

static void welcome(struct shell *shell, uint64_t now_ms)
{
    struct buf out;
    buf_init(&out, 0);
    plane_welcome_write(&(struct plane_greeting){.version = PLANE_VERSION,
                                                 .id = BYTES_LIT("router"),
                                                 .router_incarnation = 1,
                                                 .credit = 1000,
                                                 .features = PLANE_FEATURE_CANARY,
                                                 .heartbeat_ms = 500,
                                                 .suspect_ms = 1500,
                                                 .dead_ms = 3000},
                        &out);
    uplink_receive(shell->uplink, buf_bytes(&out), now_ms);
    buf_fini(&out);
}

static void act(struct shell *shell, uint8_t choice)
{
    uint32_t slot = choice % SLOTS;
    if (!shell->open[slot]) {
        shell->open[slot] = true;
        uplink_opened(shell->uplink, slot, ++shell->gens[slot],
                      &(struct uplink_open){.token = BYTES_LIT("t")});
    } else if (choice < 32) {
        shell->random++;
        uplink_caught_up(shell->uplink, slot);
    } else if (choice < 128) {
        (void)!uplink_message(shell->uplink, slot, BYTES_LIT("hello"), false, 1);
    } else {
        shell->open[slot] = false;
        uplink_closed(shell->uplink, slot, 0, choice % 2 == 0, BYTES_LIT("client"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plane_script script = {.data = data, .len = size};
    struct shell shell = {0};
    struct buf frame;
    uint64_t now_ms = 1;
    struct uplink_config config = {.edge_id = BYTES_LIT("edge"),
                                   .hold_bytes_max = 100000,
                                   .repair_bytes_max = 1000,
                                   .repair_ms = 5000,
                                   .credit_bytes = 1000,
                                   .slots_max = SLOTS,
                                   .canary_ms = 100};
    buf_init(&frame, 0);
    shell.uplink = uplink_new(&config, &callbacks, &shell, now_ms);
    while (script_frame(&script, &frame)) {
        now_ms += 100;
        uplink_tick(shell.uplink, now_ms);
        if (uplink_state(shell.uplink) == UPLINK_DOWN) {
            welcome(&shell, now_ms);
            script.seq = 0;
        }
        act(&shell, script_byte(&script));
        uplink_flush(shell.uplink, now_ms);
        memset(shell.ended, 0, sizeof(shell.ended));
        uplink_receive(shell.uplink, buf_bytes(&frame), now_ms);
    }
    uplink_free(&shell.uplink);
    buf_fini(&frame);
    return 0;
}
