#include "router/admin_reload.h"

#include "router/admin_ask.h"

#include <string.h>

void admin_set_reload(struct admin *admin, reload_now *reload, void *owner)
{
    admin->reload = reload;
    admin->reload_owner = owner;
}

static void add_change(struct admin_ask *ask, Splitrail__Admin__Reload *out,
                       const struct reload_change *change)
{
    Splitrail__Admin__Change *row = admin_room(ask, 1, sizeof(*row));
    if (row == NULL) {
        return;
    }
    splitrail__admin__change__init(row);
    row->what = (char *)(uintptr_t)change->what; /* static, only read */
    row->name = admin_text(ask, bytes_of_str(change->name));
    row->field = (char *)(uintptr_t)change->field;
    row->before = admin_text(ask, bytes_of_str(change->before));
    row->after = admin_text(ask, bytes_of_str(change->after));
    out->changes[out->n_changes++] = row;
}

static size_t count_lines(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.data[i] == '\n';
    }
    return count;
}

/* The lines of `text`, each of which has its end. */
static char **lines_of(struct admin_ask *ask, struct bytes text, size_t *ret_count)
{
    size_t count = count_lines(text);
    char **lines = count == 0 ? NULL : admin_pointers(ask, count);
    *ret_count = lines == NULL ? 0 : count;
    for (size_t i = 0; i < *ret_count; i++) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = (size_t)(end - text.data);
        lines[i] = admin_text(ask, bytes_slice(text, 0, len));
        text = bytes_slice(text, len + 1, text.len);
    }
    return lines;
}

static void tell(struct admin_ask *ask, const struct reload_report *report)
{
    Splitrail__Admin__Reload *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return;
    }
    splitrail__admin__reload__init(out);
    out->changes = report->count == 0 ? NULL : admin_pointers(ask, report->count);
    for (size_t i = 0; out->changes != NULL && i < report->count; i++) {
        add_change(ask, out, &report->changes[i]);
    }
    out->refused = lines_of(ask, buf_bytes(&report->refused), &out->n_refused);
    out->ignored = lines_of(ask, buf_bytes(&report->ignored), &out->n_ignored);
    ask->reply.reload = out;
    ask->reply.total = report->total;
}

void admin_reload(struct admin_ask *ask)
{
    struct admin *admin = ask->admin;
    struct reload_report report;
    if (admin->reload == NULL) {
        admin_fail(ask, ADMIN_STATUS(REFUSED), "this router has nothing that it could read again");
        return;
    }
    admin_audit(ask, &(struct admin_deed){.action = "reload"});
    reload_report_init(&report);
    /* Before anything of the reply is made: what waits for an engine may be answered meanwhile. */
    admin->reload(admin->reload_owner, &report);
    tell(ask, &report);
    reload_report_fini(&report);
}
