#include "router/ctl/ctl_live.h"

#include "router/ctl/ctl_screen.h"
#include "router/ctl/ctl_stream.h"

bool ctl_is_live(enum ctl_command command)
{
    switch ((int)command) {
    case CTL_WATCH_USER:
    case CTL_WATCH_ROOM:
    case CTL_TAIL_ROOM:
    case CTL_TRACE_ROOM:
    case CTL_TRACE_USER:
    case CTL_TOP:
        return true;
    default:
        return false;
    }
}

enum ctl_exit ctl_live(const struct ctl_args *args, const char *endpoint,
                       const struct ctl_keys *keys)
{
    return args->command == CTL_TOP ? ctl_screen(args, endpoint, keys)
                                    : ctl_stream(args, endpoint, keys);
}
