#include "edge/notices.h"

void notice_server_shutdown(struct buf *out, uint64_t reconnect_delay_ms)
{
    buf_append_str(out, "{\"type\":\"server_shutdown\",\"reason\":\"Deployment in progress\","
                        "\"reconnectDelay\":");
    buf_append_u64(out, reconnect_delay_ms);
    buf_append_str(out, "}");
}

void notice_unavailable(struct buf *out)
{
    buf_append_str(out, "{\"type\":\"error\",\"code\":\"unavailable\",\"error\":\"unavailable\"}");
}
