/* A worker opens its connections, some at a time, joins their rooms, and then publishes when it is
 * told to. Everything that it learns goes to its part of the shared memory. */
#include "tests/bench/load/worker.h"

#include "common/clock.h"
#include "common/mem.h"
#include "tests/bench/load/client.h"
#include "tests/bench/load/compact_stamp.h"
#include "tests/bench/load/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, WAIT_US = 10000 };

struct worker {
    const struct load_config *config;
    struct shared *shared;
    struct shared_worker *own;
    struct client_loop loop;
    struct client *clients;
    uint32_t first; /* of our connections in the run */
    uint32_t count;
    uint32_t next; /* to be opened */
    uint32_t opening;
    uint64_t last_us; /* of the last delivery while publishing */
    struct publish *publish;
    struct plan_index *index;
    struct buf text;
};

static struct template_values values_of(const struct worker *worker, const struct client *client)
{
    const struct plan *plan = &worker->config->plan;
    struct template_values values = {.pad = 0};
    values.numbers[TEMPLATE_CONN] = client->index;
    values.numbers[TEMPLATE_USER] = plan_user(plan, client->index);
    values.numbers[TEMPLATE_ROOM] = plan_room(plan, client->index, 0);
    values.numbers[TEMPLATE_PEER] = plan_user(plan, plan_peer_conn(plan, client->index));
    values.numbers[TEMPLATE_BYTES] = (uint64_t)worker->config->options.payload_bytes;
    values.token = load_config_token(worker->config, client->index);
    return values;
}

static void source_of(const struct worker *worker, const struct client *client,
                      struct sockaddr_in *ret_source)
{
    enum { LOOPBACK = 0x7f000002 };
    uint32_t addresses = (uint32_t)worker->config->options.addresses;
    *ret_source = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(LOOPBACK + client->index % addresses),
    };
}

static void open_next(struct worker *worker)
{
    const struct load_config *config = worker->config;
    uint32_t at = worker->next++;
    struct client *client = &worker->clients[at];
    const struct load_target *target = &config->targets[client->index % config->target_count];
    struct template_values values = values_of(worker, client);
    buf_clear(&worker->text);
    template_fill(target->path, &values, &worker->text);
    size_t path_len = worker->text.len;
    template_fill(config->headers, &values, &worker->text);
    struct buf request;
    buf_init(&request, 0);
    wire_request(bytes_of_str(target->host), bytes_slice(buf_bytes(&worker->text), 0, path_len),
                 bytes_slice(buf_bytes(&worker->text), path_len, worker->text.len), &request);
    struct sockaddr_in source;
    source_of(worker, client, &source);
    worker->opening++;
    client->begun_us = clock_mono_us();
    client_connect(&worker->loop, client, config->options.addresses > 1 ? &source : NULL,
                   &target->address, buf_bytes(&request));
    buf_fini(&request);
}

static void become_ready(struct worker *worker, struct client *client)
{
    client->ready = true;
    worker->opening--;
    histogram_record(&worker->own->opening, clock_mono_us() - client->begun_us);
    worker->own->counts.ready++;
}

static bool joins_are_answered(const struct worker *worker)
{
    return worker->config->joined.len != 0;
}

static void say(struct worker *worker, struct client *client, const struct template *what,
                const struct template_values *values)
{
    buf_clear(&worker->text);
    template_fill(what, values, &worker->text);
    client_send(&worker->loop, client, worker->config->options.binary ? WIRE_BINARY : WIRE_TEXT,
                buf_bytes(&worker->text));
}

static void join_rooms(struct worker *worker, struct client *client)
{
    const struct plan *plan = &worker->config->plan;
    client->welcomed = true;
    worker->own->counts.opened++;
    uint32_t rooms = plan_room_count(plan, client->index);
    struct template_values values = values_of(worker, client);
    if (worker->config->hello != NULL) {
        say(worker, client, worker->config->hello, &values);
    }
    for (uint32_t i = 0; i < rooms && worker->config->join != NULL; i++) {
        values.numbers[TEMPLATE_ROOM] = plan_room(plan, client->index, i);
        values.numbers[TEMPLATE_ID] = ++client->ids;
        say(worker, client, worker->config->join, &values);
    }
    if (client->state == CLIENT_OPEN && (rooms == 0 || !joins_are_answered(worker))) {
        become_ready(worker, client);
    }
}

static void on_open(void *owner, struct client *client)
{
    struct worker *worker = owner;
    if (worker->config->options.welcomed == NULL) {
        join_rooms(worker, client);
    }
}

