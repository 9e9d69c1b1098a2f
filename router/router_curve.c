#include "router/router_curve.h"

#include "common/mem.h"
#include "router/reload.h"
#include "router/router_options.h"

#include <stddef.h>

struct lists {
    struct router_allowed *edges;
    struct router_allowed *operators;
};

static void free_lists(struct lists *lists)
{
    router_allowed_free(&lists->edges);
    router_allowed_free(&lists->operators);
}

static enum status read_list(const char *flag, const char *path, struct router_allowed **list,
                             struct buf *text)
{
    buf_append_str(text, flag);
    buf_append_byte(text, ' ');
    return router_allowed_read(path, list, text) == STATUS_OK ? STATUS_OK : STATUS_MALFORMED;
}

/* An edge must not be able to do what operators do. */
static enum status check_roles(const struct lists *lists, struct buf *text)
{
    struct bytes shared = lists->operators == NULL
                              ? BYTES_EMPTY
                              : router_allowed_shared(lists->edges, lists->operators);
    if (shared.len == 0) {
        return STATUS_OK;
    }
    buf_append_str(text, "--curve-allowed-file and --curve-admin-allowed-file both have the key ");
    buf_append(text, shared);
    buf_append_str(text, ": edges and operators need keys of their own");
    return STATUS_MALFORMED;
}

/* `text` may end with what was being read: it counts on MALFORMED only. */
static enum status read_lists(const struct router_options *options, struct lists *lists,
                              struct buf *text)
{
    size_t start = text->len;
    enum status status =
        read_list("--curve-allowed-file", options->curve_allowed_file, &lists->edges, text);
    if (status == STATUS_OK && options->curve_admin_allowed_file != NULL) {
        text->len = start;
        status = read_list("--curve-admin-allowed-file", options->curve_admin_allowed_file,
                           &lists->operators, text);
    }
    if (status == STATUS_OK) {
        text->len = start;
        status = check_roles(lists, text);
    }
    if (status != STATUS_OK) {
        free_lists(lists);
    }
    return status;
}

static enum status check_files(const struct router_options *options, struct buf *text)
{
    if (options->curve_key_file == NULL) {
        if (options->curve_allowed_file == NULL && options->curve_admin_allowed_file == NULL) {
            return STATUS_OK;
        }
        buf_append_str(text, "--curve-allowed-file and --curve-admin-allowed-file need "
                             "--curve-key-file: see splitrailctl keygen");
        return STATUS_MALFORMED;
    }
    if (options->curve_allowed_file == NULL) {
        buf_append_str(text, "--curve-key-file needs --curve-allowed-file: whose keys may connect, "
                             "one line \"KEY EDGE-ID\" each");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

enum status router_curve_read(const struct router_options *options, struct router_curve **ret_curve,
                              struct buf *text)
{
    enum status status = check_files(options, text);
    if (status != STATUS_OK || options->curve_key_file == NULL) {
        return status;
    }
    struct router_curve *curve = mem_new(1, sizeof(*curve));
    struct lists lists = {0};
    size_t start = text->len;
    buf_append_str(text, "--curve-key-file ");
    if (curve_pair_read(options->curve_key_file, &curve->pair, text) != STATUS_OK) {
        router_curve_free(&curve);
        return STATUS_MALFORMED;
    }
    text->len = start;
    status = read_lists(options, &lists, text);
    curve->edges = lists.edges;
    curve->operators = lists.operators;
    if (status != STATUS_OK) {
        router_curve_free(&curve);
        return status;
    }
    *ret_curve = curve;
    return STATUS_OK;
}

enum status router_curve_reload(const struct router_options *options, struct router_curve *curve,
                                struct reload_report *report, struct buf *text)
{
    struct lists lists = {0};
    if (options->curve_allowed_file == NULL ||
        (options->curve_admin_allowed_file == NULL) != (curve->operators == NULL)) {
        buf_append_str(text, "--curve-allowed-file, --curve-admin-allowed-file: what was there at "
                             "the start must be there still, and no more");
        return STATUS_MALFORMED;
    }
    enum status status = read_lists(options, &lists, text);
    if (status == STATUS_OK) {
        reload_compare_allowed(report, "edge_key", curve->edges, lists.edges);
        reload_compare_allowed(report, "operator_key", curve->operators, lists.operators);
        router_allowed_free(&curve->edges);
        router_allowed_free(&curve->operators);
        curve->edges = lists.edges;
        curve->operators = lists.operators;
    }
    return status;
}

void router_curve_free(struct router_curve **curve)
{
    if (*curve == NULL) {
        return;
    }
    router_allowed_free(&(*curve)->edges);
    router_allowed_free(&(*curve)->operators);
    mem_wipe(&(*curve)->pair, sizeof((*curve)->pair));
    mem_free(*curve);
    *curve = NULL;
}
