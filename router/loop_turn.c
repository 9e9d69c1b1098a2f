#include "router/loop_turn.h"

#include "common/clock.h"
#include "common/metrics.h"
#include "router/router_metrics.h"

void loop_turn_start(struct loop_turn *turn)
{
    *turn = (struct loop_turn){.ended_us = clock_thread_us()};
}

void loop_turn_end(struct loop_turn *turn, struct metrics *metrics)
{
    uint64_t now_us = clock_thread_us();
    uint64_t took_us = now_us - turn->ended_us;
    turn->ended_us = now_us;
    metrics_observe(metrics, ROUTER_METRIC_LOOP_TURN, 0, (double)took_us / 1e6);
    if (took_us > turn->longest_us) {
        turn->longest_us = took_us;
        metrics_set(metrics, ROUTER_METRIC_LOOP_TURN_LONGEST, 0, (int64_t)took_us);
    }
}
