#include "router/ctl/ctl_top.h"

#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"

#include <string.h>

static const char *const counter_figures[CTL_TOP_COUNTERS] = {
    [CTL_TOP_ROOM_MESSAGES] = "room_messages", [CTL_TOP_DIRECT_MESSAGES] = "direct_messages",
    [CTL_TOP_DELIVERIES] = "deliveries",       [CTL_TOP_BYTES_IN] = "bytes_in",
    [CTL_TOP_BYTES_OUT] = "bytes_out",         [CTL_TOP_REFUSED] = NULL,
};

static const char *const counter_keys[CTL_TOP_COUNTERS] = {
    "roomMessagesPerSecond", "directMessagesPerSecond", "deliveriesPerSecond",
    "bytesInPerSecond",      "bytesOutPerSecond",       "refusedPerSecond",
};

static uint64_t figure(const struct ctl_top_sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->stats->n_figures; i++) {
        if (strcmp(sample->stats->figures[i]->name, name) == 0) {
            return (uint64_t)sample->stats->figures[i]->value;
        }
    }
    return 0;
}

static uint64_t refused(const struct ctl_top_sample *sample)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < sample->stats->n_figures; i++) {
        const Splitrail__Admin__Figure *item = sample->stats->figures[i];
        sum += strncmp(item->name, "errors.", strlen("errors.")) == 0 ? (uint64_t)item->value : 0;
    }
    return sum;
}

void ctl_top_take(struct ctl_top *top, const struct ctl_top_sample *sample)
{
    uint64_t now_ms = sample->stats->as_of_ms;
    uint64_t past_ms = now_ms > top->before_ms ? now_ms - top->before_ms : 0;
    top->has_rates = top->before_ms != 0 && past_ms != 0;
    for (size_t i = 0; i < CTL_TOP_COUNTERS; i++) {
        uint64_t value =
            counter_figures[i] == NULL ? refused(sample) : figure(sample, counter_figures[i]);
        /* A router that has begun anew counts from 0. */
        uint64_t more = value >= top->before[i] ? value - top->before[i] : value;
        top->rates[i] = top->has_rates ? more * 10000 / past_ms : 0;
        top->before[i] = value;
    }
    top->before_ms = now_ms;
}

/* Lines of a screen, cut as they are added. */
struct screen {
    const struct ctl_top_size *size;
    struct buf *out;
    size_t lines;
};

/* Cuts UTF-8 to columns; a line is never empty of its end. */
static void add_line(struct screen *screen, struct bytes line, const char *style)
{
    const struct ctl_top_size *size = screen->size;
    size_t end = 0;
    size_t columns = 0;
    if (size->rows != 0 && screen->lines >= size->rows) {
        return;
    }
    while (end < line.len &&
           (size->columns == 0 || columns < size->columns || (line.data[end] & 0xc0) == 0x80)) {
        columns += (line.data[end] & 0xc0) != 0x80;
        end++;
    }
    bool styled = size->colour && style[0] != 0;
    buf_append_str(screen->out, styled ? style : "");
    buf_append(screen->out, bytes_slice(line, 0, end));
    buf_append_str(screen->out, styled ? "\033[0m\n" : "\n");
    screen->lines++;
}

#define BOLD "\033[1m"
#define RED "\033[31m"

static void add_buf(struct screen *screen, struct buf *line, const char *style)
{
    add_line(screen, buf_bytes(line), style);
    buf_clear(line);
}

static void tenths(struct buf *out, uint64_t value)
{
    buf_append_u64(out, value / 10);
    if (value < 1000) {
        buf_append_byte(out, '.');
        buf_append_byte(out, (uint8_t)('0' + value % 10));
    }
}

static void rate(struct buf *out, const struct ctl_top *top, enum ctl_top_counter counter)
{
    if (!top->has_rates) {
        buf_append_byte(out, '-');
    } else if (counter == CTL_TOP_BYTES_IN || counter == CTL_TOP_BYTES_OUT) {
        ctl_text_size(top->rates[counter] / 10, out);
    } else {
        tenths(out, top->rates[counter]);
    }
    buf_append_str(out, "/s");
}

