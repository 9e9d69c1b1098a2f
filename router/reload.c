#include "router/reload.h"

#include "common/mem.h"
#include "common/options_value.h"
#include "router/api_route.h"
#include "router/policy_file.h"

#include <assert.h>
#include <string.h>

enum { KEY_SHOWN = 8 }; /* characters of a public key, beside the name it has in the list */

void reload_report_init(struct reload_report *report)
{
    *report = (struct reload_report){0};
    buf_init(&report->refused, 0);
    buf_init(&report->ignored, 0);
}

void reload_report_fini(struct reload_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        mem_free(report->changes[i].name);
        mem_free(report->changes[i].before);
        mem_free(report->changes[i].after);
    }
    mem_free(report->changes);
    buf_fini(&report->refused);
    buf_fini(&report->ignored);
    *report = (struct reload_report){0};
}

void reload_add_line(struct buf *lines, struct bytes text)
{
    while (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }
    if (text.len != 0) {
        buf_append(lines, text);
        buf_append_byte(lines, '\n');
    }
}

/* `change` has the texts to be copied; they live during the call only. */
struct texts {
    struct bytes name;
    const char *field;
    struct bytes before;
    struct bytes after;
};

static void add(struct reload_report *report, const char *what, const struct texts *texts)
{
    report->total++;
    if (report->count == RELOAD_CHANGES_MAX) {
        return;
    }
    if (report->count == report->capacity) {
        report->capacity = report->capacity == 0 ? 16 : 2 * report->capacity;
        report->changes = mem_resize(report->changes, report->capacity, sizeof(report->changes[0]));
    }
    report->changes[report->count++] = (struct reload_change){
        .what = what,
        .name = mem_copy_str(texts->name),
        .field = texts->field,
        .before = mem_copy_str(texts->before),
        .after = mem_copy_str(texts->after),
    };
}

/* ---- options ---- */

static bool is_shown(const struct option_spec *spec)
{
    return (spec->flags & OPTION_LIVE) != 0 && (spec->flags & OPTION_SECRET) == 0;
}

struct reload_options reload_options_note(const struct option_program *program, const void *target)
{
    struct reload_options noted = {.values = mem_new(program->spec_count, sizeof(char *)),
                                   .count = program->spec_count};
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < noted.count; i++) {
        if (is_shown(&program->specs[i])) {
            buf_clear(&text);
            option_value_show(&program->specs[i], target, &text);
            noted.values[i] = mem_copy_str(buf_bytes(&text));
        }
    }
    buf_fini(&text);
    return noted;
}

void reload_options_fini(struct reload_options *noted)
{
    for (size_t i = 0; i < noted->count; i++) {
        mem_free(noted->values[i]);
    }
    mem_free(noted->values);
    *noted = (struct reload_options){0};
}

void reload_compare_options(struct reload_report *report, const struct option_program *program,
                            const struct reload_options *before, const void *after)
{
    struct reload_options now = reload_options_note(program, after);
    for (size_t i = 0; i < now.count; i++) {
        if (now.values[i] != NULL && strcmp(before->values[i], now.values[i]) != 0) {
            add(report, "option",
                &(struct texts){bytes_of_str(program->specs[i].name), "",
                                bytes_of_str(before->values[i]), bytes_of_str(now.values[i])});
        }
    }
    reload_options_fini(&now);
}

/* ---- policy ---- */

static void compare_policy(struct reload_report *report, struct bytes name,
                           const struct namespace_policy *before,
                           const struct namespace_policy *after)
{
    size_t count;
    const struct option_spec *rows = policy_file_rows(&count);
    struct buf old;
    struct buf new;
    buf_init(&old, 0);
    buf_init(&new, 0);
    for (size_t i = 0; i < count; i++) {
        if (option_value_equal(&rows[i], before, after)) {
            continue;
        }
        buf_clear(&old);
        buf_clear(&new);
        option_value_show(&rows[i], before, &old);
        option_value_show(&rows[i], after, &new);
        add(report, "namespace",
            &(struct texts){name, rows[i].name, buf_bytes(&old), buf_bytes(&new)});
    }
    buf_fini(&old);
    buf_fini(&new);
}

void reload_compare_policies(struct reload_report *report, const struct policy_table *before,
                             const struct policy_table *after)
{
    const struct bytes listed = BYTES_LIT("listed");
    compare_policy(report, BYTES_LIT("default"), &before->fallback, &after->fallback);
    size_t old = 0;
    size_t new = 0;
    while (old < before->count || new < after->count) {
        const struct policy_namespace *was = old < before->count ? &before->namespaces[old] : NULL;
        const struct policy_namespace *is = new < after->count ? &after->namespaces[new] : NULL;
        assert(was != NULL || is != NULL);
        int order = was == NULL ? 1 : is == NULL ? -1 : bytes_compare(was->name, is->name);
        struct bytes name = order <= 0 ? was->name : is->name;
        if (order != 0) {
            add(report, "namespace",
                &(struct texts){name, "", order < 0 ? listed : BYTES_EMPTY,
                                order > 0 ? listed : BYTES_EMPTY});
        }
        compare_policy(report, name, order <= 0 ? &was->policy : &before->fallback,
                       order >= 0 ? &is->policy : &after->fallback);
        old += order <= 0;
        new += order >= 0;
    }
}

