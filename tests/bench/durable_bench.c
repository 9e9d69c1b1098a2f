/* Durable publishing through the whole system, over real WebSockets of running edges:
 * durable_bench [-p PUBLISHERS] [-w WINDOW | -r RATE] [-s SECONDS] [-g ROOMS] [-n PREFIX] [-d DIR]
 * PORT…
 *
 *   -w   closed loop: each publisher has WINDOW messages unacknowledged at any time
 *   -r   open loop: RATE messages a second in all, evenly, whether answered or not; the time of an
 *        acknowledgement counts from when the message was due, so that a stall is not hidden
 *   -g   rooms, one publisher after the other (default: one each)
 *   -n   what the rooms' names begin with, for instance a namespace
 *   -d   measures that disk's own sync time before and after
 *
 * The router needs --auth insecure and --max-messages-per-second 0. */
#include "common/buf.h"
#include "common/bytes.h"
#include "common/clock.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PUBLISHERS_MAX = 1024,
    SAMPLES_MAX = 16 * 1000 * 1000,
    INFLIGHT_MAX = 65536, /* per publisher, a ring of times */
    WARMUP_US = 1000000,
    PATIENCE_US = 30 * 1000000,
    SYNCS = 200
};

struct publisher {
    int fd;
    bool ready; /* its join is answered */
    char room[64];
    uint64_t sent;
    uint64_t done;
    uint64_t *due_us; /* by number */
    uint8_t in[65536];
    size_t in_len;
    struct buf out;
    size_t out_at;
};

struct bench {
    uint32_t publishers;
    uint32_t window;
    uint64_t rate;
    uint64_t seconds;
    uint32_t rooms;
    const char *prefix;
    const char *dir;
    int ports[16];
    int port_count;
    struct publisher *all;
    struct pollfd *fds;
    uint64_t begin_us; /* of what is counted */
    uint64_t end_us;
    uint64_t acknowledged; /* in that time */
    uint64_t refused;
    uint64_t *samples;
    size_t sample_count;
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "durable_bench: %s\n", what);
    exit(1);
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void print_times(const char *name, uint64_t *samples, size_t count)
{
    if (count == 0) {
        return;
    }
    qsort(samples, count, sizeof(*samples), by_number);
    printf("%-12s p50 %6.2f ms   p90 %6.2f ms   p99 %6.2f ms   p99.9 %6.2f ms   worst %6.2f ms\n",
           name, (double)samples[count / 2] / 1000, (double)samples[count * 9 / 10] / 1000,
           (double)samples[count * 99 / 100] / 1000, (double)samples[count * 999 / 1000] / 1000,
           (double)samples[count - 1] / 1000);
}

static void measure_sync(const char *dir)
{
    char path[512];
    uint8_t page[4096] = {1};
    uint64_t samples[SYNCS];
    size_t count = 0;
    (void)snprintf(path, sizeof(path), "%s/sync.tmp", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && count < SYNCS) {
        uint64_t start = clock_mono_us();
        if (pwrite(fd, page, sizeof(page), (off_t)(count * sizeof(page))) < 0 ||
            fdatasync(fd) != 0) {
            break;
        }
        samples[count++] = clock_mono_us() - start;
    }
    print_times("sync", samples, count);
    close(fd);
    (void)unlink(path);
}

static void print_load(void)
{
    double load[3] = {0, 0, 0};
    (void)getloadavg(load, 3);
    printf("load average %.2f %.2f\n", load[0], load[1]);
}

/* ---- frames ---- */

static void put_text(struct publisher *publisher, const char *text, size_t len)
{
    static const uint8_t mask[4] = {0x12, 0xFE, 0x00, 0x8D};
    uint8_t head[4] = {0x81, (uint8_t)(0x80 | len), 0, 0};
    size_t head_len = 2;
    if (len >= 126) {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        head_len = 4;
    }
    buf_append(&publisher->out, bytes_of(head, head_len));
    buf_append(&publisher->out, bytes_of(mask, sizeof(mask)));
    size_t start = publisher->out.len;
    buf_append(&publisher->out, bytes_of((const uint8_t *)text, len));
    for (size_t i = 0; i < len; i++) {
        publisher->out.data[start + i] ^= mask[i % 4];
    }
}

static void put_message(struct publisher *publisher, uint64_t due_us)
{
    char text[512];
    uint64_t number = ++publisher->sent;
    publisher->due_us[number % INFLIGHT_MAX] = due_us;
    int len = snprintf(text, sizeof(text),
                       "{\"type\":\"room_message\",\"id\":%llu,\"room\":\"%s\",\"echo\":false,"
                       "\"payload\":{\"text\":\"a message of about a hundred bytes, as people "
                       "write them to each other in chats\",\"n\":%llu}}",
                       (unsigned long long)number, publisher->room, (unsigned long long)number);
    put_text(publisher, text, (size_t)len);
}