static void labelled(struct buf *out, const char *label, uint64_t value)
{
    buf_append_str(out, out->len == 0 ? "" : "   ");
    buf_append_str(out, label);
    buf_append_u64(out, value);
}

static void head(struct screen *screen, const struct ctl_top_sample *sample, struct buf *line)
{
    const Splitrail__Admin__Info *info = sample->info->info;
    buf_append_str(line, "splitrail-router ");
    ctl_text_clean(bytes_of_str(info->router_id), line);
    buf_append_str(line, "   up ");
    ctl_text_age(info->uptime_ms, line);
    buf_append_str(line, "   ");
    ctl_text_time(sample->info->as_of_ms, 0, line);
    buf_append_str(line, info->ready ? "   ready" : "   NOT READY:");
    for (size_t i = 0; i < info->n_reasons; i++) {
        buf_append_byte(line, ' ');
        ctl_text_clean(bytes_of_str(info->reasons[i]), line);
    }
    add_buf(screen, line, info->ready ? BOLD : RED);
}

static void totals(struct screen *screen, const struct ctl_top *top,
                   const struct ctl_top_sample *sample, struct buf *line)
{
    static const struct {
        const char *label;
        enum ctl_top_counter counter;
    } rates[] = {
        {"messages ", CTL_TOP_ROOM_MESSAGES},   {"   direct ", CTL_TOP_DIRECT_MESSAGES},
        {"   deliveries ", CTL_TOP_DELIVERIES}, {"   refused ", CTL_TOP_REFUSED},
        {"   edges in ", CTL_TOP_BYTES_IN},     {"   out ", CTL_TOP_BYTES_OUT},
    };
    labelled(line, "users ", figure(sample, "users_online"));
    labelled(line, "connections ", figure(sample, "connections"));
    labelled(line, "in grace ", figure(sample, "detached"));
    labelled(line, "rooms ", figure(sample, "rooms"));
    labelled(line, "members ", figure(sample, "members"));
    buf_append_str(line, "   memory ");
    ctl_text_size(figure(sample, "memory_bytes"), line);
    add_buf(screen, line, "");
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        buf_append_str(line, rates[i].label);
        rate(line, top, rates[i].counter);
    }
    add_buf(screen, line, "");
    add_buf(screen, line, "");
}

/* Adds a printed table line by line: titles in bold. */
static void add_table(struct screen *screen, struct ctl_table *table)
{
    struct buf text;
    buf_init(&text, 0);
    ctl_table_print(table, &text);
    ctl_table_free(&table);
    size_t start = 0;
    for (size_t at = 0; at < text.len; at++) {
        if (text.data[at] == '\n') {
            add_line(screen, bytes_of(text.data + start, at - start), start == 0 ? BOLD : "");
            start = at + 1;
        }
    }
    add_line(screen, BYTES_EMPTY, "");
    buf_fini(&text);
}