/* What stands between `before` and the next quotation mark. */
static struct bytes label_of(struct bytes message, const char *before)
{
    size_t len = before == NULL ? 0 : strlen(before);
    const uint8_t *found = len == 0 ? NULL : memmem(message.data, message.len, before, len);
    if (found == NULL) {
        return BYTES_EMPTY;
    }
    size_t start = (size_t)(found - message.data) + len;
    struct bytes rest = bytes_slice(message, start, message.len);
    const uint8_t *quote = rest.len == 0 ? NULL : memchr(rest.data, '"', rest.len);
    return quote == NULL ? BYTES_EMPTY : bytes_of(rest.data, (size_t)(quote - rest.data));
}

static bool has(struct bytes message, struct bytes text)
{
    return memmem(message.data, message.len, text.data, text.len) != NULL;
}

static void take_answer(struct worker *worker, struct client *client, struct bytes message)
{
    struct bytes joined = buf_bytes(&worker->config->joined);
    if (!client->welcomed) {
        if (has(message, bytes_of_str(worker->config->options.welcomed))) {
            join_rooms(worker, client);
        }
        return;
    }
    if (client->ready || joined.len == 0 || message.len == 0 || !has(message, joined)) {
        return;
    }
    client->joined++;
    if (client->joined == plan_room_count(&worker->config->plan, client->index)) {
        become_ready(worker, client);
    }
}

static void note_delivery(struct worker *worker, uint64_t now_us, const struct stamp *stamp)
{
    uint64_t measured_us =
        atomic_load(&worker->shared->publish_us) + (uint64_t)worker->config->options.warmup * 1000;
    if (worker->last_us != 0 && now_us - worker->last_us > worker->own->pause_us) {
        worker->own->pause_us = now_us - worker->last_us;
    }
    worker->last_us = now_us;
    if (stamp->time_us >= measured_us) {
        histogram_record(&worker->own->latency,
                         now_us > stamp->time_us ? now_us - stamp->time_us : 0);
    }
}

static void take_stamped(struct worker *worker, struct client *client, const struct stamp *stamp)
{
    struct account_stream *stream =
        account_find(client->streams, client->stream_count, stamp->publisher);
    if (stream == NULL) {
        worker->own->account.misrouted++;
        return;
    }
    account_take(stream, stamp->number, &worker->own->account);
    note_delivery(worker, clock_mono_us(), stamp);
    if (plan_answers(&worker->config->plan, client->index, stamp->publisher)) {
        publish_heard(worker->publish, client);
    }
}

static bool next_stamp(const struct worker *worker, struct bytes *text, struct stamp *ret_stamp)
{
    return load_config_compact(worker->config)
               ? compact_stamp_take(text, clock_mono_us(), ret_stamp)
               : stamp_take(text, ret_stamp);
}

/* Stamps may be several. Leaves in `text` what may be the beginning of one more. */
static void take_stamps(struct worker *worker, struct client *client, struct bytes *text)
{
    struct stamp stamp;
    size_t whole = text->len;
    struct bytes message = *text;
    while (next_stamp(worker, text, &stamp)) {
        whole = 0;
        take_stamped(worker, client, &stamp);
    }
    if (whole != 0) {
        take_answer(worker, client, message);
    }
}

/* What a stream may have cut in two is kept until the rest comes. */
static void take_stream(struct worker *worker, struct client *client, struct bytes message)
{
    struct buf *kept = client->tail;
    client->tail = NULL;
    if (kept != NULL) {
        buf_append(kept, message);
        message = buf_bytes(kept);
    }
    take_stamps(worker, client, &message);
    if (message.len != 0 && client->state == CLIENT_OPEN) {
        client->tail = mem_new(1, sizeof(*client->tail));
        buf_init(client->tail, 0);
        buf_append(client->tail, message);
    }
    if (kept != NULL) {
        buf_fini(kept);
        mem_free(kept);
    }
}

static void on_message(void *owner, struct client *client, struct bytes message)
{
    struct worker *worker = owner;
    worker->own->counts.messages++;
    client->heard += client->ready;
    tally_count(&worker->own->kinds, label_of(message, worker->config->options.label), 1);
    if (worker->config->options.stream) {
        take_stream(worker, client, message);
    } else {
        take_stamps(worker, client, &message);
    }
}

static void on_end(void *owner, struct client *client, const char *why)
{
    struct worker *worker = owner;
    if (client->ready) {
        worker->own->counts.closed++;
        tally_count(&worker->own->closes, bytes_of_str(why), 1);
    } else {
        worker->opening--;
        worker->own->counts.failed++;
        tally_count(&worker->own->failures, bytes_of_str(why), 1);
    }
}

static const struct client_callbacks callbacks = {on_open, on_message, on_end};

