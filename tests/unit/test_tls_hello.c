#include "edge/tls_hello.h"
#include "tests/support/check_main.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A TCP connection over loopback: the low-water mark is the kernel's matter. */
struct pair {
    int near;
    int far;
    uint16_t waited_for;
};

static void pair_open(struct pair *pair)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    *pair = (struct pair){.far = socket(AF_INET, SOCK_STREAM, 0)};
    ck_assert_int_eq(connect(pair->far, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(setsockopt(pair->far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    pair->near = accept(listener, NULL, NULL);
    ck_assert_int_ge(pair->near, 0);
    close(listener);
}

static void pair_close(const struct pair *pair)
{
    close(pair->near);
    close(pair->far);
}

static void say(const struct pair *pair, const uint8_t *data, size_t len)
{
    if (len != 0) {
        ck_assert_int_eq(send(pair->far, data, len, MSG_NOSIGNAL), (int)len);
    }
}

static bool readable(const struct pair *pair, int wait_ms)
{
    struct pollfd poll_fd = {.fd = pair->near, .events = POLLIN};
    return poll(&poll_fd, 1, wait_ms) == 1;
}

/* A record of 20 bytes, and the first of the next one. */
static const uint8_t hello[] = {22, 3, 1, 0, 15, 1, 0, 0, 11, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 22};

enum { RECORD = 20 };

START_TEST(half_a_record_waits_in_the_kernel_wherever_it_is_cut)
{
    struct pair pair;
    uint8_t seen[RECORD];
    pair_open(&pair);
    say(&pair, hello, (size_t)_i);
    ck_assert(readable(&pair, 10000));
    while (readable(&pair, 0)) {
        ck_assert(!tls_hello_ready(pair.near, &pair.waited_for));
        ck_assert_int_eq(errno, EAGAIN);
    }
    say(&pair, hello + _i, RECORD - (size_t)_i);
    do {
        ck_assert(readable(&pair, 10000));
    } while (!tls_hello_ready(pair.near, &pair.waited_for));
    ck_assert_int_eq(recv(pair.near, seen, RECORD, 0), RECORD);
    ck_assert_mem_eq(seen, hello, RECORD);
    say(&pair, hello + RECORD, 1); /* and nothing is held back any more */
    ck_assert(readable(&pair, 10000));
    pair_close(&pair);
}
END_TEST

START_TEST(a_peer_that_ends_is_not_waited_for)
{
    struct pair pair;
    int calls = 1;
    pair_open(&pair);
    say(&pair, hello, (size_t)_i);
    ck_assert_int_eq(shutdown(pair.far, SHUT_WR), 0);
    ck_assert(readable(&pair, 10000));
    while (!tls_hello_ready(pair.near, &pair.waited_for)) {
        ck_assert(readable(&pair, 10000));
        ck_assert_int_le(++calls, 4);
    }
    pair_close(&pair);
}
END_TEST

static const struct {
    uint8_t data[8];
    size_t len;
} at_once[] = {
    {"GET / HT", 8},
    {"\x80", 1},
    {"\x16\x03\x01\x40\x01", 5}, /* longer than a record may be */
    {"\x16\x03\x01\x00\x00", 5}, /* empty */
    {"\x15\x03\x01\x00\x02\x02\x28", 7},
};

START_TEST(what_will_never_be_a_hello_is_not_waited_for)
{
    struct pair pair;
    pair_open(&pair);
    say(&pair, at_once[_i].data, at_once[_i].len);
    do {
        ck_assert(readable(&pair, 10000));
    } while (!tls_hello_ready(pair.near, &pair.waited_for) && pair.waited_for == 5);
    ck_assert_uint_le(pair.waited_for, 5);
    pair_close(&pair);
}
END_TEST

START_TEST(nothing_at_all_is_no_reason_to_read)
{
    struct pair pair;
    pair_open(&pair);
    ck_assert(!tls_hello_ready(pair.near, &pair.waited_for));
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_uint_eq(pair.waited_for, 0);
    pair_close(&pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_hello");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, half_a_record_waits_in_the_kernel_wherever_it_is_cut, 1, RECORD);
    tcase_add_loop_test(tcase, a_peer_that_ends_is_not_waited_for, 0, RECORD);
    tcase_add_loop_test(tcase, what_will_never_be_a_hello_is_not_waited_for, 0,
                        sizeof(at_once) / sizeof(at_once[0]));
    tcase_add_test(tcase, nothing_at_all_is_no_reason_to_read);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
