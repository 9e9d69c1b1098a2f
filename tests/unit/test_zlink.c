#include "common/zlink.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { EXCHANGES = 200000, WINDOW = 400, BODY_MAX = 1 << 16, GIVE_UP_S = 60, STALL_NS = 2000000 };

/* A ROUTER and a DEALER on one loop; each test hangs its own callbacks in. */
struct pair {
    struct event_base *base;
    struct zlink_context *context;
    struct zlink *router;
    struct zlink *dealer;
    struct rng rng;
    unsigned sent;
    unsigned received; /* answers at the dealer */
    unsigned expected; /* next number at the router */
    unsigned target;
    unsigned run; /* messages since the last turn callback */
    unsigned turns;
    bool holds;         /* sends between zlink_hold() and zlink_release() */
    struct event *tick; /* pushes what a full queue held back */
};

static void unexpected_message(void *owner, struct bytes peer, struct bytes body)
{
    (void)owner;
    (void)peer;
    (void)body;
    ck_abort_msg("no message was expected");
}

static void open_pair(struct pair *pair, const char *endpoint,
                      const struct zlink_callbacks *router_callbacks,
                      const struct zlink_callbacks *dealer_callbacks)
{
    struct zlink_config router = {ZLINK_ROUTER, BYTES_EMPTY, BODY_MAX};
    struct zlink_config dealer = {ZLINK_DEALER, BYTES_LIT("edge-1"), BODY_MAX};
    pair->base = event_base_new();
    pair->context = zlink_context_new();
    pair->router = zlink_new(pair->context, pair->base, &router, router_callbacks, pair);
    pair->dealer = zlink_new(pair->context, pair->base, &dealer, dealer_callbacks, pair);
    ck_assert_int_eq(zlink_bind(pair->router, endpoint), STATUS_OK);
    ck_assert_int_eq(zlink_connect(pair->dealer, endpoint), STATUS_OK);
}

static void close_pair(struct pair *pair)
{
    if (pair->tick != NULL) {
        event_free(pair->tick);
    }
    zlink_free(&pair->router);
    zlink_free(&pair->dealer);
    zlink_context_free(&pair->context);
    event_base_free(pair->base);
}

static void give_up(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    (void)owner;
    ck_abort_msg("the sockets have stalled");
}

/* Runs the loop until event_base_loopbreak, and fails when that takes unreasonably long. */
static void run(struct pair *pair)
{
    const struct timeval limit = {GIVE_UP_S, 0};
    struct event *alarm = event_new(pair->base, -1, 0, give_up, pair);
    event_add(alarm, &limit);
    event_base_dispatch(pair->base);
    event_free(alarm);
}

/* 200,000 numbered messages to and fro */

/* Keeps the processor for a moment, so that signals arrive while nobody looks. ZeroMQ looks for
 * them in a send only when a millisecond or so has passed since it last did. */
static void stall(struct pair *pair)
{
    if (rng_below(&pair->rng, 2000) != 0) {
        return;
    }
    struct timespec start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < STALL_NS);
}

static void push_all(struct pair *pair)
{
    while (pair->sent < pair->target && pair->sent - pair->received < WINDOW) {
        struct bytes body = bytes_of(&pair->sent, sizeof(pair->sent));
        if (zlink_send(pair->dealer, BYTES_EMPTY, BYTES_LIT("n="), body) != STATUS_OK) {
            return;
        }
        pair->sent++;
        stall(pair);
    }
}

