/* Messages on their way: sent, answered, heard, left out and asked for. See judge_internal.h. */
#include "tests/judge/judge_internal.h"
#include "tests/judge/judge_view.h"

static void check_place(struct judge *judge, const struct judge_member *member,
                        const uint64_t *client_room, uint64_t offset, uint64_t message)
{
    const struct judge_place place = {
        .log = (uint32_t)client_room[1], .epoch = member->epoch, .offset = offset};
    judge_complain(judge, judge_book_seen(judge->book, &place, message), client_room[0],
                   client_room[1], offset);
    const struct judge_message *known = judge_message_of(judge, message);
    if (known->sent_us == 0 || known->room != client_room[1]) {
        judge_complain(judge, JUDGE_UNKNOWN, client_room[0], client_room[1], message);
    }
}

/* client, room, message: for the first time, or again with its key */
void judge_send(struct judge *judge, const uint64_t *n)
{
    struct judge_message *message = judge_message_of(judge, n[2]);
    if (message->sent_us != 0) {
        judge->counts.repeated++;
        message->waiting = 1;
        return;
    }
    judge->counts.sent++;
    *message = (struct judge_message){.sent_us = judge->now_us + (judge->now_us == 0),
                                      .room = (uint32_t)n[1],
                                      .waiting = 1,
                                      .in_fault = judge->in_fault};
}

static struct judge_message *answered(struct judge *judge, const uint64_t *n)
{
    struct judge_message *message = judge_message_of(judge, n[2]);
    if (message->waiting == 0) {
        judge_complain(judge, JUDGE_NOBODY_WAITS, n[0], n[1], n[2]);
        return NULL;
    }
    message->waiting = 0;
    return message;
}

/* client, room, message, offset, duplicate */
void judge_ok(struct judge *judge, const uint64_t *n)
{
    struct judge_message *message = answered(judge, n);
    const struct judge_member *member = judge_member_of(judge, n[0], n[1]);
    if (message == NULL || member == NULL) {
        return;
    }
    judge->counts.ok++;
    judge->counts.known += n[4] != 0;
    message->ok_offset = n[3];
    judge_complain(judge, judge_book_accepted(judge->book, 0, n[2]), n[0], n[1], n[2]);
    check_place(judge, member, n, n[3], n[2]);
}

/* client, room, message */
void judge_error(struct judge *judge, const uint64_t *n)
{
    struct judge_message *message = answered(judge, n);
    judge->counts.errors++;
    if (message != NULL) {
        message->refused = true;
    }
}

/* client, room, message: its connection is lost and it has no key, so only the log knows */
void judge_abandon(struct judge *judge, const uint64_t *n)
{
    struct judge_message *message = answered(judge, n);
    if (message != NULL) {
        judge->counts.abandoned++;
        message->abandoned = true;
    }
}

static void time_message(struct judge *judge, struct judge_member *member, uint64_t message)
{
    const struct judge_message *known = judge_message_of(judge, message);
    if (known->sent_us != 0) {
        bool in_fault = judge->in_fault || known->in_fault;
        judge_sample(in_fault ? &judge->fault_latencies : &judge->latencies,
                     judge->now_us - known->sent_us);
    }
    uint64_t silence = member->heard_us == 0 ? 0 : judge->now_us - member->heard_us;
    if (judge->measuring && silence > member->pause_us) {
        member->pause_us = silence;
    }
    member->heard_us = judge->now_us;
}

static struct judge_member *reader(struct judge *judge, const uint64_t *n)
{
    struct judge_member *member = judge_member_of(judge, n[0], n[1]);
    if (member == NULL || !member->joined) {
        judge_complain(judge, JUDGE_NO_MEMBER, n[0], n[1], n[2]);
        return NULL;
    }
    return member;
}

/* client, room, offset, message */
void judge_heard(struct judge *judge, const uint64_t *n)
{
    struct judge_member *member = reader(judge, n);
    if (member == NULL) {
        return;
    }
    judge->counts.delivered++;
    judge_complain(judge, judge_view_message(&member->last_offset, n[2]), n[0], n[1], n[2]);
    check_place(judge, member, n, n[2], n[3]);
    if (!judge->clients[n[0]].slow) {
        time_message(judge, member, n[3]);
    }
}

/* client, room, from, to */
void judge_gap_told(struct judge *judge, const uint64_t *n)
{
    struct judge_member *member = reader(judge, n);
    if (member == NULL || (n[2] == 0 && n[3] == 0)) { /* only what has no offset */
        return;
    }
    enum judge_rule rule = judge_view_gap(&member->last_offset, n[2], n[3]);
    if (rule == JUDGE_HOLDS && n[3] > JUDGE_OFFSET_MAX) {
        rule = JUDGE_BAD_LINE;
    }
    judge_complain(judge, rule, n[0], n[1], n[2]);
    judge->counts.gaps++;
    if (rule != JUDGE_HOLDS) {
        return;
    }
    judge->counts.left_out += n[3] - n[2] + 1;
    for (uint64_t offset = n[2]; offset <= n[3]; offset++) {
        u32map_set(&member->gap, (uint32_t)offset, 1);
    }
    /* Joins and leaves were left out as well. */
    u32map_fini(&member->known);
    u32map_init(&member->known);
}

/* client, room, offset, message: from an answer to history */
void judge_fill(struct judge *judge, const uint64_t *n)
{
    struct judge_member *member = reader(judge, n);
    if (member == NULL) {
        return;
    }
    if (n[2] > JUDGE_OFFSET_MAX || !u32map_remove(&member->gap, (uint32_t)n[2])) {
        judge_complain(judge, JUDGE_FILLED, n[0], n[1], n[2]);
        return;
    }
    judge->counts.filled++;
    check_place(judge, member, n, n[2], n[3]);
}

/* client, room, epoch, offset */
void judge_new_epoch(struct judge *judge, const uint64_t *n)
{
    struct judge_member *member = reader(judge, n);
    judge_complain(judge, JUDGE_EPOCH, n[0], n[1], n[2]);
    if (member != NULL) {
        member->epoch = n[2];
        member->last_offset = n[3];
    }
}