static void size_cell(struct ctl_table *table, uint64_t bytes)
{
    struct buf text;
    buf_init(&text, 0);
    ctl_text_size(bytes, &text);
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void edges(struct screen *screen, const struct ctl_top_sample *sample)
{
    static const char *const headers[] = {"EDGE",    "STATE",    ">CONNS",  ">IN GRACE",
                                          ">SILENT", ">UNACKED", ">QUEUED", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    struct buf age;
    buf_init(&age, 0);
    for (size_t i = 0; i < sample->edges->n_edges; i++) {
        const Splitrail__Admin__Edge *edge = sample->edges->edges[i];
        buf_clear(&age);
        ctl_text_age(edge->silent_ms, &age);
        ctl_table_str(table, edge->id);
        ctl_table_str(table, edge->state);
        ctl_table_u64(table, edge->connections);
        ctl_table_u64(table, edge->detached);
        ctl_table_cell(table, buf_bytes(&age));
        size_cell(table, edge->unacked_bytes);
        size_cell(table, edge->queued_bytes);
    }
    buf_fini(&age);
    add_table(screen, table);
}

static uint64_t per_second(uint64_t count, uint64_t window_ms)
{
    return window_ms == 0 ? 0 : count * 10000 / window_ms;
}

static void hot_names(struct screen *screen, const char *title, uint64_t window_ms,
                      Splitrail__Admin__HotName *const *names, size_t count)
{
    const char *headers[] = {title, ">MESSAGES/S", ">BYTES/S", ">DELIVERIES/S", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < count; i++) {
        ctl_table_str(table, names[i]->name);
        buf_clear(&text);
        tenths(&text, per_second(names[i]->messages, window_ms));
        ctl_table_cell(table, buf_bytes(&text));
        size_cell(table, per_second(names[i]->bytes, window_ms) / 10);
        buf_clear(&text);
        tenths(&text, per_second(names[i]->deliveries, window_ms));
        ctl_table_cell(table, buf_bytes(&text));
    }
    buf_fini(&text);
    add_table(screen, table);
}

void ctl_top_draw(const struct ctl_top *top, const struct ctl_top_sample *sample,
                  const struct ctl_top_size *size, struct buf *out)
{
    const Splitrail__Admin__Hot *hot = sample->hot->hot;
    struct screen screen = {.size = size, .out = out};
    struct buf line;
    buf_init(&line, 0);
    head(&screen, sample, &line);
    totals(&screen, top, sample, &line);
    buf_fini(&line);
    edges(&screen, sample);
    hot_names(&screen, "HOT ROOM", hot->window_ms, hot->rooms, hot->n_rooms);
    hot_names(&screen, "SENDER", hot->window_ms, hot->users, hot->n_users);
}

static json_t *real(uint64_t value)
{
    return json_real((double)value / 10);
}

static json_t *names_json(uint64_t window_ms, const char *key,
                          Splitrail__Admin__HotName *const *names, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        ctl_json_set(object, key, ctl_json_text(names[i]->name));
        ctl_json_set(object, "messagesPerSecond", real(per_second(names[i]->messages, window_ms)));
        ctl_json_set(object, "bytesPerSecond", real(per_second(names[i]->bytes, window_ms)));
        ctl_json_set(object, "deliveriesPerSecond",
                     real(per_second(names[i]->deliveries, window_ms)));
        ctl_json_add(array, object);
    }
    return array;
}

static json_t *edges_json(const struct ctl_top_sample *sample)
{
    json_t *array = json_array();
    for (size_t i = 0; i < sample->edges->n_edges; i++) {
        const Splitrail__Admin__Edge *edge = sample->edges->edges[i];
        json_t *object = json_object();
        ctl_json_set(object, "edgeId", ctl_json_text(edge->id));
        ctl_json_set(object, "state", ctl_json_text(edge->state));
        ctl_json_set(object, "connections", ctl_json_number(edge->connections));
        ctl_json_set(object, "queuedBytes", ctl_json_number(edge->queued_bytes));
        ctl_json_set(object, "unackedBytes", ctl_json_number(edge->unacked_bytes));
        ctl_json_add(array, object);
    }
    return array;
}

void ctl_top_json(const struct ctl_top *top, const struct ctl_top_sample *sample, struct buf *out)
{
    static const char *const plain[][2] = {
        {"usersOnline", "users_online"}, {"connections", "connections"},
        {"detached", "detached"},        {"rooms", "rooms"},
        {"members", "members"},          {"memoryBytes", "memory_bytes"}};
    const Splitrail__Admin__Hot *hot = sample->hot->hot;
    json_t *root = json_object();
    ctl_json_set(root, "asOf", ctl_json_number(sample->info->as_of_ms));
    ctl_json_set(root, "routerId", ctl_json_text(sample->info->info->router_id));
    ctl_json_set(root, "ready", json_boolean(sample->info->info->ready));
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        ctl_json_set(root, plain[i][0], ctl_json_number(figure(sample, plain[i][1])));
    }
    for (size_t i = 0; i < CTL_TOP_COUNTERS; i++) {
        ctl_json_set(root, counter_keys[i], top->has_rates ? real(top->rates[i]) : json_null());
    }
    ctl_json_set(root, "edges", edges_json(sample));
    ctl_json_set(root, "hotRooms", names_json(hot->window_ms, "roomId", hot->rooms, hot->n_rooms));
    ctl_json_set(root, "senders", names_json(hot->window_ms, "userId", hot->users, hot->n_users));
    ctl_json_write(root, true, out);
}
