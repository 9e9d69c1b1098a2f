#include "common/metrics.h"

#include "common/bytes.h"
#include "common/mem.h"

#include <assert.h>
#include <stdio.h>

/* Cells of one row. A counter or gauge has one cell for each label value; a histogram has, for each
 * label value, one cell for each bucket and one for +Inf (not cumulative: an observation is one
 * addition; exposing adds them up). */
struct cells {
    int64_t *cells;
    double *sums; /* of a histogram, one for each label value */
    size_t value_count;
    size_t stride; /* cells for each label value */
};

struct metrics {
    const struct metric_spec *specs;
    size_t count;
    char *server_id;
    struct cells rows[];
};

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

/* Next word of a space-separated list; false at the end. */
static bool next_word(const char **rest, struct bytes *ret_word)
{
    while (**rest == ' ') {
        (*rest)++;
    }
    size_t len = strcspn(*rest, " ");
    *ret_word = bytes_of(*rest, len);
    *rest += len;
    return len != 0;
}

static size_t count_values(const struct metric_spec *spec)
{
    size_t count = 0;
    const char *rest = spec->values;
    struct bytes word;
    while (spec->label[0] != '\0' && next_word(&rest, &word)) {
        count++;
    }
    assert((spec->label[0] == '\0' || count != 0) && "a label without values");
    return count == 0 ? 1 : count;
}

struct metrics *metrics_new(const struct metric_spec *specs, size_t count, const char *server_id)
{
    struct metrics *metrics = mem_new(1, sizeof(*metrics) + count * sizeof(metrics->rows[0]));
    metrics->specs = specs;
    metrics->count = count;
    metrics->server_id = mem_copy_str(bytes_of_str(server_id));
    for (size_t id = 0; id < count; id++) {
        struct cells *row = &metrics->rows[id];
        row->value_count = count_values(&specs[id]);
        row->stride = specs[id].kind == METRIC_HISTOGRAM ? specs[id].buckets.count + 1 : 1;
        row->cells = mem_new(row->value_count * row->stride, sizeof(*row->cells));
        if (specs[id].kind == METRIC_HISTOGRAM) {
            row->sums = mem_new(row->value_count, sizeof(*row->sums));
        }
    }
    return metrics;
}

void metrics_free(struct metrics **metrics)
{
    if (*metrics == NULL) {
        return;
    }
    for (size_t id = 0; id < (*metrics)->count; id++) {
        mem_free((*metrics)->rows[id].cells);
        mem_free((*metrics)->rows[id].sums);
    }
    mem_free((*metrics)->server_id);
    mem_free(*metrics);
    *metrics = NULL;
}

static int64_t *cell_at(const struct metrics *metrics, size_t id, size_t value_index)
{
    assert(id < metrics->count && value_index < metrics->rows[id].value_count);
    return &metrics->rows[id].cells[value_index * metrics->rows[id].stride];
}

static int64_t *plain_cell(const struct metrics *metrics, size_t id, size_t value_index)
{
    int64_t *cell = cell_at(metrics, id, value_index);
    assert(metrics->specs[id].kind != METRIC_HISTOGRAM && "a histogram takes observations");
    return cell;
}

void metrics_add(struct metrics *metrics, size_t id, size_t value_index, int64_t delta)
{
    *plain_cell(metrics, id, value_index) += delta;
}

void metrics_set(struct metrics *metrics, size_t id, size_t value_index, int64_t value)
{
    *plain_cell(metrics, id, value_index) = value;
}

int64_t metrics_get(const struct metrics *metrics, size_t id, size_t value_index)
{
    return *plain_cell(metrics, id, value_index);
}

void metrics_observe(struct metrics *metrics, size_t id, size_t value_index, double value)
{
    int64_t *cells = cell_at(metrics, id, value_index);
    const struct metric_spec *spec = &metrics->specs[id];
    assert(spec->kind == METRIC_HISTOGRAM && "only a histogram takes observations");
    size_t bucket = 0;
    while (bucket < spec->buckets.count && value > spec->buckets.bounds[bucket]) {
        bucket++;
    }
    cells[bucket]++;
    metrics->rows[id].sums[value_index] += value;
}

/* exposition */

static void append_i64(struct buf *out, int64_t value)
{
    if (value < 0) {
        buf_append_byte(out, '-');
    }
    buf_append_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void append_double(struct buf *out, double value)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "%.15g", value);
    buf_append(out, bytes_of(text, (size_t)len));
}

/* Seconds are kept in microseconds: cells are whole numbers. */
static void append_value(struct buf *out, const struct metric_spec *spec, int64_t value)
{
    if (strcmp(spec->unit, "seconds") == 0) {
        append_double(out, (double)value / 1e6);
    } else {
        append_i64(out, value);
    }
}

/* Text format 0.0.4: backslash and newline are escaped, in label values the quote too. */
static void append_escaped(struct buf *out, struct bytes text, bool quotes)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '\n') {
            buf_append_str(out, "\\n");
            continue;
        }
        if (byte == '\\' || (quotes && byte == '"')) {
            buf_append_byte(out, '\\');
        }
        buf_append_byte(out, byte);
    }
}

