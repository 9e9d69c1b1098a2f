#include "router/admin_inquiry.h"

#include "common/mem.h"
#include "router/admin_ask.h"
#include "router/explain.h"

static const char no_link[] = "the router has no link to its edge";
static const char too_old[] = "its edge is too old to tell";
static const char no_answer[] = "its edge did not answer within a second";

void admin_inquiry_free(struct admin_inquiry **inquiry)
{
    if (*inquiry == NULL) {
        return;
    }
    mem_free((void *)(uintptr_t)(*inquiry)->peer.data);
    mem_free((*inquiry)->user);
    mem_free((*inquiry)->room);
    mem_free(*inquiry);
    *inquiry = NULL;
}

static struct inquired inquire(struct admin_ask *ask, const struct explain_conn *conn)
{
    struct inquired asked = {.ref = conn->conn.ref};
    switch (router_plane_ask_conn(ask->admin->plane, asked.ref, conn->group, ask->now_ms,
                                  &asked.question)) {
    case PLANE_ASK_OK:
        asked.waits = true;
        asked.unseen = no_answer;
        break;
    case PLANE_ASK_NO_LINK:
        asked.unseen = no_link;
        break;
    case PLANE_ASK_TOO_OLD:
        asked.unseen = too_old;
        break;
    }
    return asked;
}

bool admin_inquiry_begin(struct admin_ask *ask, const char *user, const char *room,
                         struct admin_inquiry **ret_inquiry)
{
    struct admin *admin = ask->admin;
    struct admin_inquiry *inquiry = mem_new(1, sizeof(*inquiry));
    bool full = admin->inquiry_count == ADMIN_INQUIRIES_MAX;
    uint64_t cursor = 0;
    struct explain_conn conn;
    while (!full && inquiry->count < ADMIN_INQUIRY_CONNS_MAX &&
           explain_conn_next(ask->core, bytes_of_str(user), bytes_of_str(room), &cursor, &conn)) {
        if (conn.conn.attached) {
            inquiry->conns[inquiry->count] = inquire(ask, &conn);
            inquiry->waiting += inquiry->conns[inquiry->count++].waits;
        }
    }
    *ret_inquiry = inquiry;
    if (inquiry->waiting == 0) {
        return false;
    }
    inquiry->id = ask->id;
    inquiry->local = ask->local;
    inquiry->peer = bytes_of(mem_copy(ask->peer), ask->peer.len);
    inquiry->user = mem_copy_str(bytes_of_str(user));
    inquiry->room = mem_copy_str(bytes_of_str(room));
    inquiry->asked_ms = ask->now_ms;
    admin->inquiries[admin->inquiry_count++] = inquiry;
    ask->deferred = true;
    return true;
}

static bool same_conn(struct conn_ref a, struct conn_ref b)
{
    return a.edge == b.edge && a.slot == b.slot && a.gen == b.gen;
}

const struct inquired *admin_inquiry_find(const struct admin_inquiry *inquiry, struct conn_ref conn)
{
    for (size_t i = 0; i < inquiry->count; i++) {
        if (same_conn(inquiry->conns[i].ref, conn)) {
            return &inquiry->conns[i];
        }
    }
    return NULL;
}

static void answer(struct admin *admin, size_t index, uint64_t now_ms, uint64_t wall_ms)
{
    struct admin_inquiry *inquiry = admin->inquiries[index];
    admin->inquiries[index] = admin->inquiries[--admin->inquiry_count];
    struct admin_ask ask = {.admin = admin,
                            .core = router_plane_core(admin->plane),
                            .peer = inquiry->peer,
                            .id = inquiry->id,
                            .local = inquiry->local,
                            .by = "",
                            .now_ms = now_ms,
                            .wall_ms = wall_ms};
    arena_reset(&admin->reply_arena);
    splitrail__admin__reply__init(&ask.reply);
    admin_explain_answer(&ask, inquiry->user, inquiry->room, inquiry);
    admin_answer(&ask);
    admin_inquiry_free(&inquiry);
}

static struct inquired *find_question(struct admin_inquiry *inquiry, uint64_t question,
                                      struct conn_ref conn)
{
    for (size_t i = 0; i < inquiry->count; i++) {
        struct inquired *asked = &inquiry->conns[i];
        if (asked->waits && asked->question == question && same_conn(asked->ref, conn)) {
            return asked;
        }
    }
    return NULL;
}

void admin_conn_state(struct admin *admin, uint64_t question, struct conn_ref conn,
                      const struct plane_conn_state *state, uint64_t now_ms, uint64_t wall_ms)
{
    for (size_t i = 0; i < admin->inquiry_count; i++) {
        struct admin_inquiry *inquiry = admin->inquiries[i];
        struct inquired *asked = find_question(inquiry, question, conn);
        if (asked == NULL) {
            continue;
        }
        asked->waits = false;
        asked->unseen = NULL;
        asked->open = state != NULL;
        asked->took_ms = now_ms - inquiry->asked_ms;
        asked->state = state == NULL ? asked->state : *state;
        if (--inquiry->waiting == 0) {
            answer(admin, i, now_ms, wall_ms);
        }
        return;
    }
}

void admin_inquiries_expire(struct admin *admin, uint64_t now_ms, uint64_t wall_ms)
{
    for (size_t i = admin->inquiry_count; i > 0; i--) {
        if (now_ms >= admin->inquiries[i - 1]->asked_ms + ADMIN_INQUIRY_MS) {
            answer(admin, i - 1, now_ms, wall_ms);
        }
    }
}

uint64_t admin_inquiries_deadline(const struct admin *admin)
{
    uint64_t due_ms = UINT64_MAX;
    for (size_t i = 0; i < admin->inquiry_count; i++) {
        uint64_t at_ms = admin->inquiries[i]->asked_ms + ADMIN_INQUIRY_MS;
        due_ms = at_ms < due_ms ? at_ms : due_ms;
    }
    return due_ms;
}

void admin_forget_inquiries(struct admin *admin)
{
    while (admin->inquiry_count != 0) {
        admin_inquiry_free(&admin->inquiries[--admin->inquiry_count]);
    }
}
