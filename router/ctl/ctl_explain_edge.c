#include "router/ctl/ctl_explain_edge.h"

#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"

static void cell(struct ctl_table *table, void (*append)(uint64_t value, struct buf *out),
                 uint64_t value)
{
    struct buf text;
    buf_init(&text, 0);
    append(value, &text);
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void age_cell(struct ctl_table *table, uint64_t ms, const char *zero)
{
    if (ms == 0 && zero != NULL) {
        ctl_table_str(table, zero);
    } else {
        cell(table, ctl_text_age, ms);
    }
}

static void reading_cell(struct ctl_table *table, const Splitrail__Admin__EdgeView *view)
{
    struct buf text;
    buf_init(&text, 0);
    buf_append_str(&text, view->n_paused == 0 ? "yes" : "no: ");
    for (size_t i = 0; i < view->n_paused; i++) {
        buf_append_str(&text, i == 0 ? "" : ", ");
        buf_append_str(&text, view->paused[i]);
    }
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void row(struct ctl_table *table, const Splitrail__Admin__ExplainedConn *conn)
{
    const Splitrail__Admin__EdgeView *view = conn->view;
    ctl_table_str(table, conn->conn->id);
    cell(table, ctl_text_size, view->queued_bytes);
    ctl_table_u64(table, view->queued_messages);
    cell(table, ctl_text_size, view->soft_bytes);
    age_cell(table, view->over_soft_ms, "no");
    age_cell(table, view->silent_ms, NULL);
    age_cell(table, view->message_ms, NULL);
    age_cell(table, view->ping_ms, "answered");
    ctl_table_u64(table, view->group_offset);
    reading_cell(table, view);
    age_cell(table, view->took_ms, NULL);
}

void ctl_explain_views(const Splitrail__Admin__Explanation *facts, struct buf *out)
{
    static const char *const headers[] = {
        "AT ITS EDGE",   ">WAITS",         ">MESSAGES", ">SOFT LIMIT", ">OVER IT FOR", ">LAST BYTE",
        ">LAST COMMAND", ">PING OPEN FOR", ">GIVEN TO", "READ FROM",   ">ASKED",       NULL};
    struct ctl_table *table = ctl_table_new(headers);
    size_t rows = 0;
    for (size_t i = 0; i < facts->n_conns; i++) {
        const Splitrail__Admin__ExplainedConn *conn = facts->conns[i];
        if (conn->view != NULL && conn->view->open) {
            row(table, conn);
            rows++;
        }
    }
    if (rows != 0) {
        buf_append_byte(out, '\n');
        ctl_table_print(table, out);
    }
    ctl_table_free(&table);
    for (size_t i = 0; i < facts->n_conns; i++) {
        const Splitrail__Admin__ExplainedConn *conn = facts->conns[i];
        if (conn->unseen[0] != 0) {
            ctl_text_clean(bytes_of_str(conn->conn->id), out);
            buf_append_str(out, ": ");
            ctl_text_clean(bytes_of_str(conn->unseen), out);
            buf_append_byte(out, '\n');
        }
    }
}

static json_t *view_json(const Splitrail__Admin__EdgeView *view)
{
    json_t *object = json_object();
    json_t *paused = json_array();
    for (size_t i = 0; i < view->n_paused; i++) {
        ctl_json_add(paused, ctl_json_text(view->paused[i]));
    }
    ctl_json_set(object, "open", json_boolean(view->open));
    ctl_json_set(object, "queuedBytes", ctl_json_number(view->queued_bytes));
    ctl_json_set(object, "queuedMessages", ctl_json_number(view->queued_messages));
    ctl_json_set(object, "softBytes", ctl_json_number(view->soft_bytes));
    ctl_json_set(object, "hardBytes", ctl_json_number(view->hard_bytes));
    ctl_json_set(object, "overSoftMs", ctl_json_number(view->over_soft_ms));
    ctl_json_set(object, "silentMs", ctl_json_number(view->silent_ms));
    ctl_json_set(object, "messageMs", ctl_json_number(view->message_ms));
    ctl_json_set(object, "pingMs", ctl_json_number(view->ping_ms));
    ctl_json_set(object, "closingMs", ctl_json_number(view->closing_ms));
    ctl_json_set(object, "paused", paused);
    ctl_json_set(object, "behind", json_boolean(view->behind));
    ctl_json_set(object, "inRoom", json_boolean(view->in_group));
    ctl_json_set(object, "roomOffset", ctl_json_number(view->group_offset));
    ctl_json_set(object, "roomWaits", json_boolean(view->group_waits));
    ctl_json_set(object, "leftOut", json_boolean(view->lags));
    ctl_json_set(object, "tookMs", ctl_json_number(view->took_ms));
    return object;
}

void ctl_explain_view_json(const Splitrail__Admin__ExplainedConn *conn, json_t *object)
{
    ctl_json_set(object, "edgeView", conn->view == NULL ? json_null() : view_json(conn->view));
    if (conn->unseen[0] != 0) {
        ctl_json_set(object, "edgeUnseen", ctl_json_text(conn->unseen));
    }
}
