/* The manual page of splitrailctl, from the same tables as its help. */
#include "common/options_man.h"
#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_help.h"

static const char description[] =
    "Asks a splitrail-router, and tells it what to do. Answers are tables for people, or with "
    "--json one JSON document, or one a line for commands that go on.\n"
    "Commands that go on (watch, tail, trace, top) end with Ctrl-C, after --limit events or after "
    "--for. Who reads too slowly is told how many events were left out.\n"
    "Colours are for terminals; NO_COLOR or TERM=dumb switches them off.\n";

static const char exits[] = "0\tdone\n1\tthe command line is wrong\n2\tno answer from the router\n"
                            "3\tnot found\n4\trefused, or not ready\n";

void ctl_man(struct buf *out)
{
    const struct man_page page = {.program = &ctl_program,
                                  .section = "1",
                                  .description = description,
                                  .exits = exits,
                                  .see_also = "splitrail-router(8), splitrail-edge(8)"};
    man_begin(&page, "[--router ENDPOINT] [--json] [--timeout TIME] COMMAND [OPERAND]...", out);
    man_section("COMMANDS", out);
    for (size_t i = 0; i < CTL_COMMAND_COUNT; i++) {
        const struct ctl_command_spec *spec = &ctl_command_specs[i];
        man_item(spec->words, spec->operands, spec->help, out);
    }
    man_section("OPTIONS", out);
    man_options(&ctl_program, out);
    man_section("ENVIRONMENT", out);
    man_item("SPLITRAIL_ROUTER", "", "The same as --router.", out);
    man_item("SPLITRAIL_CURVE_KEY_FILE, SPLITRAIL_CURVE_SERVER_KEY_FILE, SPLITRAIL_INSECURE_PLANE",
             "", "The same as the options of these names.", out);
    man_item("NO_COLOR", "", "No colours.", out);
    man_section("FILES", out);
    man_item("$XDG_RUNTIME_DIR/splitrail/router.sock", "",
             "The router's socket, which is tried before tcp://127.0.0.1:7401; /run instead of the "
             "variable for a system service.",
             out);
    man_end(&page, out);
}