/* ---- keys ---- */

/* Those of `from` that `other` has not: gone when `from` is the former set, else new. */
static void token_keys_missing(struct reload_report *report, const struct jws_keys *from,
                               const struct jws_keys *other, bool gone)
{
    for (int alg = 0; from != NULL && alg < JWS_ALG_COUNT; alg++) {
        struct bytes name = bytes_of_str(jws_alg_name((enum jws_alg)alg));
        const struct jws_key *key;
        size_t cursor = 0;
        while ((key = jws_keys_next(from, (enum jws_alg)alg, BYTES_EMPTY, &cursor)) != NULL) {
            const struct jws_key *twin = jws_keys_twin(other, key);
            struct bytes kid = key->kid.len == 0 ? BYTES_LIT("(no kid)") : key->kid;
            if (twin == NULL) {
                add(report, "token_key",
                    &(struct texts){kid, "alg", gone ? name : BYTES_EMPTY,
                                    gone ? BYTES_EMPTY : name});
            } else if (gone && !jws_key_same(key, twin)) {
                add(report, "token_key",
                    &(struct texts){kid, "key", BYTES_LIT("former"), BYTES_LIT("another")});
            }
        }
    }
}

void reload_compare_token_keys(struct reload_report *report, const struct jws_keys *before,
                               const struct jws_keys *after)
{
    token_keys_missing(report, before, after, true);
    token_keys_missing(report, after, before, false);
}

static const struct api_key *api_twin(const struct api_keys *keys, const struct api_key *key)
{
    for (size_t i = 0; keys != NULL && i < api_keys_count(keys); i++) {
        const struct api_key *other = api_keys_at(keys, i);
        if (strcmp(other->name, key->name) == 0) {
            return other;
        }
    }
    return NULL;
}

static void compare_api_key(struct reload_report *report, const struct api_key *was,
                            const struct api_key *is)
{
    struct bytes name = bytes_of_str(is != NULL ? is->name : was->name);
    struct buf old;
    struct buf new;
    buf_init(&old, 0);
    buf_init(&new, 0);
    if (was != NULL) {
        api_scopes_append(was->scopes, &old);
    }
    if (is != NULL) {
        api_scopes_append(is->scopes, &new);
    }
    if (!bytes_equal(buf_bytes(&old), buf_bytes(&new))) {
        add(report, "api_key", &(struct texts){name, "scopes", buf_bytes(&old), buf_bytes(&new)});
    }
    if (was != NULL && is != NULL && memcmp(was->hash, is->hash, sizeof(is->hash)) != 0) {
        add(report, "api_key",
            &(struct texts){name, "key", BYTES_LIT("former"), BYTES_LIT("another")});
    }
    buf_fini(&old);
    buf_fini(&new);
}

void reload_compare_api_keys(struct reload_report *report, const struct api_keys *before,
                             const struct api_keys *after)
{
    for (size_t i = 0; before != NULL && i < api_keys_count(before); i++) {
        const struct api_key *was = api_keys_at(before, i);
        compare_api_key(report, was, api_twin(after, was));
    }
    for (size_t i = 0; after != NULL && i < api_keys_count(after); i++) {
        const struct api_key *is = api_keys_at(after, i);
        if (api_twin(before, is) == NULL) {
            compare_api_key(report, NULL, is);
        }
    }
}

static void allowed_missing(struct reload_report *report, const char *what,
                            const struct router_allowed *from, const struct router_allowed *other,
                            bool gone)
{
    struct router_allowed_key row;
    size_t cursor = 0;
    while (from != NULL && router_allowed_next(from, &cursor, &row)) {
        struct bytes there = other == NULL ? BYTES_EMPTY : router_allowed_name(other, row.key);
        if (bytes_equal(there, row.name) || (!gone && there.len != 0)) {
            continue; /* a key with another name was told as one that is gone */
        }
        add(report, what,
            &(struct texts){bytes_slice(row.key, 0, KEY_SHOWN), "name",
                            gone ? row.name : BYTES_EMPTY, gone ? there : row.name});
    }
}

void reload_compare_allowed(struct reload_report *report, const char *what,
                            const struct router_allowed *before, const struct router_allowed *after)
{
    allowed_missing(report, what, before, after, true);
    allowed_missing(report, what, after, before, false);
}
