/* See judge_book.h. Logs of one number (its epochs) are chained from a map. */
#include "tests/judge/judge_book.h"

#include "common/mem.h"
#include "common/u32map.h"

struct book_log {
    uint32_t log;
    uint64_t epoch;
    size_t next;        /* of the same number, + 1 */
    uint64_t *messages; /* by offset */
    size_t capacity;
    uint64_t top;
};

struct book_message {
    struct judge_place place; /* where it was seen last */
    uint64_t accepted_life;
    bool accepted;
};

struct judge_book {
    bool kept;
    struct book_log *logs;
    size_t log_count;
    struct u32map first; /* log number to index */
    struct book_message *messages;
    size_t message_capacity;
};

struct judge_book *judge_book_new(bool kept)
{
    struct judge_book *book = mem_new(1, sizeof(*book));
    book->kept = kept;
    u32map_init(&book->first);
    return book;
}

void judge_book_free(struct judge_book **book)
{
    if (*book == NULL) {
        return;
    }
    for (size_t i = 0; i < (*book)->log_count; i++) {
        mem_free((*book)->logs[i].messages);
    }
    mem_free((*book)->logs);
    mem_free((*book)->messages);
    u32map_fini(&(*book)->first);
    mem_free(*book);
    *book = NULL;
}

static struct book_log *find_log(const struct judge_book *book, uint32_t log, uint64_t epoch)
{
    uint32_t first = 0;
    if (!u32map_get(&book->first, log, &first)) {
        return NULL;
    }
    for (size_t at = first + 1U; at != 0; at = book->logs[at - 1].next) {
        if (book->logs[at - 1].epoch == epoch) {
            return &book->logs[at - 1];
        }
    }
    return NULL;
}

static struct book_log *log_of(struct judge_book *book, uint32_t log, uint64_t epoch)
{
    struct book_log *known = find_log(book, log, epoch);
    if (known != NULL) {
        return known;
    }
    book->logs = mem_resize(book->logs, book->log_count + 1, sizeof(*book->logs));
    uint32_t before = 0;
    bool has_before = u32map_get(&book->first, log, &before);
    book->logs[book->log_count] =
        (struct book_log){.log = log, .epoch = epoch, .next = has_before ? before + 1U : 0};
    u32map_set(&book->first, log, (uint32_t)book->log_count);
    return &book->logs[book->log_count++];
}

/* Room for index `at` in an array of `size` bytes each; what is new is zero. */
static void *grown(void *array, size_t *capacity, uint64_t at, size_t size)
{
    if (at < *capacity) {
        return array;
    }
    size_t wanted = *capacity == 0 ? 64 : *capacity;
    while (wanted <= at) {
        wanted *= 2;
    }
    uint8_t *larger = mem_resize(array, wanted, size);
    memset(larger + *capacity * size, 0, (wanted - *capacity) * size);
    *capacity = wanted;
    return larger;
}

static struct book_message *message_of(struct judge_book *book, uint64_t message)
{
    book->messages =
        grown(book->messages, &book->message_capacity, message, sizeof(*book->messages));
    return &book->messages[message];
}

enum judge_rule judge_book_seen(struct judge_book *book, const struct judge_place *place,
                                uint64_t message)
{
    if (place->offset > JUDGE_OFFSET_MAX || message == 0 || message > JUDGE_MESSAGE_MAX ||
        place->log == UINT32_MAX) {
        return JUDGE_BAD_LINE;
    }
    struct book_log *at = log_of(book, place->log, place->epoch);
    at->messages = grown(at->messages, &at->capacity, place->offset, sizeof(*at->messages));
    if (at->messages[place->offset] == 0) {
        at->messages[place->offset] = message;
        at->top = place->offset > at->top ? place->offset : at->top;
    }
    if (at->messages[place->offset] != message) {
        return JUDGE_TWO_MESSAGES;
    }
    struct book_message *known = message_of(book, message);
    struct judge_place before = known->place;
    known->place = *place;
    if (before.offset != 0 && before.log == place->log && before.epoch == place->epoch &&
        before.offset != place->offset) {
        return JUDGE_TWO_OFFSETS;
    }
    bool repeated = known->accepted && known->accepted_life < place->life && !book->kept;
    return repeated ? JUDGE_REPEATED : JUDGE_HOLDS;
}

enum judge_rule judge_book_accepted(struct judge_book *book, uint64_t life, uint64_t message)
{
    if (message == 0 || message > JUDGE_MESSAGE_MAX) {
        return JUDGE_BAD_LINE;
    }
    struct book_message *known = message_of(book, message);
    if (known->accepted) {
        return JUDGE_ACCEPTED_TWICE;
    }
    known->accepted = true;
    known->accepted_life = life;
    return JUDGE_HOLDS;
}

bool judge_book_is_accepted(const struct judge_book *book, uint64_t message)
{
    return message < book->message_capacity && book->messages[message].accepted;
}

uint64_t judge_book_at(const struct judge_book *book, uint32_t log, uint64_t epoch, uint64_t offset)
{
    const struct book_log *at = find_log(book, log, epoch);
    return at != NULL && offset < at->capacity ? at->messages[offset] : 0;
}

bool judge_book_next(const struct judge_book *book, size_t *cursor, struct judge_place *ret_last)
{
    if (*cursor >= book->log_count) {
        return false;
    }
    const struct book_log *log = &book->logs[(*cursor)++];
    *ret_last = (struct judge_place){.log = log->log, .epoch = log->epoch, .offset = log->top};
    return true;
}
