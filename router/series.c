#include "router/series.h"

#include "common/mem.h"

struct series {
    size_t count;
    size_t next; /* where the next one goes */
    struct series_sample samples[SERIES_SAMPLES_MAX];
};

struct series *series_new(void)
{
    return mem_new(1, sizeof(struct series));
}

void series_free(struct series **series)
{
    mem_free(*series);
    *series = NULL;
}

void series_add(struct series *series, const struct series_sample *sample)
{
    series->samples[series->next] = *sample;
    series->next = (series->next + 1) % SERIES_SAMPLES_MAX;
    series->count += series->count < SERIES_SAMPLES_MAX ? 1 : 0;
}

static void write_sample(const struct series_sample *sample, struct buf *out)
{
    static const char *const names[] = {
#define SERIES(id, name) ",\"" name "\":",
#include "router/series.def"
#undef SERIES
    };
    buf_append_str(out, "{\"at\":");
    buf_append_u64(out, sample->at_ms);
    for (size_t i = 0; i < SERIES_COUNT; i++) {
        buf_append_str(out, names[i]);
        buf_append_u64(out, sample->values[i]);
    }
    buf_append_byte(out, '}');
}

void series_write(const struct series *series, size_t limit, struct buf *out)
{
    size_t wanted = limit == 0 ? SERIES_SAMPLES_DEFAULT : limit;
    size_t count = series->count < wanted ? series->count : wanted;
    buf_append_str(out, "{\"intervalMs\":");
    buf_append_u64(out, SERIES_INTERVAL_MS);
    buf_append_str(out, ",\"samples\":[");
    for (size_t i = count; i > 0; i--) {
        buf_append_str(out, i == count ? "" : ",");
        write_sample(&series->samples[(series->next + SERIES_SAMPLES_MAX - i) % SERIES_SAMPLES_MAX],
                     out);
    }
    buf_append_str(out, "]}\n");
}
