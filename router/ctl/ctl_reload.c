#include "router/ctl/ctl_reload.h"

#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"

#include <stdlib.h>

static void print_changes(const Splitrail__Admin__Reload *reload, struct buf *out)
{
    static const char *const headers[] = {"WHAT", "NAME", "FIELD", "FROM", "TO", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reload->n_changes; i++) {
        const Splitrail__Admin__Change *change = reload->changes[i];
        ctl_table_str(table, change->what);
        ctl_table_str(table, change->name);
        ctl_table_str(table, change->field);
        ctl_table_str(table, change->before);
        ctl_table_str(table, change->after);
    }
    ctl_table_print(table, out);
    ctl_table_free(&table);
}

static void print_lines(const char *what, char *const *lines, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_str(out, what);
        ctl_text_clean(bytes_of_str(lines[i]), out);
        buf_append_byte(out, '\n');
    }
}

void ctl_reload_print(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    const Splitrail__Admin__Reload *reload = reply->reload;
    if (reload == NULL) {
        return;
    }
    if (reload->n_changes == 0) {
        buf_append_str(out, "nothing changed\n");
    } else {
        print_changes(reload, out);
    }
    if (reply->total > reload->n_changes) {
        buf_append_str(out, "and ");
        buf_append_u64(out, reply->total - reload->n_changes);
        buf_append_str(out, " more\n");
    }
    print_lines("needs a restart: ", reload->ignored, reload->n_ignored, out);
    print_lines("refused, as it was before: ", reload->refused, reload->n_refused, out);
}

/* Nothing here can fail but for want of memory. */
static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        abort();
    }
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        abort();
    }
}

static json_t *clean(const char *text)
{
    struct buf cleaned;
    buf_init(&cleaned, 0);
    ctl_text_clean(bytes_of_str(text), &cleaned);
    json_t *string = json_stringn(cleaned.len == 0 ? "" : (const char *)cleaned.data, cleaned.len);
    buf_fini(&cleaned);
    return string;
}

static json_t *lines_json(char *const *lines, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        append(array, clean(lines[i]));
    }
    return array;
}

/* Null stands for what was not there, or is not any more. */
static json_t *value_json(const char *text)
{
    return text[0] == 0 ? json_null() : clean(text);
}

void ctl_reload_json(const Splitrail__Admin__Reply *reply, json_t *root)
{
    const Splitrail__Admin__Reload *reload = reply->reload;
    if (reload == NULL) {
        return;
    }
    json_t *changes = json_array();
    for (size_t i = 0; i < reload->n_changes; i++) {
        const Splitrail__Admin__Change *change = reload->changes[i];
        json_t *row = json_object();
        set(row, "what", clean(change->what));
        set(row, "name", clean(change->name));
        set(row, "field", value_json(change->field));
        set(row, "from", value_json(change->before));
        set(row, "to", value_json(change->after));
        append(changes, row);
    }
    set(root, "changes", changes);
    set(root, "refused", lines_json(reload->refused, reload->n_refused));
    set(root, "needRestart", lines_json(reload->ignored, reload->n_ignored));
    set(root, "total", json_integer((json_int_t)reply->total));
}
