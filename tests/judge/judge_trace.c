/* See judge_trace.h. Lines are parsed here by one table; what they mean is in the files beside. */
#include "tests/judge/judge_trace.h"

#include "common/mem.h"
#include "tests/judge/judge_internal.h"

#include <stdlib.h>

enum { NUMBERS_MAX = 8 };

/* ---- set-up ---- */

static void word_size(struct judge *judge, const uint64_t *n)
{
    bool fits = !judge->sized && n[0] <= CLIENTS_MAX && n[1] <= CLIENTS_MAX && n[2] <= ROOMS_MAX &&
                n[3] <= PUBLISHERS_MAX && n[4] <= EDGES_MAX && n[1] * n[2] <= SEATS_MAX &&
                n[2] * n[3] <= SEATS_MAX && n[3] > 0;
    if (!fits) {
        judge_complain(judge, JUDGE_BAD_LINE, NONE, NONE, 0);
        return;
    }
    judge->sized = true;
    judge->client_count = (uint32_t)n[0];
    judge->user_count = (uint32_t)n[1];
    judge->room_count = (uint32_t)n[2];
    judge->publisher_count = (uint32_t)n[3];
    judge->edge_count = (uint32_t)n[4];
    judge->grace_us = n[5];
    judge->dead_us = n[6];
    judge->clients = mem_new(n[0] + 1, sizeof(*judge->clients));
    judge->logs = mem_new(n[2] + 1, sizeof(*judge->logs));
    judge->online = mem_new(n[1] + 1, sizeof(*judge->online));
    judge->there = mem_new(n[1] * n[2] + 1, sizeof(*judge->there));
    judge->last_numbers = mem_new(n[2] * n[3] + 1, sizeof(*judge->last_numbers));
    judge->seats = judge_seats_new(judge->user_count, judge->room_count, judge->grace_us);
}

static void word_limit(struct judge *judge, const uint64_t *n)
{
    judge->median_max_us = n[0];
    judge->worst_max_us = n[1];
}

/* ---- lines ---- */

/* `form` has a letter for each number: c client, u user, r room, e edge, m message, n any. */
static const struct word {
    const char *word;
    const char *form;
    void (*act)(struct judge *judge, const uint64_t *n);
} words[] = {
    {"size", "nnnnnnn", word_size},
    {"limit", "nn", word_limit},
    {"user", "cu", judge_user},
    {"open", "ce", judge_open},
    {"close", "cnn", judge_close},
    {"bye", "c", judge_bye},
    {"done", "c", judge_done},
    {"ask", "cr", judge_ask},
    {"join", "crnnnnnn", judge_join},
    {"listed", "cru", judge_listed},
    {"joined", "cru", judge_joined},
    {"left", "cru", judge_left},
    {"send", "crm", judge_send},
    {"ok", "crmnn", judge_ok},
    {"error", "crm", judge_error},
    {"abandon", "crm", judge_abandon},
    {"msg", "crnm", judge_heard},
    {"gap", "crnn", judge_gap_told},
    {"fill", "crnm", judge_fill},
    {"epoch", "crnn", judge_new_epoch},
    {"control", "", judge_control},
    {"fault", "", judge_fault},
    {"calm", "", judge_calm},
    {"router_died", "", judge_router_died},
    {"pause", "e", judge_pause},
    {"resume", "e", judge_resume},
    {"may_close", "en", judge_may_close},
    {"excuse", "cn", judge_excuse},
    {"slow", "cn", judge_slow},
    {"quick", "c", judge_quick},
    {"must_stay", "e", judge_must_stay},
    {"log", "rnnm", judge_logged},
    {"there", "ru", judge_there},
    {"online", "un", judge_online},
    {"end", "", judge_end},
};

static bool take_number(struct bytes *rest, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t at = 0;
    while (at < rest->len && rest->data[at] >= '0' && rest->data[at] <= '9') {
        uint64_t digit = rest->data[at] - (uint64_t)'0';
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
        at++;
    }
    if (at == 0 || (at < rest->len && rest->data[at] != ' ')) {
        return false;
    }
    *rest = bytes_slice(*rest, at + 1, SIZE_MAX);
    *ret_number = number;
    return true;
}

static const struct word *take_word(struct bytes *rest)
{
    const uint8_t *space = rest->len == 0 ? NULL : memchr(rest->data, ' ', rest->len);
    size_t len = space == NULL ? rest->len : (size_t)(space - rest->data);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (bytes_equal(bytes_of(rest->data, len), bytes_of_str(words[i].word))) {
            *rest = bytes_slice(*rest, len + 1, SIZE_MAX);
            return &words[i];
        }
    }
    return NULL;
}

static uint64_t limit_of(const struct judge *judge, char letter)
{
    switch (letter) {
    case 'c':
        return judge->client_count;
    case 'u':
        return judge->user_count;
    case 'r':
        return judge->room_count;
    case 'e':
        return judge->edge_count;
    case 'm':
        return JUDGE_MESSAGE_MAX;
    default:
        return UINT64_MAX;
    }
}

static bool take_numbers(const struct judge *judge, const char *form, struct bytes rest,
                         uint64_t *numbers)
{
    size_t count = 0;
    for (; form[count] != 0; count++) {
        if (!take_number(&rest, &numbers[count]) ||
            (form[count] != 'n' && numbers[count] >= limit_of(judge, form[count]))) {
            return false;
        }
    }
    return rest.len == 0;
}

