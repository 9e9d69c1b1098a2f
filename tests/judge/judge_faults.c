/* What the suite did to the cluster, and what that excuses. See judge_internal.h. */
#include "tests/judge/judge_internal.h"

/* Silence that goes on counts as far as it is known. */
static void end_pause(struct judge *judge, const struct judge_client *client,
                      struct judge_member *member)
{
    uint64_t silence = judge->now_us - member->heard_us;
    if (!client->slow && member->joined && member->heard_us != 0) {
        judge_sample(judge->in_fault ? &judge->pauses : &judge->controls,
                     silence > member->pause_us ? silence : member->pause_us);
    }
    member->pause_us = 0;
}

static void end_window(struct judge *judge)
{
    for (uint32_t i = 0; judge->measuring && i < judge->client_count; i++) {
        struct judge_client *client = &judge->clients[i];
        for (size_t m = 0; m < client->member_count; m++) {
            end_pause(judge, client, &client->members[m]);
        }
    }
    judge->measuring = false;
    judge->in_fault = false;
}

/* Nothing breaks: the silence of this window is what the others are compared with. */
void judge_control(struct judge *judge, const uint64_t *n)
{
    (void)n;
    end_window(judge);
    judge->measuring = true;
}

/* Something breaks now: a window for the pauses begins. */
void judge_fault(struct judge *judge, const uint64_t *n)
{
    (void)n;
    end_window(judge);
    judge->counts.faults++;
    judge->measuring = true;
    judge->in_fault = true;
}

void judge_calm(struct judge *judge, const uint64_t *n)
{
    (void)n;
    end_window(judge);
}

/* What members know of those who are away now nobody will correct. */
static void forget_away(struct judge *judge, struct judge_member *member)
{
    uint32_t cursor = 0;
    uint32_t user = 0;
    uint32_t known = 0;
    struct u32map rest;
    u32map_init(&rest);
    while (u32map_next(&member->known, &cursor, &user, &known)) {
        if (judge_seats_taken(judge->seats, (struct judge_seat){user, member->room})) {
            u32map_set(&rest, user, known);
        }
    }
    u32map_fini(&member->known);
    member->known = rest;
}

void judge_router_died(struct judge *judge, const uint64_t *n)
{
    (void)n;
    for (uint32_t i = 0; i < judge->client_count; i++) {
        for (size_t m = 0; m < judge->clients[i].member_count; m++) {
            forget_away(judge, &judge->clients[i].members[m]);
        }
    }
    judge_seats_router_died(judge->seats);
}

static void set_away(struct judge *judge, uint64_t edge, bool away)
{
    judge->edges[edge].away = away;
    for (uint32_t i = 0; i < judge->client_count; i++) {
        struct judge_client *client = &judge->clients[i];
        if (client->open && client->edge == edge) {
            judge_stand(judge, client, !away,
                        (struct judge_leave){false, judge->now_us + judge->dead_us});
        }
    }
}

/* edge: it stands still, or its link is cut; the router cannot tell */
void judge_pause(struct judge *judge, const uint64_t *n)
{
    set_away(judge, n[0], true);
}

void judge_resume(struct judge *judge, const uint64_t *n)
{
    set_away(judge, n[0], false);
}

static void add_code(struct judge *judge, struct judge_codes *codes, uint64_t code)
{
    if (codes->count == CODES_MAX) {
        judge_complain(judge, JUDGE_BAD_LINE, NONE, NONE, code);
        return;
    }
    codes->codes[codes->count++] = code;
}

/* edge, code: its sockets may be closed so */
void judge_may_close(struct judge *judge, const uint64_t *n)
{
    add_code(judge, &judge->edges[n[0]].codes, n[1]);
}

/* client, code: the same for one */
void judge_excuse(struct judge *judge, const uint64_t *n)
{
    add_code(judge, &judge->clients[n[0]].excused, n[1]);
}

/* client, away: it does not read, and its times do not count any more. `away` 1: it may be gone for
 * the others without knowing */
void judge_slow(struct judge *judge, const uint64_t *n)
{
    struct judge_client *client = &judge->clients[n[0]];
    client->slow = true;
    if (n[1] != 0 && client->open) {
        judge_stand(judge, client, false, (struct judge_leave){false, judge->now_us});
    }
}

/* client: it reads again */
void judge_quick(struct judge *judge, const uint64_t *n)
{
    struct judge_client *client = &judge->clients[n[0]];
    if (client->open) {
        judge_stand(judge, client, true, (struct judge_leave){false, judge->now_us});
    }
}

/* edge: no longer */
void judge_must_stay(struct judge *judge, const uint64_t *n)
{
    judge->edges[n[0]].codes.count = 0;
}
