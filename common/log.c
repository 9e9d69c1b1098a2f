/* The sink: one write(2) per line to stderr, so that lines of several threads or processes do not
 * mix. A line that cannot be written is lost; a server must not stop for its log. */
#include "common/log.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/log_format.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* The one piece of global state (house style, rule 11). */
static struct {
    pthread_mutex_t lock; /* guards what follows; the two atoms are read without it */
    struct log_limit limits[LOG_EVENT_COUNT];
    uint64_t suppressed_count; /* lines that no log.suppressed has told of yet */
    atomic_bool json;
    atomic_int level_min;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .level_min = LOG_INFO};

static void write_all(struct bytes line)
{
    while (line.len != 0) {
        ssize_t written = write(STDERR_FILENO, line.data, line.len);
        if (written < 0 && errno != EINTR) {
            return;
        }
        if (written > 0) {
            line = bytes_slice(line, (size_t)written, line.len);
        }
    }
}

static void write_line(enum log_event_id id, const struct log_field *fields, size_t count)
{
    struct buf line;
    buf_init(&line, 0); /* a few fields of a limited size each */
    log_format(&line, atomic_load(&sink.json), clock_wall_ms(), id, fields, count);
    write_all(buf_bytes(&line));
    buf_fini(&line);
}

/* Tells of windows that have ended. Called with every line, so that the number is not much late. */
static void report_suppressed(uint64_t now_ms)
{
    for (int id = 0; id < LOG_EVENT_COUNT && sink.suppressed_count != 0; id++) {
        uint64_t lines = log_limit_take_suppressed(&sink.limits[id], now_ms);
        if (lines != 0) {
            const struct log_field fields[] = {
                LOG_I(NULL, 0), LOG_S("event", log_event_name((enum log_event_id)id)),
                LOG_U("lines", lines)};
            write_line(LOG_SUPPRESSED, fields, sizeof(fields) / sizeof(fields[0]));
            sink.suppressed_count -= lines;
        }
    }
}

void log_emit(enum log_event_id id, const struct log_field *fields, size_t count)
{
    if (!log_enabled(log_event_level(id))) {
        return;
    }
    int saved_errno = errno; /* callers log between a failure and their answer */
    uint64_t now_ms = clock_mono_ms();
    (void)pthread_mutex_lock(&sink.lock);
    report_suppressed(now_ms);
    if (!log_event_limited(id) || log_limit_admit(&sink.limits[id], now_ms)) {
        write_line(id, fields, count);
    } else {
        sink.suppressed_count++;
    }
    (void)pthread_mutex_unlock(&sink.lock);
    errno = saved_errno;
}

void log_configure(bool json, enum log_level level_min)
{
    atomic_store(&sink.json, json);
    atomic_store(&sink.level_min, (int)level_min);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load(&sink.level_min);
}