static void flush(struct publisher *publisher)
{
    struct buf *out = &publisher->out;
    while (publisher->out_at < out->len) {
        ssize_t n = send(publisher->fd, out->data + publisher->out_at, out->len - publisher->out_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                fail("a connection was closed");
            }
            return;
        }
        publisher->out_at += (size_t)n;
    }
    buf_clear(out);
    publisher->out_at = 0;
}

static void take_ok(struct bench *bench, struct publisher *publisher, uint64_t number, bool ok)
{
    uint64_t now = clock_mono_us();
    publisher->done++;
    bench->refused += !ok;
    if (ok && now >= bench->begin_us && now < bench->end_us) {
        bench->acknowledged++;
        if (bench->sample_count < SAMPLES_MAX) {
            bench->samples[bench->sample_count++] = now - publisher->due_us[number % INFLIGHT_MAX];
        }
    }
}

static void take_text(struct bench *bench, struct publisher *publisher, const char *text)
{
    const char *id = strstr(text, "\"id\":");
    bool ok = strstr(text, "\"type\":\"ok\"") != NULL;
    if (id != NULL && !publisher->ready) {
        publisher->ready = ok;
        if (!ok) {
            fail(text);
        }
    } else if (id != NULL) {
        if (!ok && bench->refused == 0) {
            (void)fprintf(stderr, "durable_bench: refused: %s\n", text);
        }
        take_ok(bench, publisher, strtoull(id + 5, NULL, 10), ok);
    }
}

/* Takes one frame; the number of its bytes, or 0 when it is not whole. */
static size_t take_frame(struct bench *bench, struct publisher *publisher, uint8_t *at, size_t len)
{
    size_t head = len >= 2 && at[1] == 126 ? 4 : 2;
    if (len < head) {
        return 0;
    }
    size_t body = head == 4 ? (size_t)at[2] << 8 | at[3] : at[1];
    if (body == 127 && head == 2) {
        fail("a frame of more than 64 KiB");
    }
    if (len < head + body) {
        return 0;
    }
    if ((at[0] & 0x0F) == 1) {
        uint8_t next = at[head + body];
        at[head + body] = 0; /* there is room: `in` is never quite full */
        take_text(bench, publisher, (const char *)at + head);
        at[head + body] = next;
    } else if ((at[0] & 0x0F) == 8) {
        fail("a connection was closed by the edge");
    }
    return head + body;
}

static void receive(struct bench *bench, struct publisher *publisher)
{
    ssize_t n = recv(publisher->fd, publisher->in + publisher->in_len,
                     sizeof(publisher->in) - 1 - publisher->in_len, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        fail("a connection was lost");
    }
    publisher->in_len += n > 0 ? (size_t)n : 0;
    size_t at = 0;
    size_t taken;
    while ((taken = take_frame(bench, publisher, publisher->in + at, publisher->in_len - at)) > 0) {
        at += taken;
    }
    memmove(publisher->in, publisher->in + at, publisher->in_len - at);
    publisher->in_len -= at;
}

/* ---- the run ---- */

static void open_publisher(struct bench *bench, uint32_t index)
{
    struct publisher *publisher = &bench->all[index];
    char text[512];
    size_t len = 0;
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = {htonl(INADDR_LOOPBACK)},
        .sin_port = htons((uint16_t)bench->ports[index % (uint32_t)bench->port_count])};
    buf_init(&publisher->out, 0);
    publisher->due_us = mem_new(INFLIGHT_MAX, sizeof(*publisher->due_us));
    (void)snprintf(publisher->room, sizeof(publisher->room), "%s%u", bench->prefix,
                   index % bench->rooms);
    publisher->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(publisher->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        fail(strerror(errno));
    }
    (void)setsockopt(publisher->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    int n = snprintf(text, sizeof(text),
                     "GET /ws?token=p%u HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n",
                     index);
    if (write(publisher->fd, text, (size_t)n) != n) {
        fail("cannot write");
    }
    while (len < 4 || memcmp(text + len - 4, "\r\n\r\n", 4) != 0) {
        if (len + 1 >= sizeof(text) || read(publisher->fd, text + len, 1) != 1) {
            fail("the upgrade was not answered");
        }
        len++;
    }
    if (strncmp(text, "HTTP/1.1 101", 12) != 0) {
        fail("the upgrade was refused");
    }
    n = snprintf(text, sizeof(text), "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}",
                 publisher->room);
    put_text(publisher, text, (size_t)n);
}

static void turn(struct bench *bench, int wait_ms)
{
    for (uint32_t i = 0; i < bench->publishers; i++) {
        struct publisher *publisher = &bench->all[i];
        if (publisher->out.len != 0) {
            flush(publisher);
        }
        bench->fds[i].fd = publisher->fd;
        bench->fds[i].events = publisher->out.len != 0 ? POLLIN | POLLOUT : POLLIN;
    }
    if (poll(bench->fds, bench->publishers, wait_ms) <= 0) {
        return;
    }
    for (uint32_t i = 0; i < bench->publishers; i++) {
        if ((bench->fds[i].revents & ~POLLOUT) != 0) {
            receive(bench, &bench->all[i]);
        }
    }
}

