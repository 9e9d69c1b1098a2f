#include "router/ctl/ctl_limits.h"

#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"

#include <string.h>

static void value_cell(struct ctl_table *table, const Splitrail__Admin__Limit *limit)
{
    struct buf text;
    buf_init(&text, 0);
    if (strcmp(limit->unit, "text") == 0) {
        buf_append_str(&text, limit->text);
    } else if (limit->value == 0) {
        buf_append_str(&text, "off");
    } else if (strcmp(limit->unit, "bytes") == 0) {
        ctl_text_size((uint64_t)limit->value, &text);
    } else if (strcmp(limit->unit, "ms") == 0) {
        ctl_text_age((uint64_t)limit->value, &text);
    } else {
        buf_append_u64(&text, (uint64_t)limit->value);
    }
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

void ctl_limits_print(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"LIMIT", "NAMESPACE", ">VALUE", "CAN BE SET", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->n_limits; i++) {
        const Splitrail__Admin__Limit *limit = reply->limits[i];
        ctl_table_str(table, limit->name);
        ctl_table_str(table, limit->namespace_);
        value_cell(table, limit);
        ctl_table_str(table, limit->settable ? "limits set" : "");
    }
    ctl_table_print(table, out);
    ctl_table_free(&table);
}

void ctl_limits_json(const Splitrail__Admin__Reply *reply, json_t *root)
{
    json_t *array = json_array();
    for (size_t i = 0; i < reply->n_limits; i++) {
        const Splitrail__Admin__Limit *limit = reply->limits[i];
        bool is_text = strcmp(limit->unit, "text") == 0;
        json_t *object = json_object();
        ctl_json_set(object, "name", ctl_json_text(limit->name));
        ctl_json_set(object, "namespace",
                     limit->namespace_[0] == 0 ? json_null() : ctl_json_text(limit->namespace_));
        ctl_json_set(object, "value",
                     is_text ? ctl_json_text(limit->text) : json_integer(limit->value));
        ctl_json_set(object, "unit",
                     limit->unit[0] == 0 || is_text ? json_null() : ctl_json_text(limit->unit));
        ctl_json_set(object, "settable", json_boolean(limit->settable));
        ctl_json_add(array, object);
    }
    ctl_json_set(root, "limits", array);
}
