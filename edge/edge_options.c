#include "edge/edge_options.h"

#include "common/bytes.h"
#include "common/mem.h"
#include "edge/address.h"
#include "edge/ws_target.h"

#include <assert.h>
#include <stddef.h>
#include <unistd.h>

enum { ID_MAX = 64, HOST_NAME_MAX_BYTES = 256 };

static const struct option_spec SPECS[] = {
#define OPTION(field, flag, type, fallback, min, max, choices, flags, help)                        \
    {flag,  OPTION_##type, offsetof(struct edge_options, field), fallback, min, max, choices,      \
     flags, help},
#include "edge/edge_options.def"
#undef OPTION
};

static enum status check(const void *options, struct buf *text)
{
    return edge_options_check(options, text);
}

static const struct option_program PROGRAM = {
    .name = "splitrail-edge",
    .summary = "Holds the WebSocket connections of clients and passes their messages to a router.",
    .specs = SPECS,
    .spec_count = sizeof(SPECS) / sizeof(SPECS[0]),
    .check = check,
};

static bool is_id_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool is_id(const char *id)
{
    size_t len = strlen(id);
    for (size_t i = 0; i < len; i++) {
        if (!is_id_byte(id[i])) {
            return false;
        }
    }
    return len >= 1 && len <= ID_MAX;
}

/* "option: what is wrong with this value (what is allowed)" */
static enum status refuse(struct buf *text, const char *option, const char *value,
                          const char *allowed)
{
    buf_append_str(text, "--");
    buf_append_str(text, option);
    buf_append_str(text, ": bad value \"");
    buf_append_str(text, value);
    buf_append_str(text, "\", allowed is ");
    buf_append_str(text, allowed);
    return STATUS_MALFORMED;
}

static char *default_id(const char *port)
{
    char host[HOST_NAME_MAX_BYTES] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0') {
        memcpy(host, "edge", sizeof("edge"));
    }
    size_t host_len = strlen(host);
    size_t room = ID_MAX - 1 - strlen(port);
    char id[ID_MAX + 1];
    host_len = host_len > room ? room : host_len;
    for (size_t i = 0; i < host_len; i++) {
        id[i] = host[i];
        if (!is_id_byte(id[i])) {
            id[i] = '-';
        }
    }
    id[host_len] = '-';
    memcpy(id + host_len + 1, port, strlen(port) + 1);
    return mem_copy_str(bytes_of_str(id));
}

static enum status check_endpoints(const struct option_list *list, const char *name,
                                   struct buf *text)
{
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    for (size_t i = 0; i < list->count; i++) {
        if (!address_split(list->items[i], host, port)) {
            return refuse(text, name, list->items[i], "HOST:PORT or [IPV6]:PORT");
        }
    }
    return STATUS_OK;
}

