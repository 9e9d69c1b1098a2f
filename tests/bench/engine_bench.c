/* How fast the embedded engine acknowledges on this disk: engine_bench DIR [SECONDS [ROOMS]].
 *
 *   sync        4 KiB written and synced, alone: what the disk itself takes
 *   in flight   as many appends as fit, N of them unacknowledged at any time
 *   paced       5,000 appends a second, evenly; how long each acknowledgement takes */
#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "router/engine/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES_MAX = 4 * 1000 * 1000, SYNCS = 500, PACE = 5000 };

struct bench {
    struct engine *engine;
    uint32_t rooms;
    uint64_t seconds;
    uint64_t sent;
    uint64_t done;
    uint64_t failed;
    uint64_t *sent_us; /* by id */
    uint64_t *samples; /* us from append to completion */
};

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
    printf("%-14s p50 %6.2f ms   p90 %6.2f ms   p99 %6.2f ms   worst %6.2f ms\n", name,
           (double)samples[count / 2] / 1000, (double)samples[count * 9 / 10] / 1000,
           (double)samples[count * 99 / 100] / 1000, (double)samples[count - 1] / 1000);
}

static void measure_sync(const char *dir)
{
    char path[512];
    uint8_t page[4096] = {1};
    uint64_t *samples = mem_new(SYNCS, sizeof(*samples));
    (void)snprintf(path, sizeof(path), "%s/sync.tmp", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    size_t count = 0;
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
    mem_free(samples);
}

static void send_one(struct bench *bench)
{
    static const char payload[] =
        "{\"text\":\"a message of about a hundred bytes, as people write them to each other in "
        "chats\",\"n\":1}";
    char room[32];
    uint64_t id = bench->sent++;
    /* Rooms in a scattered order, as publishers are. */
    uint64_t number = id * 2654435761u % bench->rooms;
    (void)snprintf(room, sizeof(room), "room-%llu", (unsigned long long)number);
    bench->sent_us[id % SAMPLES_MAX] = clock_mono_us();
    bench->engine->ops->append(bench->engine, &(struct engine_append){
                                                  .id = id,
                                                  .kind = ENGINE_ROOM,
                                                  .slot = (uint16_t)(number % 4096),
                                                  .name = bytes_of_str(room),
                                                  .epoch = 1,
                                                  .offset = id + 1,
                                                  .timestamp_ms = clock_wall_ms(),
                                                  .user = BYTES_LIT("user_alice"),
                                                  .server_id = BYTES_LIT("0123456789abcdef"),
                                                  .payload = bytes_of_str(payload),
                                                  .keep_count = 1000000,
                                                  .keep_ms = 86400000,
                                              });
}

static void take_done(struct bench *bench)
{
    struct engine_completion done;
    while (bench->engine->ops->poll(bench->engine, &done)) {
        if (bench->done < SAMPLES_MAX) {
            bench->samples[bench->done] = clock_mono_us() - bench->sent_us[done.id % SAMPLES_MAX];
        }
        bench->done++;
        bench->failed += done.result != ENGINE_OK;
    }
}

static void wait_ms(struct bench *bench, int ms)
{
    struct pollfd fd = {.fd = bench->engine->ops->fd(bench->engine), .events = POLLIN};
    (void)poll(&fd, 1, ms);
    take_done(bench);
}

static void finish(struct bench *bench, const char *name, uint64_t begin, uint64_t first)
{
    while (bench->done < bench->sent) {
        wait_ms(bench, 1000);
    }
    double seconds = (double)(clock_mono_us() - begin) / 1e6;
    struct engine_stats stats;
    bench->engine->ops->stats(bench->engine, &stats);
    printf("%-14s %.0f appends/s, %llu failed%s%s\n", name, (double)(bench->sent - first) / seconds,
           (unsigned long long)bench->failed, stats.trouble == NULL ? "" : ": ",
           stats.trouble == NULL ? "" : stats.trouble);
    print_times("", bench->samples + first, bench->done - first);
}

static void run_in_flight(struct bench *bench, uint64_t in_flight)
{
    char name[32];
    uint64_t first = bench->sent;
    uint64_t begin = clock_mono_us();
    (void)snprintf(name, sizeof(name), "in flight %llu", (unsigned long long)in_flight);
    while (clock_mono_us() < begin + bench->seconds * 1000000 &&
           bench->sent < SAMPLES_MAX - 10000) {
        while (bench->sent - bench->done < in_flight) {
            send_one(bench);
        }
        wait_ms(bench, 1000);
    }
    finish(bench, name, begin, first);
}

static void run_paced(struct bench *bench)
{
    uint64_t first = bench->sent;
    uint64_t begin = clock_mono_us();
    uint64_t now = begin;
    while (now < begin + bench->seconds * 1000000 && bench->sent < SAMPLES_MAX - 10000) {
        while (bench->sent - first < (now - begin) * PACE / 1000000) {
            send_one(bench);
        }
        wait_ms(bench, 1);
        now = clock_mono_us();
    }
    finish(bench, "paced 5000/s", begin, first);
}

int main(int argc, char **argv)
{
    struct bench bench = {.rooms = 200, .seconds = 10};
    struct buf error;
    if (argc < 2) {
        (void)fprintf(stderr, "usage: engine_bench DIR [SECONDS [ROOMS]]\n");
        return 1;
    }
    if (argc > 2) {
        bench.seconds = strtoull(argv[2], NULL, 10);
    }
    if (argc > 3 && strtoul(argv[3], NULL, 10) > 0) {
        bench.rooms = (uint32_t)strtoul(argv[3], NULL, 10);
    }
    buf_init(&error, 0);
    if (engine_embedded_open(&(struct engine_embedded_config){.dir = argv[1]}, &bench.engine,
                             &error) != STATUS_OK) {
        (void)fprintf(stderr, "engine_bench: %.*s\n", (int)error.len, (const char *)error.data);
        return 1;
    }
    bench.sent_us = mem_new(SAMPLES_MAX, sizeof(*bench.sent_us));
    bench.samples = mem_new(SAMPLES_MAX, sizeof(*bench.samples));
    measure_sync(argv[1]);
    run_in_flight(&bench, 1);
    run_in_flight(&bench, 64);
    run_in_flight(&bench, 1024);
    run_paced(&bench);
    bench.engine->ops->close(&bench.engine);
    mem_free(bench.sent_us);
    mem_free(bench.samples);
    buf_fini(&error);
    return 0;
}