static void append_label(struct buf *out, const char *name, struct bytes value, bool *first)
{
    buf_append_byte(out, *first ? '{' : ',');
    buf_append_str(out, name);
    buf_append_str(out, "=\"");
    append_escaped(out, value, true);
    buf_append_byte(out, '"');
    *first = false;
}

/* One sample's name and labels: `name_suffix{server_id="…",label="…",le="…"} `. */
struct sample {
    const struct metrics *metrics;
    size_t id;
    struct bytes value; /* of the row's label */
};

static void append_sample(const struct sample *sample, const char *suffix, const char *le,
                          struct buf *out)
{
    const struct metric_spec *spec = &sample->metrics->specs[sample->id];
    bool first = true;
    buf_append_str(out, spec->name);
    buf_append_str(out, suffix);
    if (spec->with_server_id != 0) {
        append_label(out, "server_id", bytes_of_str(sample->metrics->server_id), &first);
    }
    if (spec->label[0] != '\0') {
        append_label(out, spec->label, sample->value, &first);
    }
    if (le != NULL) {
        append_label(out, "le", bytes_of_str(le), &first);
    }
    buf_append_str(out, first ? " " : "} ");
}

static void append_histogram(const struct sample *sample, size_t value_index, struct buf *out)
{
    const struct metric_buckets *buckets = &sample->metrics->specs[sample->id].buckets;
    const int64_t *cells = cell_at(sample->metrics, sample->id, value_index);
    int64_t total = 0;
    for (size_t i = 0; i <= buckets->count; i++) {
        char le[40] = "+Inf";
        if (i < buckets->count) {
            (void)snprintf(le, sizeof(le), "%.15g", buckets->bounds[i]);
        }
        total += cells[i];
        append_sample(sample, "_bucket", le, out);
        append_i64(out, total);
        buf_append_byte(out, '\n');
    }
    append_sample(sample, "_sum", NULL, out);
    append_double(out, sample->metrics->rows[sample->id].sums[value_index]);
    buf_append_byte(out, '\n');
    append_sample(sample, "_count", NULL, out);
    append_i64(out, total);
    buf_append_byte(out, '\n');
}

static void append_row(const struct metrics *metrics, size_t id, struct buf *out)
{
    const struct metric_spec *spec = &metrics->specs[id];
    struct sample sample = {metrics, id, BYTES_EMPTY};
    const char *rest = spec->values;
    for (size_t i = 0; i < metrics->rows[id].value_count; i++) {
        if (spec->label[0] != '\0') {
            (void)next_word(&rest, &sample.value); /* as many as value_count */
        }
        if (spec->kind == METRIC_HISTOGRAM) {
            append_histogram(&sample, i, out);
        } else {
            append_sample(&sample, "", NULL, out);
            append_value(out, spec, *cell_at(metrics, id, i));
            buf_append_byte(out, '\n');
        }
    }
}

void metrics_expose(const struct metrics *metrics, struct buf *out)
{
    for (size_t id = 0; id < metrics->count; id++) {
        const struct metric_spec *spec = &metrics->specs[id];
        buf_append_str(out, "# HELP ");
        buf_append_str(out, spec->name);
        buf_append_byte(out, ' ');
        append_escaped(out, bytes_of_str(spec->help), false);
        buf_append_str(out, "\n# TYPE ");
        buf_append_str(out, spec->name);
        buf_append_byte(out, ' ');
        buf_append_str(out, kind_names[spec->kind]);
        buf_append_byte(out, '\n');
        append_row(metrics, id, out);
    }
}

/* reference */

static void append_cell(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        buf_append_str(out, *text == '|' ? "\\" : "");
        buf_append_byte(out, (uint8_t)(*text == '\n' ? ' ' : *text));
    }
}

static void append_labels_cell(struct buf *out, const struct metric_spec *spec)
{
    if (spec->with_server_id != 0) {
        buf_append_str(out, "`server_id`");
    }
    if (spec->label[0] == '\0') {
        return;
    }
    buf_append_str(out, spec->with_server_id != 0 ? ", `" : "`");
    buf_append_str(out, spec->label);
    buf_append_str(out, "`: ");
    const char *rest = spec->values;
    struct bytes word;
    for (bool first = true; next_word(&rest, &word); first = false) {
        buf_append_str(out, first ? "" : ", ");
        buf_append(out, word);
    }
}

void metrics_reference(const struct metric_spec *specs, size_t count, struct buf *out)
{
    buf_append_str(out, "| Metric | Kind | Labels | Unit | What |\n|---|---|---|---|---|\n");
    for (size_t id = 0; id < count; id++) {
        buf_append_str(out, "| `");
        buf_append_str(out, specs[id].name);
        buf_append_str(out, "` | ");
        buf_append_str(out, kind_names[specs[id].kind]);
        buf_append_str(out, " | ");
        append_labels_cell(out, &specs[id]);
        buf_append_str(out, " | ");
        append_cell(out, specs[id].unit);
        buf_append_str(out, " | ");
        append_cell(out, specs[id].help);
        buf_append_str(out, " |\n");
    }
}