enum status edge_options_check_certificates(const struct edge_options *options, struct buf *text)
{
    if (options->listen_tls.count == 0) {
        return STATUS_OK;
    }
    if (options->tls_cert_file.count == 0 || options->tls_key_file.count == 0) {
        buf_append_str(text, "--listen-tls: needs --tls-cert-file and --tls-key-file");
        return STATUS_MALFORMED;
    }
    if (options->tls_cert_file.count != options->tls_key_file.count) {
        buf_append_str(text, "--tls-cert-file and --tls-key-file: give the same number of each, as "
                             "pairs in order");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status check_listen(const struct edge_options *options, struct buf *text)
{
    if (options->listen.count == 0 && options->listen_tls.count == 0) {
        return refuse(text, "listen", "", "at least one HOST:PORT, or a --listen-tls");
    }
    enum status status = check_endpoints(&options->listen, "listen", text);
    if (status == STATUS_OK) {
        status = check_endpoints(&options->listen_tls, "listen-tls", text);
    }
    if (status == STATUS_OK) {
        status = edge_options_check_certificates(options, text);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return options->id == NULL || is_id(options->id)
               ? STATUS_OK
               : refuse(text, "id", options->id, "1 to 64 of A-Z a-z 0-9 . _ -");
}

enum status edge_options_check_curve(const struct edge_options *options, struct buf *text)
{
    if ((options->curve_key_file == NULL) != (options->curve_server_key_file == NULL)) {
        buf_append_str(text, "--curve-key-file and --curve-server-key-file: one needs the other");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status check_router(const struct edge_options *options, struct buf *text)
{
    if (options->router.count != 1) {
        buf_append_str(text, "--router: exactly one router in this version");
        return STATUS_MALFORMED;
    }
    const char *endpoint = options->router.items[0];
    struct bytes bytes = bytes_of_str(endpoint);
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    bool tcp = bytes_starts_with(bytes, BYTES_LIT("tcp://")) &&
               address_split(endpoint + strlen("tcp://"), host, port) && host[0] != '\0';
    bool ipc = bytes_starts_with(bytes, BYTES_LIT("ipc://")) && bytes.len > strlen("ipc://");
    if (!tcp && !ipc) {
        return refuse(text, "router", endpoint, "tcp://HOST:PORT or ipc://PATH");
    }
    if (!options->insecure_plane && edge_options_plane_is_open(options)) {
        return refuse(text, "router", endpoint,
                      "a loopback address or ipc://; any together with --curve-key-file and "
                      "--curve-server-key-file; or any with --insecure-plane (nothing on the "
                      "connection is encrypted or authenticated then)");
    }
    return edge_options_check_curve(options, text);
}

static enum status check_lists(const struct edge_options *options, struct buf *text)
{
    struct address_net net;
    for (size_t i = 0; i < options->trusted_proxies.count; i++) {
        const char *item = options->trusted_proxies.items[i];
        if (!address_net_parse(bytes_of_str(item), &net)) {
            return refuse(text, "trusted-proxies", item, "ADDRESS or ADDRESS/BITS");
        }
    }
    for (size_t i = 0; i < options->allowed_origins.count; i++) {
        const char *item = options->allowed_origins.items[i];
        const char *scheme_end = strstr(item, "://");
        if (scheme_end == NULL || scheme_end == item || scheme_end[3] == '\0') {
            return refuse(text, "allowed-origins", item, "scheme://host[:port]");
        }
    }
    return STATUS_OK;
}

const struct option_program *edge_options_program(void)
{
    return &PROGRAM;
}

/* What may stand in a request before the query (RFC 9112 section 3.2.1), but for the health check.
 */
static bool is_path(const char *path)
{
    struct bytes text = bytes_of_str(path);
    struct ws_target target;
    const char *error = NULL;
    if (text.len == 0 || text.data[0] != '/' || !ws_target_parse(text, &target, &error)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7F) {
            return false;
        }
    }
    return target.path.len == text.len && !bytes_equal(text, BYTES_LIT("/health"));
}

enum status edge_options_check(const struct edge_options *options, struct buf *text)
{
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    enum status status = check_listen(options, text);
    if (status == STATUS_OK) {
        status = check_router(options, text);
    }
    if (status == STATUS_OK) {
        status = check_lists(options, text);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (options->http_listen == NULL || (strcmp(options->http_listen, "off") != 0 &&
                                         !address_split(options->http_listen, host, port))) {
        return refuse(text, "http-listen", options->http_listen == NULL ? "" : options->http_listen,
                      "HOST:PORT or off");
    }
    if (!is_path(options->path)) {
        return refuse(text, "path", options->path == NULL ? "" : options->path,
                      "a path as it stands in a request: / first, no space, ? or #, not /health");
    }
    if (options->soft_output > options->max_output) {
        buf_append_str(text, "--soft-output: must not be above --max-output");
        return STATUS_MALFORMED;
    }
    if (options->canary_timeout <= options->canary_interval) {
        buf_append_str(text, "--canary-timeout: must be longer than --canary-interval");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

char *edge_options_id(const struct edge_options *options)
{
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    if (options->id != NULL) {
        return mem_copy_str(bytes_of_str(options->id));
    }
    const struct option_list *first =
        options->listen.count == 0 ? &options->listen_tls : &options->listen;
    bool split = address_split(first->items[0], host, port);
    assert(split && "edge_options_check() came before");
    return default_id(split ? port : "0");
}

bool edge_options_plane_is_open(const struct edge_options *options)
{
    return options->curve_key_file == NULL && !address_endpoint_is_local(options->router.items[0]);
}
