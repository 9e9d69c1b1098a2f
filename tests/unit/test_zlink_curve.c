/* zlink with CURVE: who gets in, what a message proves, and how a connection is ended. */
#include "common/z85.h"
#include "common/zlink_auth.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BODY_MAX = 1 << 16, GIVE_UP_S = 60, RETRY_US = 2000 };

struct rig {
    struct event_base *base;
    struct zlink_context *context;
    struct zlink_auth *auth;
    struct zlink *router;
    struct zlink *dealer;
    struct event *retry;
    struct curve_pair server;
    struct curve_pair client;
    bool allow;
    bool cut;
    unsigned asked;
    unsigned received;
    unsigned greeted;
    const char *router_failure;
    const char *dealer_failure;
    char sender[CURVE_KEY_CHARS + 1];
    char endpoint[64];
};

static bool may_connect(void *owner, struct bytes domain, const uint8_t key[CURVE_KEY_BYTES],
                        struct bytes address)
{
    struct rig *rig = owner;
    ck_assert(bytes_equal(domain, BYTES_LIT("plane")));
    ck_assert_uint_gt(address.len, 0);
    ck_assert_mem_eq(key, rig->client.public_key, CURVE_KEY_BYTES);
    rig->asked++;
    return rig->allow;
}

static void on_router_message(void *owner, struct bytes peer, struct bytes body)
{
    struct rig *rig = owner;
    struct bytes sender = zlink_sender(rig->router);
    (void)peer;
    (void)body;
    snprintf(rig->sender, sizeof(rig->sender), "%.*s", (int)sender.len,
             sender.len == 0 ? "" : (const char *)sender.data);
    rig->received++;
    if (rig->cut) {
        zlink_cut_sender(rig->router);
    } else {
        event_base_loopbreak(rig->base);
    }
}

static void on_dealer_message(void *owner, struct bytes peer, struct bytes body)
{
    (void)owner;
    (void)peer;
    (void)body;
}

static void on_router_handshake(void *owner, const char *failure, struct bytes address)
{
    struct rig *rig = owner;
    (void)address;
    rig->router_failure = failure == NULL ? rig->router_failure : failure;
}