static void await(struct bench *bench, bool (*done)(const struct publisher *publisher),
                  const char *what)
{
    uint64_t until = clock_mono_us() + PATIENCE_US;
    for (uint32_t i = 0; i < bench->publishers; i++) {
        while (!done(&bench->all[i])) {
            turn(bench, 100);
            if (clock_mono_us() > until) {
                fail(what);
            }
        }
    }
}

static bool is_ready(const struct publisher *publisher)
{
    return publisher->ready;
}

static bool is_answered(const struct publisher *publisher)
{
    return publisher->done == publisher->sent;
}

static void send_due(struct bench *bench, uint64_t start_us, uint64_t *sent)
{
    uint64_t now = clock_mono_us();
    uint64_t due = (now - start_us) * bench->rate / 1000000;
    for (; *sent < due; (*sent)++) {
        struct publisher *publisher = &bench->all[*sent % bench->publishers];
        if (publisher->sent - publisher->done >= INFLIGHT_MAX - 1) {
            fail("does not keep up at all");
        }
        put_message(publisher, start_us + *sent * 1000000 / bench->rate);
    }
}

static void fill_windows(struct bench *bench)
{
    uint64_t now = clock_mono_us();
    for (uint32_t i = 0; i < bench->publishers; i++) {
        while (bench->all[i].sent - bench->all[i].done < bench->window) {
            put_message(&bench->all[i], now);
        }
    }
}

static void run(struct bench *bench)
{
    uint64_t start = clock_mono_us();
    uint64_t sent = 0;
    bench->begin_us = start + WARMUP_US;
    bench->end_us = bench->begin_us + bench->seconds * 1000000;
    while (clock_mono_us() < bench->end_us) {
        if (bench->rate != 0) {
            send_due(bench, start, &sent);
            turn(bench, 1);
        } else {
            fill_windows(bench);
            turn(bench, 100);
        }
    }
    await(bench, is_answered, "messages stay without an answer");
}

static void report(struct bench *bench)
{
    char name[32];
    if (bench->rate != 0) {
        (void)snprintf(name, sizeof(name), "open %llu/s", (unsigned long long)bench->rate);
    } else {
        (void)snprintf(name, sizeof(name), "window %u", bench->window);
    }
    printf("%u publishers, %u rooms, %s: %.0f messages/s acknowledged, %llu refused\n",
           bench->publishers, bench->rooms, name,
           (double)bench->acknowledged / (double)bench->seconds,
           (unsigned long long)bench->refused);
    print_times("acknowledge", bench->samples, bench->sample_count);
}

static void read_options(struct bench *bench, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "p:w:r:s:g:n:d:")) != -1) {
        uint64_t number = strtoull(optarg == NULL ? "" : optarg, NULL, 10);
        switch (option) {
        case 'p':
            bench->publishers = (uint32_t)number;
            break;
        case 'w':
            bench->window = (uint32_t)number;
            break;
        case 'r':
            bench->rate = number;
            break;
        case 's':
            bench->seconds = number;
            break;
        case 'g':
            bench->rooms = (uint32_t)number;
            break;
        case 'n':
            bench->prefix = optarg;
            break;
        case 'd':
            bench->dir = optarg;
            break;
        default:
            fail("unknown option; see the head of durable_bench.c");
        }
    }
    while (optind < argc && bench->port_count < 16) {
        bench->ports[bench->port_count++] = (int)strtol(argv[optind++], NULL, 10);
    }
    bench->rooms = bench->rooms == 0 ? bench->publishers : bench->rooms;
    if (bench->port_count == 0 || bench->publishers == 0 || bench->publishers > PUBLISHERS_MAX ||
        bench->window == 0 || bench->window >= INFLIGHT_MAX || bench->seconds == 0 ||
        strlen(bench->prefix) > 40) {
        fail("impossible options; see the head of durable_bench.c");
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.publishers = 64, .window = 1, .seconds = 10, .prefix = "bench-"};
    read_options(&bench, argc, argv);
    bench.all = mem_new(bench.publishers, sizeof(*bench.all));
    bench.fds = mem_new(bench.publishers, sizeof(*bench.fds));
    bench.samples = mem_new(SAMPLES_MAX, sizeof(*bench.samples));
    if (bench.dir != NULL) {
        measure_sync(bench.dir);
    }
    for (uint32_t i = 0; i < bench.publishers; i++) {
        open_publisher(&bench, i);
    }
    await(&bench, is_ready, "a join stays without an answer");
    print_load();
    run(&bench);
    print_load();
    report(&bench);
    if (bench.dir != NULL) {
        measure_sync(bench.dir);
    }
    for (uint32_t i = 0; i < bench.publishers; i++) {
        close(bench.all[i].fd);
        buf_fini(&bench.all[i].out);
        mem_free(bench.all[i].due_us);
    }
    mem_free(bench.all);
    mem_free(bench.fds);
    mem_free(bench.samples);
    return 0;
}
