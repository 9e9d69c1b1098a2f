#include "common/httpd.h"
#include "tests/support/check_main.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer_ready(void *owner, struct httpd_reply *reply)
{
    reply->code = 503;
    reply->content_type = "application/json";
    buf_append_str(&reply->body, (const char *)owner);
}

static void answer_health(void *owner, struct httpd_reply *reply)
{
    (void)owner;
    buf_append_str(&reply->body, "ok\n");
}

static const struct httpd_route routes[] = {
    {"/health", answer_health}, {"/ready", answer_ready}, {NULL, NULL}};

static const struct httpd_file files[] = {
    {.path = "/", .location = "/page"},
    {.path = "/page",
     .content_type = "text/html",
     .etag = "\"abc\"",
     .policy = "default-src 'self'",
     .body = {(const uint8_t *)"<p>hello", 8}},
    {.path = NULL},
};

struct exchange {
    struct event_base *base;
    char reply[65536];
    size_t len;
};

static void on_reply(evutil_socket_t fd, short what, void *owner)
{
    struct exchange *exchange = owner;
    size_t room = sizeof(exchange->reply) - 1 - exchange->len;
    (void)what;
    ssize_t got = read(fd, exchange->reply + exchange->len, room);
    if (got <= 0) {
        event_base_loopbreak(exchange->base);
        return;
    }
    exchange->len += (size_t)got;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* Sends one request to a fresh server and returns all that comes back until it closes. */
static const char *ask(const char *request, size_t len)
{
    static struct exchange exchange;
    static char json[] = "{\"ready\":false}";
    const struct timeval limit = {15, 0};
    exchange = (struct exchange){.base = event_base_new()};
    struct httpd *httpd = httpd_new(exchange.base, "127.0.0.1:0", routes, json);
    ck_assert_ptr_nonnull(httpd);
    httpd_files(httpd, files);
    int fd = connect_to(httpd_port(httpd));
    struct event *event = event_new(exchange.base, fd, EV_READ | EV_PERSIST, on_reply, &exchange);
    event_add(event, NULL);
    event_base_loopexit(exchange.base, &limit);
    ssize_t sent = send(fd, request, len, MSG_NOSIGNAL);
    ck_assert_int_gt(sent, 0);
    event_base_dispatch(exchange.base);
    event_free(event);
    close(fd);
    httpd_free(&httpd);
    ck_assert_ptr_null(httpd);
    event_base_free(exchange.base);
    exchange.reply[exchange.len] = '\0';
    return exchange.reply;
}

static const struct {
    const char *request;
    const char *status;
    const char *contains;
} requests[] = {
    {"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n"},
    {"GET /health?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n", "Content-Length: 3\r\n"},
    {"GET /ready HTTP/1.0\r\n\r\n", "HTTP/1.0 503 Service Unavailable\r\n",
     "Content-Type: application/json\r\n"},
    {"HEAD /ready HTTP/1.0\r\n\r\n", "HTTP/1.0 503 ", "Content-Length: 15\r\n"},
    {"GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.0 404 Not Found\r\n", "not found\n"},
    {"GET /healthy HTTP/1.0\r\n\r\n", "HTTP/1.0 404 Not Found\r\n", "not found\n"},
    {"POST /health HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.0 405 Method Not Allowed\r\n",
     "Allow: GET, HEAD\r\n"},
    {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 302 Found\r\n", "Location: /page\r\n"},
    {"GET /page?x HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n", "\r\n\r\n<p>hello"},
    {"GET /page HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n", "ETag: \"abc\"\r\n"},
    {"GET /page HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ", "Cache-Control: no-cache\r\n"},
    {"GET /page HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ", "-Policy: default-src 'self'\r\n"},
    {"GET /page HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ", "X-Content-Type-Options: nosniff\r\n"},
    {"GET /page HTTP/1.0\r\nIf-None-Match: \"x\"\r\n\r\n", "HTTP/1.0 200 ", "hello"},
    {"GET /page HTTP/1.0\r\nIf-None-Match: W/\"abc\"\r\n\r\n", "HTTP/1.0 304 Not Modified\r\n",
     "ETag: \"abc\"\r\n"},
    {"GET /page HTTP/1.0\r\nIf-None-Match: \"x\", \"abc\"\r\n\r\n", "HTTP/1.0 304 ", "\r\n\r\n"},
    {"HEAD /page HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ", "Content-Length: 8\r\n"},
    {"POST /page HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.0 405 ", "Allow: GET, HEAD\r\n"},
    {"GET /page/ HTTP/1.0\r\n\r\n", "HTTP/1.0 404 ", "not found\n"},
    {"DELETE /health HTTP/1.0\r\n\r\n", "HTTP/1.0 405 Method Not Allowed\r\n", "only GET"},
};

START_TEST(requests_get_the_answer_of_their_path_and_method)
{
    const char *reply = ask(requests[_i].request, strlen(requests[_i].request));
    ck_assert_msg(strncmp(reply, requests[_i].status, strlen(requests[_i].status)) == 0, "%s",
                  reply);
    ck_assert_msg(strstr(reply, requests[_i].contains) != NULL, "%s", reply);
    if (strncmp(requests[_i].request, "HEAD", 4) == 0) {
        ck_assert_str_eq(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    }
}
END_TEST

/* Behind each of them comes a request that a proxy may have taken for a body. */
static const char *const unframed[] = {
    "HEAD /health HTTP/1.1\r\nContent-Length: 24\r\n\r\n",
    "TRACE /health HTTP/1.1\r\nContent-Length: 24\r\n\r\n",
    "HEAD /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /health HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 24\r\n\r\n",
    "POST /health HTTP/1.1\r\nContent-Length : 24\r\n\r\n",
    "POST /health HTTP/1.1\r\nContent-Length: +0\r\n\r\n",
    "POST /health HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n",
    "POST /health HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
    "GET /health HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "GET /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
};

START_TEST(a_request_whose_end_is_unclear_is_the_last_of_its_connection)
{
    char request[256];
    int len = snprintf(request, sizeof(request), "%sGET /health HTTP/1.1\r\n\r\n", unframed[_i]);
    const char *reply = ask(request, (size_t)len);
    ck_assert_msg(strncmp(reply, "HTTP/1.1 400 ", 13) == 0, "%s", reply);
    ck_assert_msg(strstr(reply, "\r\nConnection: close\r\n") != NULL, "%s", reply);
    ck_assert_msg(strstr(reply + 1, "HTTP/1.1 ") == NULL, "%s", reply);
}
END_TEST

static const char *const framed[] = {
    "GET /health HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "HEAD /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "GET /health HTTP/1.1\r\nContent-Length:\t2\r\n\r\n{}",
    "GET /health HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
};

START_TEST(requests_behind_one_whose_end_is_clear_are_answered)
{
    char request[256];
    int len = snprintf(request, sizeof(request),
                       "%sGET /ready HTTP/1.1\r\nConnection: close\r\n\r\n", framed[_i]);
    const char *reply = ask(request, (size_t)len);
    ck_assert_msg(strncmp(reply, "HTTP/1.1 200 ", 13) == 0, "%s", reply);
    ck_assert_msg(strstr(reply, "HTTP/1.1 503 ") != NULL, "%s", reply);
}
END_TEST

START_TEST(headers_without_end_are_cut_off)
{
    static char request[32000];
    int len = snprintf(request, sizeof(request), "GET /health HTTP/1.0\r\nX: ");
    memset(request + len, 'x', sizeof(request) - (size_t)len);
    const char *reply = ask(request, sizeof(request));
    ck_assert_ptr_null(strstr(reply, " 200 "));
}
END_TEST

START_TEST(a_body_above_the_limit_is_refused)
{
    const char request[] = "POST /health HTTP/1.0\r\nContent-Length: 70000\r\n\r\nx";
    const char *reply = ask(request, sizeof(request) - 1);
    ck_assert_ptr_null(strstr(reply, " 405 "));
    ck_assert_ptr_null(strstr(reply, " 200 "));
}
END_TEST

static const char *const bad_addresses[] = {"",
                                            "9100",
                                            ":9100",
                                            "localhost:9100",
                                            "127.0.0.1",
                                            "127.0.0.1:",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:1x",
                                            "127.0.0.1:-1",
                                            "::1:9100",
                                            "[::1]9100",
                                            "[::1",
                                            "[127.0.0.1]:80",
                                            "1.2.3:80",
                                            "127.0.0.1:0:0",
                                            "[::1]",
                                            "[]:80",
                                            "127.0.0.1: 80",
                                            "[1111:2222:3333:4444:5555:6666:7777:8888:9]:1"};

START_TEST(an_address_that_is_not_numeric_host_and_port_is_refused)
{
    struct event_base *base = event_base_new();
    errno = 0;
    ck_assert_ptr_null(httpd_new(base, bad_addresses[_i], routes, NULL));
    ck_assert_int_eq(errno, EINVAL);
    event_base_free(base);
}
END_TEST

static void set_true(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    *(bool *)owner = true;
}

/* Sockets get the lowest number that is free: one of these gets that of the connection. */
START_TEST(the_loop_still_watches_whoever_gets_the_number_of_a_closed_connection)
{
    enum { PIPES = 4 };
    struct event_base *base = event_base_new();
    struct httpd *httpd = httpd_new(base, "127.0.0.1:0", routes, NULL);
    const char request[] = "GET /health HTTP/1.0\r\n\r\n";
    char answer[1000];
    int client = connect_to(httpd_port(httpd));
    ck_assert_int_gt(send(client, request, sizeof(request) - 1, MSG_NOSIGNAL), 0);
    ssize_t got = -1;
    while (got != 0) { /* until the server closes it */
        event_base_loop(base, EVLOOP_NONBLOCK);
        got = read(client, answer, sizeof(answer));
    }
    int ends[PIPES][2];
    bool heard[PIPES] = {false};
    struct event *events[PIPES];
    for (int i = 0; i < PIPES; i++) {
        ck_assert_int_eq(pipe(ends[i]), 0);
        events[i] = event_new(base, ends[i][0], EV_READ, set_true, &heard[i]);
        event_add(events[i], NULL);
        ck_assert_int_eq(write(ends[i][1], "x", 1), 1);
    }
    event_base_loop(base, EVLOOP_NONBLOCK);
    for (int i = 0; i < PIPES; i++) {
        ck_assert_msg(heard[i], "pipe %d is not watched", i);
        event_free(events[i]);
        close(ends[i][0]);
        close(ends[i][1]);
    }
    close(client);
    httpd_free(&httpd);
    event_base_free(base);
}
END_TEST

START_TEST(an_address_in_use_is_told)
{
    struct event_base *base = event_base_new();
    char address[32];
    struct httpd *first = httpd_new(base, "127.0.0.1:0", routes, NULL);
    ck_assert_ptr_nonnull(first);
    snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)httpd_port(first));
    ck_assert_ptr_null(httpd_new(base, address, routes, NULL));
    ck_assert_int_eq(errno, EADDRINUSE);
    httpd_free(&first);
    event_base_free(base);
}
END_TEST

START_TEST(an_ipv6_address_in_brackets_is_taken)
{
    struct event_base *base = event_base_new();
    struct httpd *httpd = httpd_new(base, "[::1]:0", routes, NULL);
    /* Machines without IPv6 say so, but not that the address makes no sense. */
    ck_assert(httpd != NULL || (errno != EINVAL && errno != 0));
    ck_assert(httpd == NULL || httpd_port(httpd) != 0);
    httpd_free(&httpd);
    event_base_free(base);
}
END_TEST

/* ---- answers that come later ---- */

static const struct httpd_answer busy = {.code = 503, .retry_after_s = 1};

struct serving {
    struct event_base *base;
    struct httpd *httpd;
    uint64_t ids[4];
    size_t count;
    struct buf seen; /* method, path, query, body and header of the last one */
    struct exchange exchange;
};

static void on_request(void *owner, const struct httpd_request *request)
{
    struct serving *serving = owner;
    serving->ids[serving->count++] = request->id;
    buf_clear(&serving->seen);
    const struct bytes parts[] = {request->method, request->path,          request->query,
                                  request->body,   request->authorization, request->content_type,
                                  request->peer};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        buf_append(&serving->seen, parts[i]);
        buf_append_byte(&serving->seen, '|');
    }
}

