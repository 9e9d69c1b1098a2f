/* The log as it was read from the disk, the router's last answers, and what must be true when all
 * is quiet. See judge_internal.h. */
#include "tests/judge/judge_internal.h"

static void check_order(struct judge *judge, const struct judge_message *known, uint64_t room,
                        uint64_t message)
{
    uint64_t publisher = (message - 1) % judge->publisher_count;
    uint64_t number = (message - 1) / judge->publisher_count;
    uint64_t *last = &judge->last_numbers[room * judge->publisher_count + publisher];
    if (known->refused) { /* what came after it may have been accepted before it was sent again */
        return;
    }
    if (number < *last) {
        judge_complain(judge, JUDGE_LOG_ORDER, NONE, room, message);
    }
    *last = number;
}

/* room, epoch, offset, message */
void judge_logged(struct judge *judge, const uint64_t *n)
{
    struct judge_log *log = &judge->logs[n[0]];
    if (n[3] == 0 || n[2] > JUDGE_OFFSET_MAX) {
        judge_complain(judge, JUDGE_BAD_LINE, NONE, n[0], n[2]);
        return;
    }
    struct judge_message *message = judge_message_of(judge, n[3]);
    judge->counts.logged++;
    if (log->top != 0 && n[1] != log->epoch) {
        judge_complain(judge, JUDGE_EPOCH, NONE, n[0], n[1]);
    }
    if (n[2] != log->top + 1) {
        judge_complain(judge, JUDGE_LOG_HOLE, NONE, n[0], n[2]);
    }
    if (message->sent_us == 0 || message->room != n[0]) {
        judge_complain(judge, JUDGE_UNKNOWN, NONE, n[0], n[3]);
    }
    if (message->log_offset != 0) {
        judge_complain(judge, JUDGE_LOG_TWICE, NONE, n[0], n[3]);
    }
    message->log_offset = n[2];
    log->epoch = n[1];
    log->top = n[2];
    check_order(judge, message, n[0], n[3]);
}

/* room, user: the router says that the user is in it */
void judge_there(struct judge *judge, const uint64_t *n)
{
    judge->there[n[1] * judge->room_count + n[0]] = true;
}

/* user, connections: as the router counts them */
void judge_online(struct judge *judge, const uint64_t *n)
{
    judge->online[n[0]] = n[1];
}

static void check_messages(struct judge *judge)
{
    for (size_t i = 0; i < judge->message_capacity; i++) {
        const struct judge_message *message = &judge->messages[i];
        if (message->waiting != 0) {
            judge_complain(judge, JUDGE_NO_ANSWER, NONE, message->room, i);
        }
        if (message->ok_offset != message->log_offset && message->ok_offset != 0) {
            judge_complain(judge, JUDGE_NOT_IN_LOG, NONE, message->room, i);
        }
    }
}

/* Everything that was seen anywhere. */
static void check_seen(struct judge *judge)
{
    size_t cursor = 0;
    struct judge_place at;
    while (judge_book_next(judge->book, &cursor, &at)) {
        for (uint64_t offset = 1, top = at.offset; offset <= top; offset++) {
            uint64_t message = judge_book_at(judge->book, at.log, at.epoch, offset);
            bool logged = message == 0 || (judge_message_of(judge, message)->log_offset == offset &&
                                           judge_message_of(judge, message)->room == at.log &&
                                           judge->logs[at.log].epoch == at.epoch);
            if (!logged) {
                judge_complain(judge, JUDGE_NOT_IN_LOG, NONE, at.log, offset);
            }
        }
    }
}

static void check_told(struct judge *judge, uint64_t client, const struct judge_member *member)
{
    uint32_t cursor = 0;
    uint32_t user = 0;
    uint32_t known = 0;
    while (u32map_next(&member->known, &cursor, &user, &known)) {
        bool taken = judge_seats_taken(judge->seats, (struct judge_seat){user, member->room});
        if (known != KNOWN_NOT && taken != (known == KNOWN_PRESENT)) {
            judge_complain(judge, JUDGE_TOLD_WRONG, client, member->room, user);
        }
    }
}

static void check_clients(struct judge *judge)
{
    for (uint32_t i = 0; i < judge->client_count; i++) {
        const struct judge_client *client = &judge->clients[i];
        if (client->declared && !client->open && !client->done) {
            judge_complain(judge, JUDGE_NOT_BACK, i, NONE, client->user);
        }
        for (size_t m = 0; client->open && m < client->member_count; m++) {
            const struct judge_member *member = &client->members[m];
            bool has_all = member->joined && member->gap.count == 0 &&
                           (member->last_offset == judge->logs[member->room].top ||
                            judge->logs[member->room].top == 0);
            if (!has_all) {
                judge_complain(judge, JUDGE_BEHIND, i, member->room, member->last_offset);
            }
            check_told(judge, i, member);
        }
    }
}

static void check_listed(struct judge *judge)
{
    for (uint32_t user = 0; user < judge->user_count; user++) {
        for (uint32_t room = 0; room < judge->room_count; room++) {
            bool there = judge->there[(size_t)user * judge->room_count + room];
            bool taken = judge_seats_taken(judge->seats, (struct judge_seat){user, room});
            if (there != taken) {
                judge_complain(judge, there ? JUDGE_GHOST : JUDGE_NOT_LISTED, NONE, room, user);
            }
        }
    }
}

static void check_online(struct judge *judge)
{
    for (uint32_t i = 0; i < judge->client_count; i++) {
        const struct judge_client *client = &judge->clients[i];
        if (client->open && judge->online[client->user]-- == 0) {
            judge->online[client->user] = 0;
            judge_complain(judge, JUDGE_NOT_LISTED, i, NONE, client->user);
        }
    }
    for (uint32_t user = 0; user < judge->user_count; user++) {
        if (judge->online[user] != 0) {
            judge_complain(judge, JUDGE_GHOST, NONE, NONE, user);
        }
    }
}

void judge_end(struct judge *judge, const uint64_t *n)
{
    judge_calm(judge, n);
    judge->ended = true;
    check_messages(judge);
    check_seen(judge);
    check_clients(judge);
    check_listed(judge);
    check_online(judge);
    if (judge->counts.delivered == 0) {
        judge_complain(judge, JUDGE_NOTHING, NONE, NONE, 0);
    }
}