void judge_line(struct judge *judge, struct bytes line)
{
    uint64_t numbers[NUMBERS_MAX] = {0};
    uint64_t now_us = 0;
    judge->line++;
    bool good = take_number(&line, &now_us);
    const struct word *word = good ? take_word(&line) : NULL;
    good = word != NULL && (judge->sized || word->act == word_size) && !judge->ended &&
           now_us >= judge->now_us && take_numbers(judge, word->form, line, numbers);
    if (!good) {
        judge_complain(judge, JUDGE_BAD_LINE, NONE, NONE, judge->line);
        return;
    }
    judge->now_us = now_us;
    word->act(judge, numbers);
}

/* ---- what all files need ---- */

void judge_complain(struct judge *judge, enum judge_rule rule, uint64_t client, uint64_t room,
                    uint64_t detail)
{
    if (rule == JUDGE_HOLDS) {
        return;
    }
    judge->counts.broken[rule]++;
    judge->counts.complaints++;
    if (judge->complaint_count < JUDGE_COMPLAINTS_MAX) {
        judge->complaints[judge->complaint_count++] =
            (struct judge_complaint){rule, judge->now_us, judge->line, client, room, detail};
    }
}

void judge_sample(struct judge_samples *samples, uint64_t value)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity == 0 ? 1024 : samples->capacity * 2;
        samples->values = mem_resize(samples->values, samples->capacity, sizeof(*samples->values));
    }
    samples->values[samples->count++] = value;
}

struct judge_message *judge_message_of(struct judge *judge, uint64_t message)
{
    if (message >= judge->message_capacity) {
        size_t wanted = judge->message_capacity == 0 ? 1024 : judge->message_capacity;
        while (wanted <= message) {
            wanted *= 2;
        }
        judge->messages = mem_resize(judge->messages, wanted, sizeof(*judge->messages));
        memset(&judge->messages[judge->message_capacity], 0,
               (wanted - judge->message_capacity) * sizeof(*judge->messages));
        judge->message_capacity = wanted;
    }
    return &judge->messages[message];
}

struct judge_member *judge_member_of(struct judge *judge, uint64_t client, uint64_t room)
{
    struct judge_client *at = &judge->clients[client];
    for (size_t i = 0; i < at->member_count; i++) {
        if (at->members[i].room == room) {
            return &at->members[i];
        }
    }
    return NULL;
}

/* ---- the whole ---- */

struct judge *judge_new(void)
{
    struct judge *judge = mem_new(1, sizeof(*judge));
    judge->book = judge_book_new(true);
    return judge;
}

static void free_clients(struct judge *judge)
{
    for (uint32_t i = 0; i < judge->client_count; i++) {
        struct judge_client *client = &judge->clients[i];
        for (size_t m = 0; m < client->member_count; m++) {
            u32map_fini(&client->members[m].known);
            u32map_fini(&client->members[m].heard_left);
            u32map_fini(&client->members[m].heard_joined);
            u32map_fini(&client->members[m].gap);
        }
        mem_free(client->members);
    }
    mem_free(judge->clients);
}

void judge_free(struct judge **ref)
{
    struct judge *judge = *ref;
    if (judge == NULL) {
        return;
    }
    free_clients(judge);
    mem_free(judge->logs);
    mem_free(judge->online);
    mem_free(judge->there);
    mem_free(judge->last_numbers);
    mem_free(judge->messages);
    mem_free(judge->pauses.values);
    mem_free(judge->controls.values);
    mem_free(judge->latencies.values);
    mem_free(judge->fault_latencies.values);
    judge_book_free(&judge->book);
    judge_seats_free(&judge->seats);
    mem_free(judge);
    *ref = NULL;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static struct judge_times times_of(const struct judge_samples *samples)
{
    if (samples->count == 0) {
        return (struct judge_times){0};
    }
    qsort(samples->values, samples->count, sizeof(*samples->values), by_value);
    return (struct judge_times){.count = samples->count,
                                .median = samples->values[samples->count / 2],
                                .p99 = samples->values[samples->count * 99 / 100],
                                .worst = samples->values[samples->count - 1]};
}

void judge_finish(struct judge *judge, struct judge_counts *ret_counts)
{
    if (!judge->ended) {
        judge_complain(judge, JUDGE_CUT_SHORT, NONE, NONE, judge->line);
    }
    judge->counts.pause = times_of(&judge->pauses);
    judge->counts.control = times_of(&judge->controls);
    judge->counts.latency = times_of(&judge->latencies);
    judge->counts.in_fault = times_of(&judge->fault_latencies);
    if (judge->median_max_us != 0 && judge->counts.pause.median > judge->median_max_us) {
        judge_complain(judge, JUDGE_PAUSE_MEDIAN, NONE, NONE, judge->counts.pause.median);
    }
    if (judge->worst_max_us != 0 && judge->counts.pause.worst > judge->worst_max_us) {
        judge_complain(judge, JUDGE_PAUSE_WORST, NONE, NONE, judge->counts.pause.worst);
    }
    *ret_counts = judge->counts;
}

const struct judge_complaint *judge_complaint_at(const struct judge *judge, size_t index)
{
    return index < judge->complaint_count ? &judge->complaints[index] : NULL;
}
