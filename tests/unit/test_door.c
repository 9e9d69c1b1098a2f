#include "edge/door.h"
#include "tests/support/check_main.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 503 full\r\n\r\n";
static const char REQUEST[] = "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n";

struct rig {
    struct event_base *base;
    struct door *door;
    int listener;
    struct sockaddr_in address;
};

static void rig_open(struct rig *rig)
{
    socklen_t len = sizeof(rig->address);
    *rig = (struct rig){.base = event_base_new(), .listener = socket(AF_INET, SOCK_STREAM, 0)};
    rig->door = door_new(rig->base);
    rig->address.sin_family = AF_INET;
    rig->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(rig->listener, (struct sockaddr *)&rig->address, len), 0);
    ck_assert_int_eq(listen(rig->listener, 1), 0);
    ck_assert_int_eq(getsockname(rig->listener, (struct sockaddr *)&rig->address, &len), 0);
}

static void rig_close(struct rig *rig)
{
    door_free(&rig->door);
    event_base_free(rig->base);
    close(rig->listener);
}

/* A client that is refused after it has said `first`. Its descriptor; `near_at` gets the door's. */
static int refused(struct rig *rig, const char *first, int *near_at)
{
    const struct timeval patience = {.tv_sec = 10};
    int on = 1;
    int far = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    ck_assert_int_eq(setsockopt(far, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    ck_assert_int_eq(connect(far, (struct sockaddr *)&rig->address, sizeof(rig->address)), 0);
    ck_assert_int_eq(send(far, first, strlen(first), MSG_NOSIGNAL), (int)strlen(first));
    *near_at = accept4(rig->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ck_assert_int_ge(*near_at, 0);
    door_refuse(rig->door, *near_at, bytes_of_str(ANSWER));
    return far;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

/* Loopback delivers before send returns, so what was sent is seen by one turn of the loop. */
static void turn(struct rig *rig)
{
    ck_assert_int_ge(event_base_loop(rig->base, EVLOOP_NONBLOCK), 0);
}

static void hears_the_answer(int far)
{
    char heard[sizeof(ANSWER)] = "";
    ck_assert_int_eq(recv(far, heard, sizeof(heard), MSG_WAITALL), sizeof(ANSWER) - 1);
    ck_assert_str_eq(heard, ANSWER);
    ck_assert_int_eq(recv(far, heard, sizeof(heard), 0), 0); /* and then the end, no reset */
}

START_TEST(the_answer_arrives_wherever_the_request_is_cut)
{
    struct rig rig;
    char first[sizeof(REQUEST)] = "";
    int near;
    rig_open(&rig);
    memcpy(first, REQUEST, (size_t)_i);
    int far = refused(&rig, first, &near);
    for (size_t sent = (size_t)_i; sent < sizeof(REQUEST) - 1; sent++) {
        ck_assert_int_eq(send(far, REQUEST + sent, 1, MSG_NOSIGNAL), 1);
        turn(&rig);
    }
    hears_the_answer(far);
    close(far);
    turn(&rig);
    ck_assert(!is_open(near));
    rig_close(&rig);
}
END_TEST

START_TEST(whoever_has_said_everything_holds_no_descriptor)
{
    struct rig rig;
    int near;
    rig_open(&rig);
    int far = refused(&rig, REQUEST, &near);
    ck_assert(!is_open(near));
    hears_the_answer(far);
    close(far);
    rig_close(&rig);
}
END_TEST

START_TEST(only_the_last_refused_stay)
{
    enum { COUNT = DOOR_PLACES + 3 };
    struct rig rig;
    int near[COUNT];
    int far[COUNT];
    rig_open(&rig);
    for (size_t i = 0; i < COUNT; i++) {
        far[i] = refused(&rig, "GET", &near[i]);
    }
    for (size_t i = 0; i < COUNT; i++) { /* a second byte to a closed socket is one too many */
        ck_assert_int_eq(send(far[i], "x", 1, MSG_NOSIGNAL), 1);
        turn(&rig);
        bool stays = send(far[i], "x", 1, MSG_NOSIGNAL) == 1;
        ck_assert_int_eq(stays, i >= COUNT - DOOR_PLACES);
    }
    turn(&rig);
    hears_the_answer(far[COUNT - 1]);
    for (size_t i = 0; i < COUNT; i++) {
        close(far[i]);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(whoever_goes_on_sending_is_cut_off)
{
    static const char CHUNK[1024] = {'x'};
    struct rig rig;
    int near;
    size_t sent = 0;
    rig_open(&rig);
    int far = refused(&rig, "", &near);
    while (is_open(near)) {
        ck_assert_uint_le(sent, DOOR_BYTES_MAX + 8192);
        ck_assert_int_eq(send(far, CHUNK, sizeof(CHUNK), MSG_NOSIGNAL), sizeof(CHUNK));
        sent += sizeof(CHUNK);
        turn(&rig);
    }
    ck_assert_uint_gt(sent, DOOR_BYTES_MAX);
    close(far);
    rig_close(&rig);
}
END_TEST

START_TEST(whoever_stays_is_cut_off_after_the_time_although_bytes_drip)
{
    struct rig rig;
    struct timeval from;
    struct timeval to;
    int near;
    rig_open(&rig);
    int far = refused(&rig, "GET", &near);
    ck_assert_int_eq(evutil_gettimeofday(&from, NULL), 0);
    while (is_open(near)) {
        (void)send(far, "x", 1, MSG_NOSIGNAL);
        ck_assert_int_ge(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    }
    ck_assert_int_eq(evutil_gettimeofday(&to, NULL), 0);
    long took_ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_usec - from.tv_usec) / 1000;
    ck_assert_int_ge(took_ms, 10);
    ck_assert_int_lt(took_ms, DOOR_LINGER_MS * 5);
    close(far);
    rig_close(&rig);
}
END_TEST

START_TEST(who_stays_is_closed_with_the_door)
{
    struct rig rig;
    int near;
    rig_open(&rig);
    int far = refused(&rig, "GET", &near);
    ck_assert(is_open(near));
    rig_close(&rig);
    ck_assert(!is_open(near));
    close(far);
    door_free(&rig.door);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("door");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, the_answer_arrives_wherever_the_request_is_cut, 0, sizeof(REQUEST));
    tcase_add_test(tcase, whoever_has_said_everything_holds_no_descriptor);
    tcase_add_test(tcase, only_the_last_refused_stay);
    tcase_add_test(tcase, whoever_goes_on_sending_is_cut_off);
    tcase_add_test(tcase, whoever_stays_is_cut_off_after_the_time_although_bytes_drip);
    tcase_add_test(tcase, who_stays_is_closed_with_the_door);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
