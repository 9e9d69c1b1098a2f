/* In the middle of a turn nothing of the link can be judged, since nothing was read. But that we
 * are alive can be said: who writes to all of many clients on a machine without a processor to
 * spare would else be taken for dead, and all of them would have to move. */
#include "edge/uplink_down.h"

void uplink_alive(struct uplink *uplink, uint64_t now_ms)
{
    const struct link *link = &uplink->link;
    if (uplink->state == UPLINK_UP && now_ms >= link->spoke_ms + link->timing.heartbeat_ms) {
        (void)uplink_speak(uplink, now_ms); /* in vain: the tick at the end of the turn finds out */
    }
}
