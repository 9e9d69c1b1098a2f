/* Questions to edges about single connections, on the way to an answer for an operator: explain
 * waits until all edges have told, and not longer than ADMIN_INQUIRY_MS. Only admin*.c and the
 * router's loop call it. */
#ifndef ROUTER_ADMIN_INQUIRY_H
#define ROUTER_ADMIN_INQUIRY_H

#include "common/bytes.h"
#include "proto/plane_reports.h"
#include "router/admin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admin_ask;

enum {
    ADMIN_INQUIRIES_MAX = 16,     /* at a time */
    ADMIN_INQUIRY_CONNS_MAX = 64, /* of one user that are asked for */
    ADMIN_INQUIRY_MS = 1000
};

struct inquired {
    struct conn_ref ref;
    uint64_t question;
    const char *unseen; /* why nothing is known; NULL once its edge has told */
    bool waits;
    bool open;
    uint64_t took_ms;
    struct plane_conn_state state;
};

struct admin_inquiry {
    uint64_t id;
    bool local;
    struct bytes peer; /* owned, as the next two */
    char *user;
    char *room;
    uint64_t asked_ms;
    size_t waiting;
    size_t count;
    struct inquired conns[ADMIN_INQUIRY_CONNS_MAX];
};

/* Asks the edges of the user's attached connections. True: the request is answered later. False:
 * the caller answers now with what *ret_inquiry says, and gives that to admin_inquiry_free. */
bool admin_inquiry_begin(struct admin_ask *ask, const char *user, const char *room,
                         struct admin_inquiry **ret_inquiry);
void admin_inquiry_free(struct admin_inquiry **inquiry);

/* What was learned of a connection; NULL: it was not asked for. */
const struct inquired *admin_inquiry_find(const struct admin_inquiry *inquiry,
                                          struct conn_ref conn);

/* Answers what has waited too long, and when the next is to be. */
void admin_inquiries_expire(struct admin *admin, uint64_t now_ms, uint64_t wall_ms);
uint64_t admin_inquiries_deadline(const struct admin *admin);
void admin_forget_inquiries(struct admin *admin);

/* The plane's on_conn_state. */
void admin_conn_state(struct admin *admin, uint64_t question, struct conn_ref conn,
                      const struct plane_conn_state *state, uint64_t now_ms, uint64_t wall_ms);

#endif