static void push(struct pair *pair)
{
    if (pair->holds) {
        zlink_hold(pair->dealer);
    }
    push_all(pair);
    if (pair->holds) {
        zlink_release(pair->dealer);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *owner)
{
    struct pair *pair = owner;
    (void)fd;
    (void)what;
    if (pair->sent == 0 || pair->sent == pair->received) {
        push(pair); /* the first time the connection may not be there yet */
    }
}

static unsigned number_of(struct bytes body)
{
    unsigned number = 0;
    if (body.len != 2 + sizeof(number) || !bytes_starts_with(body, BYTES_LIT("n="))) {
        ck_abort_msg("this is not what was sent"); /* no ck_assert: each is slow, here are many */
    }
    memcpy(&number, body.data + 2, sizeof(number));
    return number;
}

static void router_answers(void *owner, struct bytes peer, struct bytes body)
{
    struct pair *pair = owner;
    if (!bytes_equal(peer, BYTES_LIT("edge-1")) || number_of(body) != pair->expected++ ||
        zlink_send(pair->router, peer, body, BYTES_EMPTY) != STATUS_OK) {
        ck_abort_msg("message %u is out of order or cannot be answered", pair->expected);
    }
    stall(pair);
}

static void dealer_counts(void *owner, struct bytes peer, struct bytes body)
{
    struct pair *pair = owner;
    if (peer.len != 0 || number_of(body) != pair->received++) {
        ck_abort_msg("answer %u is out of order", pair->received);
    }
    pair->run++;
    if (rng_below(&pair->rng, 4) == 0) {
        push(pair); /* sending in the middle of a receive run */
    }
    stall(pair);
}

static void dealer_turn(void *owner)
{
    struct pair *pair = owner;
    if (pair->run == 0) {
        ck_abort_msg("a turn without a message");
    }
    pair->run = 0;
    pair->turns++;
    push(pair);
    if (pair->received == pair->target) {
        event_base_loopbreak(pair->base);
    }
}

/* ipc endpoints live in a directory of their own. */
static char directory[64];
static char ipc_path[96];
static char ipc_endpoint[128];

static void make_directory(void)
{
    snprintf(directory, sizeof(directory), "/tmp/test_zlink.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(ipc_path, sizeof(ipc_path), "%s/socket", directory);
    snprintf(ipc_endpoint, sizeof(ipc_endpoint), "ipc://%s", ipc_path);
}

static void remove_directory(void)
{
    (void)unlink(ipc_path);
    ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(numbered_messages_go_to_and_fro_without_a_stall)
{
    const struct zlink_callbacks router = {router_answers, NULL};
    const struct zlink_callbacks dealer = {dealer_counts, dealer_turn};
    const struct timeval soon = {0, 20000};
    struct pair pair = {.rng = {7}, .target = EXCHANGES, .holds = _i % 2 != 0};
    make_directory();
    open_pair(&pair, _i < 2 ? "inproc://stall" : ipc_endpoint, &router, &dealer);
    pair.tick = event_new(pair.base, -1, EV_PERSIST, on_tick, &pair);
    event_add(pair.tick, &soon);
    run(&pair);
    ck_assert_uint_eq(pair.received, EXCHANGES);
    ck_assert_uint_eq(pair.expected, EXCHANGES);
    close_pair(&pair);
    remove_directory();
}
END_TEST

/* sending to nobody */

START_TEST(a_router_says_that_a_peer_is_unknown)
{
    const struct zlink_callbacks none = {unexpected_message, NULL};
    struct pair pair = {.target = 0};
    open_pair(&pair, "inproc://unknown", &none, &none);
    ck_assert_int_eq(zlink_send(pair.router, BYTES_LIT("nobody"), BYTES_LIT("a"), BYTES_LIT("b")),
                     STATUS_UNREACHABLE);
    close_pair(&pair);
}
END_TEST

START_TEST(a_dealer_without_a_router_may_try_again)
{
    const struct zlink_callbacks none = {unexpected_message, NULL};
    const struct zlink_config config = {ZLINK_DEALER, BYTES_EMPTY, BODY_MAX};
    struct event_base *base = event_base_new();
    struct zlink_context *context = zlink_context_new();
    struct zlink *dealer = zlink_new(context, base, &config, &none, NULL);
    ck_assert_int_eq(zlink_send(dealer, BYTES_EMPTY, BYTES_LIT("x"), BYTES_EMPTY), STATUS_AGAIN);
    ck_assert_int_eq(zlink_connect(dealer, "tcp://127.0.0.1:1"), STATUS_OK);
    ck_assert_int_eq(zlink_send(dealer, BYTES_EMPTY, BYTES_LIT("x"), BYTES_EMPTY), STATUS_AGAIN);
    zlink_free(&dealer);
    ck_assert_ptr_null(dealer);
    zlink_context_free(&context);
    event_base_free(base);
}
END_TEST

static void router_fills_the_peer(void *owner, struct bytes peer, struct bytes body)
{
    struct pair *pair = owner;
    (void)body;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = zlink_send(pair->router, peer, BYTES_EMPTY, BYTES_LIT("full"));
        pair->sent += status == STATUS_OK;
    }
    ck_assert_int_eq(status, STATUS_AGAIN);
}

static void dealer_takes_whole_messages(void *owner, struct bytes peer, struct bytes body)
{
    struct pair *pair = owner;
    (void)peer;
    ck_assert(bytes_equal(body, BYTES_LIT("full")));
    if (++pair->received == pair->sent) {
        event_base_loopbreak(pair->base);
    }
}

START_TEST(a_full_peer_gives_again_and_nothing_is_half_sent)
{
    const struct zlink_callbacks router = {router_fills_the_peer, NULL};
    const struct zlink_callbacks dealer = {dealer_takes_whole_messages, NULL};
    struct pair pair = {.target = 0};
    open_pair(&pair, "inproc://full", &router, &dealer);
    ck_assert_int_eq(zlink_send(pair.dealer, BYTES_EMPTY, BYTES_LIT("go"), BYTES_EMPTY), STATUS_OK);
    run(&pair);
    ck_assert_uint_ge(pair.sent, 1000);
    ck_assert_uint_eq(pair.received, pair.sent);
    close_pair(&pair);
}
END_TEST

/* foreign peers */

static void router_ends_at_the_good_one(void *owner, struct bytes peer, struct bytes body)
{
    struct pair *pair = owner;
    ck_assert_uint_ne(peer.len, 0);
    ck_assert(bytes_equal(body, BYTES_LIT("good")));
    event_base_loopbreak(pair->base);
}

START_TEST(messages_with_a_wrong_number_of_parts_are_dropped_whole)
{
    const struct zlink_callbacks router = {router_ends_at_the_good_one, NULL};
    const struct zlink_callbacks none = {unexpected_message, NULL};
    struct pair pair = {.target = 0};
    make_directory();
    open_pair(&pair, ipc_endpoint, &router, &none);
    void *context = zmq_ctx_new();
    void *foreign = zmq_socket(context, ZMQ_DEALER);
    int linger_ms = 0;
    zmq_setsockopt(foreign, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
    ck_assert_int_eq(zmq_connect(foreign, ipc_endpoint), 0);
    for (int parts = 2; parts < 7; parts++) {
        for (int part = 1; part <= parts; part++) {
            ck_assert_int_eq(zmq_send(foreign, "bad", 3, part < parts ? ZMQ_SNDMORE : 0), 3);
        }
    }
    ck_assert_int_eq(zmq_send(foreign, "good", 4, 0), 4);
    run(&pair);
    zmq_close(foreign);
    zmq_ctx_term(context);
    close_pair(&pair);
    remove_directory();
}
END_TEST

/* closing */

static void ignore_message(void *owner, struct bytes peer, struct bytes body)
{
    (void)owner;
    (void)peer;
    (void)body;
}

static void close_router(void *owner)
{
    struct pair *pair = owner;
    zlink_free(&pair->router);
    event_base_loopbreak(pair->base);
}

START_TEST(the_owner_may_close_a_link_in_its_turn_callback_with_messages_left)
{
    const struct zlink_callbacks router = {ignore_message, close_router};
    const struct zlink_callbacks none = {unexpected_message, NULL};
    struct pair pair = {.target = 0};
    open_pair(&pair, "inproc://close", &router, &none);
    for (int i = 0; i < 900; i++) {
        ck_assert_int_eq(zlink_send(pair.dealer, BYTES_EMPTY, BYTES_LIT("x"), BYTES_EMPTY),
                         STATUS_OK);
    }
    run(&pair);
    ck_assert_ptr_null(pair.router);
    close_pair(&pair);
}
END_TEST

/* binding */

struct binder {
    struct event_base *base;
    struct zlink_context *context;
    struct zlink *first;
    struct zlink *second;
};

static void open_binder(struct binder *binder)
{
    static const struct zlink_callbacks none = {unexpected_message, NULL};
    const struct zlink_config config = {ZLINK_ROUTER, BYTES_EMPTY, BODY_MAX};
    make_directory();
    binder->base = event_base_new();
    binder->context = zlink_context_new();
    binder->first = zlink_new(binder->context, binder->base, &config, &none, NULL);
    binder->second = zlink_new(binder->context, binder->base, &config, &none, NULL);
}

static void close_binder(struct binder *binder)
{
    zlink_free(&binder->first);
    zlink_free(&binder->second);
    zlink_context_free(&binder->context);
    event_base_free(binder->base);
    remove_directory();
}

START_TEST(an_ipc_endpoint_of_a_living_listener_is_not_taken_over)
{
    struct binder binder;
    open_binder(&binder);
    ck_assert_int_eq(zlink_bind(binder.first, ipc_endpoint), STATUS_OK);
    ck_assert_int_eq(zlink_bind(binder.second, ipc_endpoint), STATUS_IO);
    ck_assert_int_eq(errno, EADDRINUSE);
    close_binder(&binder);
}
END_TEST

START_TEST(a_socket_file_that_nobody_listens_on_is_replaced)
{
    struct binder binder;
    open_binder(&binder);
    ck_assert_int_eq(mknod(ipc_path, S_IFSOCK | 0600, 0), 0);
    ck_assert_int_eq(zlink_bind(binder.first, ipc_endpoint), STATUS_OK);
    close_binder(&binder);
}
END_TEST

START_TEST(a_file_of_somebody_else_is_not_removed)
{
    struct binder binder;
    open_binder(&binder);
    int fd = open(ipc_path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(zlink_bind(binder.first, ipc_endpoint), STATUS_IO);
    ck_assert_int_eq(errno, EEXIST);
    ck_assert_int_eq(access(ipc_path, F_OK), 0);
    close_binder(&binder);
}
END_TEST

START_TEST(an_endpoint_that_makes_no_sense_is_an_error)
{
    struct binder binder;
    open_binder(&binder);
    ck_assert_int_eq(zlink_bind(binder.first, "nonsense"), STATUS_IO);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(zlink_bind(binder.first, "tcp://127.0.0.1:99999"), STATUS_IO);
    ck_assert_int_eq(zlink_bind(binder.first, "tcp://127.0.0.1:7400x"), STATUS_IO);
    ck_assert_int_eq(zlink_connect(binder.first, "tcp://127.0.0.1:65536"), STATUS_IO);
    ck_assert_int_eq(zlink_connect(binder.first, "tcp://"), STATUS_IO);
    ck_assert_int_eq(zlink_bind(binder.first, "tcp://127.0.0.1:*"), STATUS_OK);
    ck_assert_int_eq(zlink_bind(binder.first, "tcp://[::1]:*"), STATUS_OK);
    close_binder(&binder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zlink");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 2 * GIVE_UP_S);
    tcase_add_loop_test(tcase, numbered_messages_go_to_and_fro_without_a_stall, 0, 4);
    tcase_add_test(tcase, a_router_says_that_a_peer_is_unknown);
    tcase_add_test(tcase, a_dealer_without_a_router_may_try_again);
    tcase_add_test(tcase, a_full_peer_gives_again_and_nothing_is_half_sent);
    tcase_add_test(tcase, messages_with_a_wrong_number_of_parts_are_dropped_whole);
    tcase_add_test(tcase, the_owner_may_close_a_link_in_its_turn_callback_with_messages_left);
    tcase_add_test(tcase, an_ipc_endpoint_of_a_living_listener_is_not_taken_over);
    tcase_add_test(tcase, a_socket_file_that_nobody_listens_on_is_replaced);
    tcase_add_test(tcase, a_file_of_somebody_else_is_not_removed);
    tcase_add_test(tcase, an_endpoint_that_makes_no_sense_is_an_error);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