static void serving_init(struct serving *serving, uint32_t requests_max)
{
    *serving = (struct serving){.base = event_base_new()};
    serving->exchange.base = serving->base;
    buf_init(&serving->seen, 0);
    serving->httpd = httpd_new(serving->base, "127.0.0.1:0", routes, NULL);
    httpd_serve(serving->httpd, &(struct httpd_serve){.prefix = "/v1/",
                                                      .body_bytes_max = 1000,
                                                      .requests_max = requests_max,
                                                      .busy = &busy,
                                                      .handle = on_request,
                                                      .owner = serving});
}

static void serving_fini(struct serving *serving)
{
    httpd_free(&serving->httpd);
    event_base_free(serving->base);
    buf_fini(&serving->seen);
}

static int say(const struct serving *serving, const char *request)
{
    int fd = connect_to(httpd_port(serving->httpd));
    ck_assert_int_gt(send(fd, request, strlen(request), MSG_NOSIGNAL), 0);
    return fd;
}

/* Until so many requests have come. */
static void serve_until(const struct serving *serving, size_t count)
{
    while (serving->count < count) {
        event_base_loop(serving->base, EVLOOP_ONCE);
    }
}

static const char *hear(struct serving *serving, int fd)
{
    struct event *event =
        event_new(serving->base, fd, EV_READ | EV_PERSIST, on_reply, &serving->exchange);
    serving->exchange.len = 0;
    event_add(event, NULL);
    event_base_dispatch(serving->base);
    event_free(event);
    close(fd);
    serving->exchange.reply[serving->exchange.len] = 0;
    return serving->exchange.reply;
}

