/* Sockets, rooms, and what members are told of each other. See judge_internal.h. */
#include "common/mem.h"
#include "tests/judge/judge_internal.h"
#include "tests/judge/judge_view.h"

enum { CLOSED_BY_SERVER = 0, CLOSED_WITH_GOODBYE = 1 /* any other: by the client, without */ };

static struct judge_seat seat_of(const struct judge_client *client, uint64_t room)
{
    return (struct judge_seat){client->user, (uint32_t)room};
}

void judge_stand(struct judge *judge, struct judge_client *client, bool stands,
                 struct judge_leave how)
{
    if (client->stands == stands) {
        return;
    }
    client->stands = stands;
    for (size_t i = 0; i < client->member_count; i++) {
        if (!client->members[i].joined) {
            continue;
        }
        struct judge_seat seat = seat_of(client, client->members[i].room);
        if (stands) {
            judge_seats_enter(judge->seats, seat, judge->now_us);
        } else {
            judge_seats_exit(judge->seats, seat, how.noticed_us, how.goodbye);
        }
    }
}

/* client, user */
void judge_user(struct judge *judge, const uint64_t *n)
{
    struct judge_client *client = &judge->clients[n[0]];
    client->declared = true;
    client->user = (uint32_t)n[1];
}

/* client, edge */
void judge_open(struct judge *judge, const uint64_t *n)
{
    struct judge_client *client = &judge->clients[n[0]];
    if (!client->declared || client->open) {
        judge_complain(judge, JUDGE_BAD_LINE, n[0], NONE, n[1]);
        return;
    }
    client->open = true;
    client->done = false;
    client->edge = (uint32_t)n[1];
    client->stands = !judge->edges[n[1]].away;
    judge->counts.opened++;
}

static bool is_excused(const struct judge_codes *codes, uint64_t code)
{
    for (size_t i = 0; i < codes->count; i++) {
        if (codes->codes[i] == code) {
            return true;
        }
    }
    return false;
}

/* client, code, how */
void judge_close(struct judge *judge, const uint64_t *n)
{
    struct judge_client *client = &judge->clients[n[0]];
    if (!client->open) {
        judge_complain(judge, JUDGE_BAD_LINE, n[0], NONE, n[1]);
        return;
    }
    if (n[2] == CLOSED_BY_SERVER) {
        judge->counts.closed++;
        if (!is_excused(&client->excused, n[1]) &&
            !is_excused(&judge->edges[client->edge].codes, n[1])) {
            judge_complain(judge, JUDGE_CLOSED, n[0], NONE, n[1]);
        }
    }
    judge_stand(judge, client, false,
                (struct judge_leave){n[2] == CLOSED_WITH_GOODBYE, judge->now_us});
    client->open = false;
    for (size_t i = 0; i < client->member_count; i++) {
        client->members[i].asked = false;
        client->members[i].joined = false;
    }
}

/* client: it says goodbye now; the connection ends soon */
void judge_bye(struct judge *judge, const uint64_t *n)
{
    judge_stand(judge, &judge->clients[n[0]], false, (struct judge_leave){true, judge->now_us});
}

/* client: it will not come back */
void judge_done(struct judge *judge, const uint64_t *n)
{
    struct judge_client *client = &judge->clients[n[0]];
    client->done = true;
    for (size_t i = 0; i < client->member_count; i++) {
        client->members[i].heard_us = 0; /* no silence that a fault made */
    }
}

/* client, room */
void judge_ask(struct judge *judge, const uint64_t *n)
{
    struct judge_client *client = &judge->clients[n[0]];
    struct judge_member *member = judge_member_of(judge, n[0], n[1]);
    if (!client->open) {
        judge_complain(judge, JUDGE_BAD_LINE, n[0], n[1], 0);
        return;
    }
    if (member == NULL) {
        client->members =
            mem_resize(client->members, client->member_count + 1, sizeof(*client->members));
        member = &client->members[client->member_count++];
        *member = (struct judge_member){.room = (uint32_t)n[1]};
    }
    member->asked = true;
}

