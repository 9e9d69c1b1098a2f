/* The answer to explain: facts from the router, and what they mean. */
#ifndef ROUTER_CTL_CTL_EXPLAIN_H
#define ROUTER_CTL_CTL_EXPLAIN_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"

#include <jansson.h>
#include <stdbool.h>

/* One thing that decides. `stops`: because of it the messages do not arrive, now. */
struct ctl_finding {
    const char *code; /* for scripts */
    const char *text;
    bool stops;
};

enum { CTL_FINDINGS_MAX = 24 };

/* What holds for the user whatever the connection; the first of those that stop is the answer. */
size_t ctl_explain_user(const Splitrail__Admin__Explanation *facts,
                        struct ctl_finding findings[CTL_FINDINGS_MAX]);

/* What holds for one connection; nothing that stops: it gets the messages. */
size_t ctl_explain_conn(const Splitrail__Admin__Explanation *facts,
                        const Splitrail__Admin__ExplainedConn *conn,
                        struct ctl_finding findings[CTL_FINDINGS_MAX]);

void ctl_explain_print(const Splitrail__Admin__Reply *reply, struct buf *out);
void ctl_explain_json(const Splitrail__Admin__Reply *reply, json_t *root);

#endif