#define POST                                                                                       \
    "POST /v1/a%2Fb?c=%20d HTTP/1.1\r\nConnection: close\r\nAuthorization: Bearer k\r\n"           \
    "Content-Type: text/x\r\nContent-Length: 4\r\n\r\nbody"

START_TEST(a_served_request_comes_whole_and_is_answered_later)
{
    struct serving serving;
    serving_init(&serving, 4);
    int fd = say(&serving, POST);
    serve_until(&serving, 1);
    ck_assert(bytes_equal(buf_bytes(&serving.seen),
                          BYTES_LIT("POST|/v1/a%2Fb|c=%20d|body|Bearer k|text/x|127.0.0.1|")));
    event_base_loop(serving.base, EVLOOP_NONBLOCK);
    httpd_answer(serving.httpd, serving.ids[0],
                 &(struct httpd_answer){.code = 429,
                                        .content_type = "application/json",
                                        .body = BYTES_LIT("{}"),
                                        .retry_after_s = 7});
    const char *reply = hear(&serving, fd);
    ck_assert_ptr_nonnull(strstr(reply, "HTTP/1.1 429 Too Many Requests\r\n"));
    ck_assert_ptr_nonnull(strstr(reply, "Retry-After: 7\r\n"));
    ck_assert_ptr_nonnull(strstr(reply, "\r\n\r\n{}"));
    serving_fini(&serving);
}
END_TEST

