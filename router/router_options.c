/* Checks that concern more than one option live here; single values are checked by the table. */
#include "router/router_options.h"

#include "common/http_post.h"
#include "common/mem.h"
#include "router/auth.h"
#include "router/endpoint.h"
#include "router/router_api.h"
#include "router/router_keys.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { ID_BYTES_MAX = 64 };

static const struct option_spec specs[] = {
#define OPTION(field, name, type, fallback, min, max, choices, flags, help)                        \
    {name,  OPTION_##type, offsetof(struct router_options, field), fallback, min, max, choices,    \
     flags, help},
#include "router/router_options.def"
#undef OPTION
};

const struct option_program router_option_program = {
    "splitrail-router",
    "Rooms, presence, policy and history of a Splitrail cluster.",
    specs,
    sizeof(specs) / sizeof(specs[0]),
    NULL,
};

static bool id_byte_ok(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

static bool id_ok(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (!id_byte_ok(id.data[i])) {
            return false;
        }
    }
    return id.len >= 1 && id.len <= ID_BYTES_MAX;
}

/* A host name may hold what an id may not; it was not chosen for us, so it is bent, not refused. */
static char *id_from_host(void)
{
    char host[ID_BYTES_MAX + 1] = {0};
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == 0) {
        return mem_copy_str(BYTES_LIT("router"));
    }
    for (char *at = host; *at != 0; at++) {
        if (!id_byte_ok((uint8_t)*at)) {
            *at = '-';
        }
    }
    return mem_copy_str(bytes_of_str(host));
}

static enum status complete_id(struct router_options *options, struct buf *text)
{
    options->router_id =
        options->id == NULL ? id_from_host() : mem_copy_str(bytes_of_str(options->id));
    if (!id_ok(bytes_of_str(options->router_id))) {
        buf_append_str(text, "--id: must be 1 to 64 of A-Z a-z 0-9 . _ -");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status complete_auth(struct router_options *options, struct buf *text)
{
    return options->auth == AUTH_JWT ? router_keys_read(options, &options->keys, text) : STATUS_OK;
}

/* The API reads the file for itself, and again later. */
static enum status check_api_keys(const struct router_options *options, struct buf *text)
{
    struct api_keys *keys = NULL;
    enum status status = router_api_keys_read(options, &keys, text);
    api_keys_free(&keys);
    return status;
}

static void add_admin_endpoint(struct router_options *options, struct bytes endpoint)
{
    struct option_list *list = &options->admin_endpoints;
    list->items = mem_resize(list->items, list->count + 1, sizeof(char *));
    list->items[list->count++] = mem_copy_str(endpoint);
}

static void complete_admin_bind(struct router_options *options)
{
    for (size_t i = 0; i < options->admin_bind.count; i++) {
        add_admin_endpoint(options, bytes_of_str(options->admin_bind.items[i]));
    }
    if (options->admin_endpoints.count == 0) {
        struct buf path;
        buf_init(&path, 0);
        buf_append_str(&path, "ipc://");
        endpoint_admin_socket(&path);
        add_admin_endpoint(options, buf_bytes(&path));
        add_admin_endpoint(options, BYTES_LIT(ENDPOINT_ADMIN_TCP));
        buf_fini(&path);
    }
}

static enum status check_endpoints(struct router_options *options, const char *flag,
                                   const struct option_list *list, struct buf *text)
{
    bool admin = list == &options->admin_endpoints;
    if (options->curve != NULL && (!admin || options->curve->operators != NULL)) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (endpoint_is_local(list->items[i])) {
            continue;
        }
        if (!options->insecure_plane) {
            buf_append_str(text, flag);
            buf_append_byte(text, ' ');
            buf_append_str(text, list->items[i]);
            buf_append_str(text,
                           ": is not a loopback or ipc endpoint; whoever reaches it can speak "
                           "for every client. It needs keys: --curve-key-file and ");
            buf_append_str(text, admin ? "--curve-admin-allowed-file" : "--curve-allowed-file");
            buf_append_str(text, " (--insecure-plane allows it without)");
            return STATUS_MALFORMED;
        }
        options->exposed = true;
    }
    return STATUS_OK;
}

static enum status check_otlp(const struct router_options *options, struct buf *text)
{
    const char *url = options->otlp_endpoint;
    if (url == NULL || url[0] == 0 || http_post_url_ok(url)) {
        return STATUS_OK;
    }
    buf_append_str(text, "--otlp-endpoint is http://HOST:PORT or http://HOST:PORT/PATH, not ");
    buf_append_str(text, url);
    return STATUS_MALFORMED;
}

static enum status check_times(const struct router_options *options, struct buf *text)
{
    if (options->edge_dead <= options->edge_suspect) {
        buf_append_str(text, "--edge-dead: must be longer than --edge-suspect");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

enum status router_options_complete(struct router_options *options, struct buf *text)
{
    buf_append_str(text, "splitrail-router: ");
    enum status status = complete_id(options, text);
    if (status == STATUS_OK) {
        status = check_times(options, text);
    }
    if (status == STATUS_OK) {
        status = router_curve_read(options, &options->curve, text);
    }
    if (status == STATUS_OK) {
        status = check_endpoints(options, "--bind", &options->bind, text);
    }
    if (status == STATUS_OK) {
        complete_admin_bind(options);
        status = check_endpoints(options, "--admin-bind", &options->admin_endpoints, text);
    }
    if (status == STATUS_OK) {
        status = complete_auth(options, text);
    }
    if (status == STATUS_OK) {
        status = check_api_keys(options, text);
    }
    if (status == STATUS_OK) {
        status = check_otlp(options, text);
    }
    if (status == STATUS_OK) {
        buf_clear(text);
    }
    return status;
}

void router_options_fini(struct router_options *options)
{
    jws_keys_unref(&options->keys);
    router_curve_free(&options->curve);
    for (size_t i = 0; i < options->admin_endpoints.count; i++) {
        mem_free(options->admin_endpoints.items[i]);
    }
    mem_free(options->admin_endpoints.items);
    mem_free(options->router_id);
    option_fini(&router_option_program, options);
}
