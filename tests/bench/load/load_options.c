#include "tests/bench/load/load_options.h"

#include "common/mem.h"
#include "tests/bench/load/compact_stamp.h"

#include <netdb.h>
#include <stddef.h>

static const struct option_spec specs[] = {
#define OPTION(field, name, type, fallback, min, max, choices, flags, help)                        \
    {name,  OPTION_##type, offsetof(struct load_options, field), fallback, min, max, choices,      \
     flags, help},
#include "tests/bench/load/options.def"
#undef OPTION
};

const struct option_program load_option_program = {
    "splitrail-bench",
    "Load for WebSocket servers, with exact accounts of what came and what it cost.",
    specs,
    sizeof(specs) / sizeof(specs[0]),
    NULL,
};

bool load_resolve(struct bytes host_port, struct sockaddr_in *ret_address)
{
    char *host = mem_copy_str(host_port);
    char *colon = strrchr(host, ':');
    struct addrinfo *found = NULL;
    bool ok = false;
    if (colon != NULL) {
        *colon = 0;
        const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
        ok = getaddrinfo(host, colon + 1, &hints, &found) == 0;
    }
    if (ok) {
        memcpy(ret_address, found->ai_addr, sizeof(*ret_address));
        freeaddrinfo(found);
    }
    mem_free(host);
    return ok;
}

static bool parse_url(const char *url, struct load_target *ret_target)
{
    struct bytes rest = bytes_of_str(url);
    if (!bytes_starts_with(rest, BYTES_LIT("ws://"))) {
        return false;
    }
    rest = bytes_slice(rest, 5, rest.len);
    size_t slash = 0;
    while (slash < rest.len && rest.data[slash] != '/') {
        slash++;
    }
    struct bytes host = bytes_slice(rest, 0, slash);
    if (!load_resolve(host, &ret_target->address)) {
        return false;
    }
    ret_target->host = mem_copy_str(host);
    struct bytes path = bytes_slice(rest, slash, rest.len);
    ret_target->path = template_new(path.len == 0 ? BYTES_LIT("/") : path);
    return true;
}

static struct template *make_headers(const struct load_options *options)
{
    struct buf lines;
    buf_init(&lines, 0);
    for (size_t i = 0; i < options->headers.count; i++) {
        buf_append_str(&lines, options->headers.items[i]);
        buf_append_str(&lines, "\r\n");
    }
    if (options->protocol != NULL) {
        buf_append_str(&lines, "Sec-WebSocket-Protocol: ");
        buf_append_str(&lines, options->protocol);
        buf_append_str(&lines, "\r\n");
    }
    struct template *headers = template_new(buf_bytes(&lines));
    buf_fini(&lines);
    return headers;
}

/* The caller fini()s it. */
static void option_text(const struct load_options *options, const char *given, struct buf *ret_text)
{
    struct bytes text = given == NULL ? BYTES_EMPTY : bytes_of_str(given);
    buf_init(ret_text, 0);
    if (options->escapes) {
        template_unescape(text, ret_text);
    } else {
        buf_append(ret_text, text);
    }
}

/* NULL for nothing. */
static struct template *make_template(const struct load_options *options, const char *given)
{
    struct buf text;
    if (given == NULL) {
        return NULL;
    }
    option_text(options, given, &text);
    struct template *template = template_new(buf_bytes(&text));
    buf_fini(&text);
    return template;
}

static const char *check_direct(const struct load_options *options)
{
    if (options->publishers % 2 != 0) {
        return "--direct: needs an even number of --publishers\n";
    }
    if (options->users != 0) {
        return "--direct: each connection must be a user of its own\n";
    }
    return NULL;
}

static const char *check(const struct load_config *config)
{
    const struct load_options *options = &config->options;
    if (options->rooms_min > options->rooms_max) {
        return "--rooms-each-min: more than --rooms-each\n";
    }
    if (options->publishers > options->connections) {
        return "--publishers: more than --connections\n";
    }
    if (options->processes > options->connections) {
        return "--processes: more than --connections\n";
    }
    if (options->publishers != 0 && config->publish == NULL) {
        return "--publish: needs {stamp}\n";
    }
    if (options->publishers != 0 && !template_has(config->publish, TEMPLATE_STAMP)) {
        return "--publish: needs {stamp}\n";
    }
    if (options->publishers != 0 && options->payload_bytes < COMPACT_STAMP_BYTES) {
        return "--payload-bytes: the stamp alone has 16\n";
    }
    return options->direct ? check_direct(options) : NULL;
}

static struct plan make_plan(const struct load_options *options)
{
    return (struct plan){
        .connections = (uint32_t)options->connections,
        .processes = (uint32_t)options->processes,
        .users = (uint32_t)options->users,
        .rooms = (uint32_t)options->rooms,
        .rooms_min = (uint32_t)options->rooms_min,
        .rooms_max = (uint32_t)options->rooms_max,
        .publishers = (uint32_t)options->publishers,
        .direct = options->direct,
    };
}

bool load_config_complete(struct load_config *config, struct buf *text)
{
    const struct load_options *options = &config->options;
    config->plan = make_plan(options);
    config->headers = make_headers(options);
    config->hello = make_template(options, options->hello);
    config->join = make_template(options, options->join);
    config->publish = make_template(options, options->publish);
    option_text(options, options->joined, &config->joined);
    config->targets = mem_new(options->urls.count, sizeof(*config->targets));
    for (size_t i = 0; i < options->urls.count; i++) {
        if (!parse_url(options->urls.items[i], &config->targets[i])) {
            buf_append_str(text, "--url: not ws://HOST:PORT/PATH: ");
            buf_append_str(text, options->urls.items[i]);
            buf_append_str(text, "\n");
            return false;
        }
        config->target_count = i + 1;
    }
    if (options->token_file != NULL) {
        config->tokens = token_file_read(options->token_file);
        if (config->tokens == NULL) {
            buf_append_str(text, "--token-file: cannot be read, or has no line\n");
            return false;
        }
    }
    const char *wrong = check(config);
    if (wrong != NULL) {
        buf_append_str(text, wrong);
    }
    return wrong == NULL;
}

bool load_config_compact(const struct load_config *config)
{
    return config->options.payload_bytes < STAMP_BYTES;
}

struct bytes load_config_token(const struct load_config *config, uint32_t conn)
{
    return config->tokens == NULL ? BYTES_EMPTY : token_file_line(config->tokens, conn);
}

void load_config_fini(struct load_config *config)
{
    for (size_t i = 0; i < config->target_count; i++) {
        mem_free(config->targets[i].host);
        template_free(&config->targets[i].path);
    }
    mem_free(config->targets);
    template_free(&config->headers);
    template_free(&config->hello);
    template_free(&config->join);
    template_free(&config->publish);
    token_file_free(&config->tokens);
    buf_fini(&config->joined);
    option_fini(&load_option_program, &config->options);
}