START_TEST(requests_beyond_the_limit_are_told_that_we_are_busy)
{
    struct serving serving;
    serving_init(&serving, 1);
    int first = say(&serving, POST);
    serve_until(&serving, 1);
    const char *reply = hear(&serving, say(&serving, POST));
    ck_assert_ptr_nonnull(strstr(reply, " 503 Service Unavailable\r\n"));
    ck_assert_ptr_nonnull(strstr(reply, "Retry-After: 1\r\n"));
    ck_assert_uint_eq(serving.count, 1);
    close(first);
    serving_fini(&serving);
}
END_TEST

/* 0: answered before the server notices, 1: after, 2: never. */
START_TEST(an_answer_to_a_client_that_has_gone_is_harmless)
{
    struct serving serving;
    const struct linger reset = {1, 0};
    serving_init(&serving, 4);
    int fd = say(&serving, POST);
    serve_until(&serving, 1);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(fd);
    for (int i = 0; i < 10 && _i != 0; i++) {
        event_base_loop(serving.base, EVLOOP_NONBLOCK);
    }
    if (_i != 2) {
        httpd_answer(serving.httpd, serving.ids[0], &(struct httpd_answer){.code = 200});
    }
    for (int i = 0; i < 10; i++) {
        event_base_loop(serving.base, EVLOOP_NONBLOCK);
    }
    serving_fini(&serving);
}
END_TEST

START_TEST(a_body_above_twice_the_limit_never_comes)
{
    struct serving serving;
    serving_init(&serving, 4);
    const char *reply = hear(&serving, say(&serving, "POST /v1/a HTTP/1.1\r\n"
                                                     "Content-Length: 2001\r\n\r\nx"));
    ck_assert_ptr_nonnull(strstr(reply, " 413 "));
    ck_assert_uint_eq(serving.count, 0);
    serving_fini(&serving);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("httpd");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    (void)signal(SIGPIPE, SIG_IGN);
    tcase_add_loop_test(tcase, requests_get_the_answer_of_their_path_and_method, 0, ROWS(requests));
    tcase_add_loop_test(tcase, a_request_whose_end_is_unclear_is_the_last_of_its_connection, 0,
                        ROWS(unframed));
    tcase_add_loop_test(tcase, requests_behind_one_whose_end_is_clear_are_answered, 0,
                        ROWS(framed));
    tcase_add_test(tcase, headers_without_end_are_cut_off);
    tcase_add_test(tcase, a_body_above_the_limit_is_refused);
    tcase_add_loop_test(tcase, an_address_that_is_not_numeric_host_and_port_is_refused, 0,
                        ROWS(bad_addresses));
    tcase_add_test(tcase, an_address_in_use_is_told);
    tcase_add_test(tcase, the_loop_still_watches_whoever_gets_the_number_of_a_closed_connection);
    tcase_add_test(tcase, an_ipv6_address_in_brackets_is_taken);
    tcase_add_test(tcase, a_served_request_comes_whole_and_is_answered_later);
    tcase_add_test(tcase, requests_beyond_the_limit_are_told_that_we_are_busy);
    tcase_add_loop_test(tcase, an_answer_to_a_client_that_has_gone_is_harmless, 0, 3);
    tcase_add_test(tcase, a_body_above_twice_the_limit_never_comes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
