#include "router/ctl/ctl_offline.h"

#include "router/ctl/ctl_apikey.h"
#include "router/ctl/ctl_completion.h"
#include "router/ctl/ctl_keys.h"
#include "router/ctl/ctl_plan.h"
#include "router/engine/embedded_offline.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool write_out(void *owner, struct bytes bytes)
{
    (void)owner;
    return fwrite(bytes.data, 1, bytes.len, stdout) == bytes.len && fflush(stdout) == 0;
}

static bool read_in(void *owner, uint8_t *data, size_t len, size_t *ret_len)
{
    (void)owner;
    *ret_len = fread(data, 1, len, stdin);
    return ferror(stdin) == 0;
}

static enum ctl_exit exit_of(enum status status)
{
    return status == STATUS_OK          ? CTL_EXIT_DONE
           : status == STATUS_NOT_FOUND ? CTL_EXIT_NOT_FOUND
                                        : CTL_EXIT_REFUSED;
}

/* The lines of a check as JSON: damage, and what is there by name. */
static void check_json(bool sound, const char *report, struct buf *out)
{
    json_t *root = json_object();
    json_t *lines = json_array();
    for (const char *at = report; *at != 0;) {
        size_t len = strcspn(at, "\n");
        json_array_append_new(lines, json_stringn_nocheck(at, len));
        at += len + (at[len] == '\n');
    }
    json_object_set_new(root, "sound", json_boolean(sound));
    json_object_set_new(root, "report", lines);
    char *written = json_dumps(root, JSON_INDENT(2));
    if (written == NULL) {
        abort();
    }
    buf_append_str(out, written);
    buf_append_byte(out, '\n');
    free(written);
    json_decref(root);
}

/* A damaged directory is an answer, on standard output; one that cannot be looked at is not. */
static enum ctl_exit check(const struct ctl_args *args)
{
    struct buf report;
    struct buf out;
    buf_init(&report, 0);
    buf_init(&out, 0);
    enum status status = engine_check(args->operands[0], &report);
    buf_append_byte(&report, 0);
    const char *text = (const char *)report.data;
    if (status != STATUS_OK && status != STATUS_MALFORMED) {
        (void)fprintf(stderr, "splitrailctl: %s", text);
    } else if (args->json) {
        check_json(status == STATUS_OK, text, &out);
    } else {
        buf_append_str(&out, text);
        buf_append_str(&out, status == STATUS_OK ? "sound\n" : "DAMAGED\n");
    }
    enum ctl_exit code = exit_of(status);
    if (out.len > 0 && !write_out(NULL, buf_bytes(&out))) {
        code = CTL_EXIT_REFUSED;
    }
    buf_fini(&out);
    buf_fini(&report);
    return code;
}

static enum ctl_exit transfer(const struct ctl_args *args)
{
    struct buf error;
    struct engine_sink sink = {.write = write_out};
    struct engine_source source = {.read = read_in};
    buf_init(&error, 0);
    enum status status = args->command == CTL_EXPORT
                             ? engine_export(args->operands[0], &sink, &error)
                             : engine_import(args->operands[0], &source, &error);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "splitrailctl: %.*s\n", (int)error.len, (const char *)error.data);
    }
    buf_fini(&error);
    return exit_of(status);
}

static enum ctl_exit completion(const struct ctl_args *args)
{
    struct buf script;
    buf_init(&script, 0);
    enum ctl_exit code = CTL_EXIT_DONE;
    if (!ctl_completion(args->operands[0], &script)) {
        (void)fprintf(stderr, "splitrailctl: completion is there for bash and zsh\n");
        code = CTL_EXIT_USAGE;
    } else if (!write_out(NULL, buf_bytes(&script))) {
        code = CTL_EXIT_REFUSED;
    }
    buf_fini(&script);
    return code;
}

bool ctl_is_offline(enum ctl_command command)
{
    return command == CTL_CHECK || command == CTL_EXPORT || command == CTL_IMPORT ||
           command == CTL_KEYGEN || command == CTL_APIKEY || command == CTL_COMPLETION ||
           command == CTL_PLAN;
}

enum ctl_exit ctl_offline(const struct ctl_args *args)
{
    if (args->command == CTL_KEYGEN) {
        return ctl_keygen(args);
    }
    if (args->command == CTL_PLAN) {
        return ctl_plan_run(args);
    }
    if (args->command == CTL_COMPLETION) {
        return completion(args);
    }
    if (args->command == CTL_APIKEY) {
        return ctl_apikey(args);
    }
    return args->command == CTL_CHECK ? check(args) : transfer(args);
}