/* A second one: the connection was cut, and ZeroMQ has made another. */
static void on_dealer_handshake(void *owner, const char *failure, struct bytes address)
{
    struct rig *rig = owner;
    (void)address;
    rig->greeted += failure == NULL;
    rig->dealer_failure = failure;
    if (failure != NULL || (rig->cut && rig->greeted == 2)) {
        event_base_loopbreak(rig->base);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *owner)
{
    struct rig *rig = owner;
    const struct timeval wait = {0, RETRY_US};
    (void)fd;
    (void)what;
    if (zlink_send(rig->dealer, BYTES_EMPTY, BYTES_EMPTY, BYTES_LIT("x")) != STATUS_OK) {
        event_add(rig->retry, &wait);
    }
}

static void give_up(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    (void)owner;
    ck_abort_msg("nothing has happened");
}

static void start(struct rig *rig, bool server_curve)
{
    static const struct zlink_callbacks at_router = {.on_message = on_router_message};
    static const struct zlink_callbacks at_dealer = {.on_message = on_dealer_message};
    const struct zlink_config router = {ZLINK_ROUTER, BYTES_EMPTY, BODY_MAX};
    const struct zlink_config dealer = {ZLINK_DEALER, BYTES_LIT("d"), BODY_MAX};
    *rig = (struct rig){.allow = true};
    snprintf(rig->endpoint, sizeof(rig->endpoint), "ipc:///tmp/splitrail-test-%ld", (long)getpid());
    curve_pair_make(&rig->server);
    curve_pair_make(&rig->client);
    rig->base = event_base_new();
    rig->context = zlink_context_new();
    rig->auth = zlink_auth_new(rig->context, rig->base, may_connect, rig);
    rig->router = zlink_new(rig->context, rig->base, &router, &at_router, rig);
    rig->dealer = zlink_new(rig->context, rig->base, &dealer, &at_dealer, rig);
    rig->retry = evtimer_new(rig->base, on_retry, rig);
    zlink_watch(rig->router, on_router_handshake);
    zlink_watch(rig->dealer, on_dealer_handshake);
    if (server_curve) {
        zlink_curve_server(rig->router, &rig->server, "plane");
    }
    ck_assert_int_eq(zlink_bind(rig->router, rig->endpoint), STATUS_OK);
}

static void run(struct rig *rig)
{
    const struct timeval limit = {GIVE_UP_S, 0};
    struct event *alarm = evtimer_new(rig->base, give_up, rig);
    event_add(alarm, &limit);
    ck_assert_int_eq(zlink_connect(rig->dealer, rig->endpoint), STATUS_OK);
    on_retry(-1, 0, rig);
    event_base_dispatch(rig->base);
    event_free(alarm);
}

static void stop(struct rig *rig)
{
    event_free(rig->retry);
    zlink_free(&rig->dealer);
    zlink_free(&rig->router);
    zlink_auth_free(&rig->auth);
    zlink_context_free(&rig->context);
    event_base_free(rig->base);
    (void)unlink(rig->endpoint + strlen("ipc://"));
}

START_TEST(a_message_proves_the_key_of_its_sender)
{
    struct rig rig;
    char key[CURVE_KEY_CHARS + 1] = "";
    start(&rig, true);
    zlink_curve_client(rig.dealer, &rig.client, rig.server.public_key);
    z85_encode(rig.client.public_key, CURVE_KEY_BYTES, key);
    run(&rig);
    ck_assert_str_eq(rig.sender, key);
    ck_assert_uint_eq(rig.asked, 1);
    stop(&rig);
}
END_TEST

START_TEST(a_key_that_is_not_allowed_is_told_so_and_says_nothing)
{
    struct rig rig;
    start(&rig, true);
    rig.allow = false;
    zlink_curve_client(rig.dealer, &rig.client, rig.server.public_key);
    run(&rig);
    ck_assert_str_eq(rig.dealer_failure, "the router does not allow our key");
    ck_assert_uint_eq(rig.received, 0);
    stop(&rig);
}
END_TEST

START_TEST(another_server_key_leads_nowhere_and_nobody_is_asked)
{
    struct rig rig;
    start(&rig, true);
    zlink_curve_client(rig.dealer, &rig.client, rig.client.public_key);
    run(&rig);
    ck_assert_ptr_nonnull(rig.dealer_failure);
    ck_assert_uint_eq(rig.asked + rig.received, 0);
    stop(&rig);
}
END_TEST

START_TEST(one_side_without_curve_is_told_so)
{
    struct rig rig;
    start(&rig, _i == 0);
    if (_i == 1) {
        zlink_curve_client(rig.dealer, &rig.client, rig.server.public_key);
    }
    run(&rig);
    ck_assert_ptr_nonnull(rig.dealer_failure);
    ck_assert_uint_eq(rig.asked + rig.received, 0);
    stop(&rig);
}
END_TEST

START_TEST(an_endpoint_bound_as_plain_is_plain_beside_others)
{
    struct rig rig;
    start(&rig, true);
    char other[80];
    snprintf(other, sizeof(other), "%s-plain", rig.endpoint);
    zlink_plain(rig.router);
    ck_assert_int_eq(zlink_bind(rig.router, other), STATUS_OK);
    char curve[64];
    memcpy(curve, rig.endpoint, sizeof(curve));
    snprintf(rig.endpoint, sizeof(rig.endpoint), "%.60s", other);
    run(&rig);
    ck_assert_uint_eq(rig.received, 1);
    ck_assert_str_eq(rig.sender, "");
    stop(&rig);
    (void)unlink(curve + strlen("ipc://"));
}
END_TEST

START_TEST(a_connection_that_is_cut_has_to_prove_its_key_again)
{
    struct rig rig;
    start(&rig, true);
    rig.cut = true;
    zlink_curve_client(rig.dealer, &rig.client, rig.server.public_key);
    run(&rig);
    ck_assert_uint_eq(rig.asked, 2);
    stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zlink_curve");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 2 * GIVE_UP_S);
    tcase_add_test(tcase, a_message_proves_the_key_of_its_sender);
    tcase_add_test(tcase, a_key_that_is_not_allowed_is_told_so_and_says_nothing);
    tcase_add_test(tcase, another_server_key_leads_nowhere_and_nobody_is_asked);
    tcase_add_loop_test(tcase, one_side_without_curve_is_told_so, 0, 2);
    tcase_add_test(tcase, an_endpoint_bound_as_plain_is_plain_beside_others);
    tcase_add_test(tcase, a_connection_that_is_cut_has_to_prove_its_key_again);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