static void start(struct worker *worker, uint32_t process)
{
    const struct plan *plan = &worker->config->plan;
    worker->own = &worker->shared->workers[process];
    worker->first = plan_first(plan, process);
    worker->count = plan_first(plan, process + 1) - worker->first;
    worker->clients = mem_new(worker->count, sizeof(*worker->clients));
    worker->index = plan_index_new(plan);
    buf_init(&worker->text, 0);
    worker->loop = (struct client_loop){
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .scratch = mem_new(1, CLIENT_SCRATCH),
        .callbacks = &callbacks,
        .owner = worker,
        .mask = process,
        .bytes = &worker->own->counts.bytes,
        .pings = &worker->own->counts.pings,
    };
    for (uint32_t i = 0; i < worker->count; i++) {
        struct client *client = &worker->clients[i];
        client->fd = -1;
        client->key = i;
        client->index = worker->first + i;
        client->streams = plan_streams(plan, worker->index, client->index, &client->stream_count);
    }
    worker->publish = publish_new(worker->config, worker->shared, worker->own, &worker->loop,
                                  worker->clients, worker->count);
}

static void note_laggard(struct shared_worker *own, const struct client *client)
{
    struct sockaddr_in local = {.sin_port = 0};
    socklen_t len = sizeof(local);
    int unread = 0;
    (void)getsockname(client->fd, (struct sockaddr *)&local, &len);
    (void)ioctl(client->fd, FIONREAD, &unread);
    own->laggards[own->laggard_count++] = (struct shared_laggard){
        .conn = client->index,
        .heard = client->heard,
        .unread = (uint32_t)unread,
        .port = ntohs(local.sin_port),
        .unsent = client->output != NULL,
    };
}

/* Who heard how much, and some of those who heard less than others. */
static void count_heard(struct worker *worker)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < worker->count; i++) {
        const struct client *client = &worker->clients[i];
        if (client->state == CLIENT_OPEN && client->ready) {
            tally_count_number(&worker->own->heard, client->heard);
            most = client->heard > most ? client->heard : most;
        }
    }
    for (uint32_t i = 0; i < worker->count; i++) {
        const struct client *client = &worker->clients[i];
        if (client->state == CLIENT_OPEN && client->ready && client->heard < most &&
            worker->own->laggard_count < SHARED_LAGGARDS) {
            note_laggard(worker->own, client);
        }
    }
}

static void finish(struct worker *worker)
{
    count_heard(worker);
    for (uint32_t i = 0; i < worker->count; i++) {
        struct client *client = &worker->clients[i];
        for (uint32_t s = 0; s < client->stream_count; s++) {
            const struct account_stream *stream = &client->streams[s];
            account_close(stream, worker->shared->sent[stream->publisher], &worker->own->account);
        }
        client_drop(client);
        mem_free(client->streams);
    }
    publish_free(&worker->publish);
    plan_index_free(&worker->index);
    buf_fini(&worker->text);
    mem_free(worker->clients);
    mem_free(worker->loop.scratch);
    close(worker->loop.epoll);
    worker->own->finished = true;
}

/* Until when nothing has to be done without an event. */
static uint64_t wait_us(const struct worker *worker, int step)
{
    if (step != STEP_PUBLISH) {
        return WAIT_US;
    }
    uint64_t due_us = publish_due_us(worker->publish);
    uint64_t now_us = clock_mono_us();
    uint64_t left_us = due_us > now_us ? due_us - now_us : 0;
    return left_us > WAIT_US ? WAIT_US : left_us;
}

/* To the microsecond: whole milliseconds would be in every latency, and make bursts of what is due.
 */
static int await_events(const struct worker *worker, int step, struct epoll_event *events)
{
    uint64_t us = wait_us(worker, step);
    struct timespec time = {.tv_nsec = (long)us * 1000};
    int count = epoll_pwait2(worker->loop.epoll, events, EVENTS, &time, NULL);
    if (count < 0 && errno == ENOSYS) { /* before Linux 5.11 */
        count = epoll_wait(worker->loop.epoll, events, EVENTS, (int)((us + 999) / 1000));
    }
    return count;
}

static void turn(struct worker *worker, int step)
{
    struct epoll_event events[EVENTS];
    uint32_t opening_max = (uint32_t)worker->config->options.connecting;
    while (worker->next < worker->count && worker->opening < opening_max) {
        open_next(worker);
    }
    if (step == STEP_PUBLISH) {
        publish_turn(worker->publish, clock_mono_us());
    }
    int count = await_events(worker, step, events);
    for (int i = 0; i < count; i++) {
        client_event(&worker->loop, &worker->clients[events[i].data.u32], events[i].events);
    }
}

void worker_run(const struct load_config *config, struct shared *shared, uint32_t process)
{
    struct worker worker = {.config = config, .shared = shared};
    (void)prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); /* a microsecond instead of fifty */
    start(&worker, process);
    int step = STEP_CONNECT;
    while ((step = atomic_load(&shared->step)) != STEP_FINISH) {
        turn(&worker, step);
    }
    finish(&worker);
}