/* Everything since the first join must follow: a recovery goes on where the reader was. */
static void check_since(struct judge *judge, struct judge_member *member, const uint64_t *n)
{
    const struct judge_recovery recovery = {.recovered = n[5] != 0,
                                            .same_epoch = n[2] == n[6],
                                            .all_kept = true,
                                            .past_offset = n[7],
                                            .offset = n[3],
                                            .first_offset = n[4]};
    judge_complain(judge, judge_view_recovery(&recovery), n[0], n[1], n[7]);
    if (n[7] != member->last_offset) {
        judge_complain(judge, JUDGE_BAD_LINE, n[0], n[1], member->last_offset);
    }
}

/* client, room, epoch, offset, first offset, recovered, since: epoch (0: not asked for), offset */
void judge_join(struct judge *judge, const uint64_t *n)
{
    struct judge_member *member = judge_member_of(judge, n[0], n[1]);
    if (member == NULL || !member->asked) {
        judge_complain(judge, JUDGE_NOBODY_WAITS, n[0], n[1], 0);
        return;
    }
    if (member->ever && member->epoch != n[2]) {
        judge_complain(judge, JUDGE_EPOCH, n[0], n[1], n[2]);
    }
    if (n[6] != 0) {
        check_since(judge, member, n);
    } else {
        member->last_offset = n[3];
    }
    if (!member->joined && judge->clients[n[0]].stands) {
        judge_seats_enter(judge->seats, seat_of(&judge->clients[n[0]], n[1]), judge->now_us);
    }
    member->joined = true;
    member->ever = true;
    member->epoch = n[2];
    u32map_fini(&member->known);
    u32map_init(&member->known);
    u32map_set(&member->known, judge->clients[n[0]].user, KNOWN_PRESENT);
}

/* The member and its knowledge of the user; NULL with a complaint when it is not in the room. */
static struct judge_member *told(struct judge *judge, const uint64_t *n, uint32_t *ret_known)
{
    struct judge_member *member = judge_member_of(judge, n[0], n[1]);
    if (member == NULL || !member->joined) {
        judge_complain(judge, JUDGE_NO_MEMBER, n[0], n[1], n[2]);
        return NULL;
    }
    *ret_known = KNOWN_NOT;
    (void)u32map_get(&member->known, (uint32_t)n[2], ret_known);
    return member;
}

/* client, room, user: in the list of the answer to join */
void judge_listed(struct judge *judge, const uint64_t *n)
{
    uint32_t known;
    struct judge_member *member = told(judge, n, &known);
    if (member != NULL) {
        u32map_set(&member->known, (uint32_t)n[2], KNOWN_PRESENT);
    }
}

static uint32_t count_up(struct u32map *counts, uint64_t user)
{
    uint32_t count = 0;
    (void)u32map_get(counts, (uint32_t)user, &count);
    u32map_set(counts, (uint32_t)user, count + 1);
    return count + 1;
}

/* client, room, user */
void judge_joined(struct judge *judge, const uint64_t *n)
{
    uint32_t known = KNOWN_NOT;
    struct judge_member *member = told(judge, n, &known);
    judge->counts.joined++;
    if (member == NULL) {
        return;
    }
    struct judge_seat seat = {(uint32_t)n[2], (uint32_t)n[1]};
    uint32_t may = 1 + judge_seats_absences(judge->seats, seat, judge->now_us);
    if (known == KNOWN_PRESENT) {
        judge_complain(judge, JUDGE_JOINED_TWICE, n[0], n[1], n[2]);
    }
    if (count_up(&member->heard_joined, n[2]) > may) {
        judge_complain(judge, JUDGE_JOINED_THERE, n[0], n[1], n[2]);
    }
    u32map_set(&member->known, (uint32_t)n[2], KNOWN_PRESENT);
}

/* client, room, user */
void judge_left(struct judge *judge, const uint64_t *n)
{
    uint32_t known = KNOWN_NOT;
    struct judge_member *member = told(judge, n, &known);
    judge->counts.left++;
    if (member == NULL) {
        return;
    }
    struct judge_seat seat = {(uint32_t)n[2], (uint32_t)n[1]};
    if (known == KNOWN_ABSENT) {
        judge_complain(judge, JUDGE_LEFT_TWICE, n[0], n[1], n[2]);
    }
    if (count_up(&member->heard_left, n[2]) >
        judge_seats_absences(judge->seats, seat, judge->now_us)) {
        judge_complain(judge, JUDGE_LEFT_THERE, n[0], n[1], n[2]);
    }
    u32map_set(&member->known, (uint32_t)n[2], KNOWN_ABSENT);
}
