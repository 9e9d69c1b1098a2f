#!/bin/sh
# Breaks the product on purpose, one way at a time, in a copy of the tree, and expects the simulator
# to notice each. README.md tells which rule catches which mutant.
#
#   tests/sim/mutants.sh [SEEDS [NAME…]]   each that is not caught is told; the exit status is 1 then
#   tests/sim/mutants.sh --list            the names
#   tests/sim/mutants.sh --check           whether each edit still fits and README.md names it
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
seeds=${1:-300}
[ $# -gt 0 ] && shift
only=" $* "
copy=
caught=0
failed=

# check NAME FILE PERL
check() {
    if perl -0pe "$3" "$root/$2" | cmp -s - "$root/$2"; then
        echo "$1: the edit does not fit $2 any more"
        failed="$failed $1"
    elif ! grep -Eq "^[|] ([a-z_]+, )*$1(,|:| [|])" "$root/tests/sim/README.md"; then
        echo "$1: is not in README.md"
        failed="$failed $1"
    fi
}

prepare() {
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    trap 'exit 1' INT TERM
    for part in CMakeLists.txt cmake common proto edge router tests; do
        cp -R "$root/$part" "$copy/"
    done
    cmake -S "$copy" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
    ninja -C "$copy/build" -j "${JOBS:-2}" sim >/dev/null
    "$copy/build/bin/sim" 1 "$seeds" || { echo "the product itself fails" >&2; exit 1; }
}

# judge [TEST]: what became of the mutant in the copy; false when it was not caught.
judge() {
    if ! ninja -C "$copy/build" -j "${JOBS:-2}" "${1:-sim}" >"$copy/log" 2>&1; then
        verdict="DOES NOT BUILD: $(grep -m 1 'error:' "$copy/log")"
        return 1
    fi
    ended=0
    if [ -n "${1:-}" ]; then
        timeout 900 "$copy/build/bin/$1" >"$copy/log" 2>&1 || ended=$?
    else
        timeout 900 "$copy/build/bin/sim" 1 "$seeds" >"$copy/log" 2>&1 || ended=$?
    fi
    verdict=$(grep -E '^seed|Assertion|:[FE]:' "$copy/log" | tail -1)
    case $ended in
    0) verdict="SURVIVED ${1:-$seeds seeds}" ;;
    124) verdict="TOO SLOW: neither caught nor through after 900 s" ;;
    *) [ -n "$verdict" ] || verdict="ended with status $ended" ;;
    esac
    [ "$ended" != 0 ] && [ "$ended" != 124 ]
}

# mutant NAME FILE PERL [TEST]: PERL edits the whole text of FILE. What histories show too seldom is
# judged by a unit test instead.
mutant() {
    if [ "$only" != "  " ] && [ "${only#* "$1" }" = "$only" ]; then
        return
    fi
    case $seeds in
    --list) echo "$1" && return ;;
    --check) check "$@" && return ;;
    esac
    perl -0pi -e "$3" "$copy/$2"
    if cmp -s "$root/$2" "$copy/$2"; then
        verdict="DOES NOT FIT $2 any more"
        failed="$failed $1"
    elif judge "${4:-}"; then
        caught=$((caught + 1))
    else
        failed="$failed $1"
    fi
    echo "$1: $verdict"
    cp "$root/$2" "$copy/$2"
}

case $seeds in
--*) ;;
*) prepare ;;
esac

# The link
mutant ack_before_answers router/plane_hello.c 's/link\.answers = true/link.answers = false/'
mutant both_ends_wait edge/uplink.c 's/(    plane_builder_init\(&uplink->up, &uplink->link.spares\);)/    uplink->link.answers = true;\n$1/'
mutant ack_of_a_hole common/link.c 's/(if \(sent > link->received\) \{)/take_ack(link, ack);\n        $1/; s/(    if \(seq != link->received \+ 1\) \{)/    take_ack(link, ack);\n$1/'
mutant holes_ignored common/link.c 's/seq != link->received \+ 1/false/; s/sent > link->received/false/'
mutant repeated_is_new common/link.c 's/return LINK_FRAME_REPEATED;/return LINK_FRAME_NEW;/'
mutant credit_ignored common/link.c 's/link->sent_bytes \+ entry->len > link->window/false/'
mutant resume_skips_one common/link.c 's/\(peer_received \+ 1 - link->first_seq\);/(peer_received + 1 - link->first_seq);\n    keep += keep < link->sent_count;/'

# Back-pressure
mutant never_held router/plane_pace.c 's/return waiting_bytes\(edge\) > plane->config\.queue_bytes_max \/ HOLD_SHARE/return waiting_bytes(edge) > 0 \&\& plane->config.queue_bytes_max == 0/'
mutant rest_of_the_frame_lost router/plane_pace.c 's/bool rest = possible && cursor->index < batch->count;/bool rest = false;/'
mutant replays_not_held router/load.c 's/edge->serial == parked->edge_serial && edge->held/edge->serial == parked->edge_serial \&\& false/'
mutant held_for_ever router/plane_pace.c 's/if \(is_little\(plane, edge\)\) \{/if (plane == NULL) {/'

# The edge
mutant nothing_sent_again edge/uplink.c 's/entry\.tag == 0/true/'
mutant new_before_old edge/uplink.c 's/(    struct link_entry entry;\n    while \(link_queue_pop\(&old)/    if (uplink->up.count != 0) {\n        seal_batch(uplink);\n    }\n$1/'
mutant announce_after_old edge/uplink.c 's/    uplink_announce\(uplink\);\n(    uplink_repair_restart\(uplink\);\n    struct link_entry entry;.*?    link_queue_fini\(&old\);\n)/$1    uplink_announce(uplink);\n/s'
mutant closed_not_announced edge/uplink_announce.c 's/if \(session->ending\) \{/if (session->ending || session->closed) {/'
mutant closed_forgotten_at_once edge/uplink.c 's/uplink->closed_first->closed_tag <= uplink->link\.acked_tag/true/'
mutant closed_never_forgotten edge/uplink.c 's/uplink->closed_first->closed_tag <= uplink->link\.acked_tag/false/'
mutant hold_without_limit edge/uplink.c 's/return STATUS_LIMIT;/;/'
mutant groups_not_joined edge/uplink_down.c 's/groups_merge\(&uplink->groups, groups_at\(&uplink->groups, op->slot\), group\);/uplink->stats.bad_frames++;/'
mutant unheard_groups_first edge/uplink_announce.c 's/announce_groups\(uplink, true, &builder\);\n    announce_groups\(uplink, false, &builder\);/announce_groups(uplink, false, &builder);\n    announce_groups(uplink, true, &builder);/' test_uplink
mutant first_offset_ignored edge/uplink_down.c 's/if \(op->bytes\.len != 0\) \{/if (group->count == 0 && group->holds == 0) {/'

# Slow readers
mutant gap_lacks_one router/room.c 's/same \? message->offset : 1/same ? message->offset + 1 : 1/'
mutant lag_forgets_the_record edge/groups.c 's/        keep_known_record\(groups, group\);\n//'
mutant former_unasked edge/uplink_down.c 's/    uplink_ask_for_former\(uplink, group\);\n//' test_uplink
mutant lag_ends_unasked edge/uplink_lag.c 's/groups_lag_of\(&uplink->groups, group, slot\) != NULL/groups_lag_of(&uplink->groups, group, slot) != NULL \&\& uplink->callbacks.is_slow(uplink->owner, slot)/'
mutant lag_starts_too_late edge/uplink_down.c 's/(    uint64_t due = group->last_offset \+ 1;)\n(    group->last_offset = op->b == 0 \? group->last_offset : op->b;)/$2\n$1/'
mutant any_token edge/uplink_lag.c 's/lag->token != op->a/false/'
mutant new_life_left_out router/announce.c 's/(    if \(!same && room\) \{)/    if (channel_droppable(channel)) {\n        channel_emit_policy(core, channel, event->edge);\n    }\n$1/'

# What a router leaves out
mutant no_hole_check edge/uplink_down.c 's/edge_group_hole\(group\) != NULL \|\| !follows\(group, op\)/follows(group, op) \&\& false/'
mutant no_hold_back edge/uplink_repair.c 's/    holes_put\(holes, hole, what, payload\);/    give(uplink, group, what, payload);/'
mutant answer_ignored edge/uplink_repair.c 's/(    give\(uplink, group, &what, op->bytes\);)/    if (group->hole != NULL) {\n        return;\n    }\n$1/'
mutant not_answered router/repair.c 's/if \(from == 0 \|\| from > to\)/if (from != UINT64_MAX)/'
mutant given_twice edge/uplink_repair.c 's/op->b <= group->last_offset\)/op->b <= group->last_offset \&\& false)/'
mutant newcomers_get_all edge/holes.c 's/if \(newcomer == NULL\) \{/if (newcomer == NULL || hole != NULL) {/'
mutant newcomers_forgotten edge/uplink_repair.c 's/hole->newest = hole_known_most\(hole\);/hole->newest = 0;/'
mutant bound_again_forgets edge/uplink_repair.c 's/if \(again\) \{/if (again \&\& !again) {/' test_uplink_repair
mutant unnumbered_not_held edge/uplink_repair.c 's/op->b == 0 \|\| what\.first/what.first/'
mutant hole_without_end edge/uplink_repair.c 's/uplink->now_ms >= hole->give_up_ms/false/; s/(    hole->ask_at_ms = uplink->now_ms) \+ ASK_AGAIN_MS;\n    note_due/$1 + 1000000;\n    note_due/'
mutant repair_buffer_without_limit edge/uplink_repair.c 's/> uplink->config\.repair_bytes_max/> UINT64_MAX - 1/'
mutant top_not_told router/session.c 's/        repair_emit_top\(core, channel_find\(core, message->group\), conn->ref\.edge\);\n/        ;\n/'
mutant former_untold router/announce.c 's/        former_announced\(core, event, channel\);/        ;/'
mutant former_told_to_one router/former.c 's/uint32_t i = 0; i < channel->edge_count/uint32_t i = 0; false \&\& i < channel->edge_count/'
mutant nothing_is_no_lack router/former.c 's/\(top != 0 \|\| channel_rare\(channel\)->former_none == epoch\)/top != 0/'
mutant newest_untold edge/uplink_lag.c 's/if \(lag->newest == 0\)/if (true)/'
mutant newest_unheard router/room.c 's/    former_lagging\(core, channel[^;]*;\n//'
mutant asked_before_the_end edge/uplink_lag.c 's/lag->asked_kept\) \{/lag->asked) {/' test_uplink

# The plane
mutant no_fence router/plane_hello.c 's/if \(is_fenced\(plane, hello->edge_incarnation\) \|\|\n\s*hello->router_incarnation == plane->incarnation\)/if (false)/'
mutant late_hello_counts router/plane_hello.c 's/hello->attempt < edge->attempt/false/'
mutant one_delivery_dropped router/plane_down.c 's/(        bool except = )/        static unsigned count;\n        if (++count % 200 == 0) {\n            continue;\n        }\n$1/'
mutant dead_edge_keeps_users router/plane_hello.c 's/    plane_step\(plane, &\(struct core_event\)\{\.kind = CORE_EDGE_DOWN,.*?\}\);\n//s'
mutant ticket_keys_not_told router/plane_tickets.c 's/plane->edges\[i\] != NULL/false/'
mutant finished_too_early router/plane.c 's/(    switch \(link_receive\(&edge->link)/    if (frame->seq != 0 && frame->seq == edge->link.received + 1) {\n        edge->link.received++;\n        plane_frame_begin(plane, edge);\n        return;\n    }\n$1/'

# Tokens whose check takes a while
mutant waiting_acknowledged router/plane_verify.c 's/    plane_frame_hold\(plane, copy->cause, true\);\n//; s/    plane_frame_hold\(plane, op->cause, false\);\n//'

mutant end_dropped_with_opening router/plane_verify.c 's/(waiting_free\(plane, take\(plane, edge, id\)\);\n\s*return )false/$1same/'

# The core
mutant no_epoch_push router/announce.c 's/if \(!same && room\)/if (false)/'
mutant twice_up_to_date router/announce.c 's/    if \(first\) \{/    (void)first;\n    if (true) {/'
mutant watches_not_announced router/announce.c 's/            attach_watch\(core, conn, channel\);/            ;/'
mutant announced_aloud router/announce.c 's/return core->rebuilding \|\|[^;]*;/return false;/'
mutant who_left_comes_silent router/announce.c 's/ && !user->told_left//' test_core_rebuild
mutant always_silent router/announce.c 's/return core->rebuilding \|\|[^;]*;/return true;/' test_core_rebuild
mutant no_mass_grace router/loss.c 's/if \(!loss->mass\) \{/if (true) {/'
mutant watchers_not_told router/unsure.c 's/is_owed\(core, user->watch, early\) \|\| roster_differs\(core, user->watch\)/false \&\& early/' test_core_rebuild
mutant roster_not_compared router/roster.c 's/(bool roster_differs\([^{]*\{)/$1\n    if (core != NULL) {\n        return false;\n    }/' test_core_roster
mutant ended_untold router/session.c 's/ended_early \|\| core->rebuilding/ended_early/' test_core_rebuild
mutant late_comes_silent router/session.c 's/!silent \|\| user->told_offline/!silent/' test_core_rebuild
mutant lacking_edge_forgotten router/unsure.c 's/ \|\|\n\s*user->edge_lacked;/;/' test_core_rebuild
mutant edges_not_compared router/unsure.c 's/unsure->told != 0 && unsure->told != met/false/' test_core_rebuild
mutant late_edge_not_compared router/unsure.c 's/others != 0 \|\| has_clients/others != 0/'
mutant late_edge_untold router/unsure.c 's/            begin\(unsure, others != 0\); [^\n]*/            ;/'
mutant shares_without_sum router/plane_admission.c 's/rate \* places \/ places_in_all/rate * 2/'
mutant leaves_in_rebuild router/room.c 's/last && !core_synced\(core\)/false/'
mutant no_grace router/loss.c 's/uint64_t due_ms = core->now_ms \+ core->config\.grace_ms;/uint64_t due_ms = core->now_ms;/'
mutant no_grace_for_edges router/loss.c 's/            lose\(core, conn, &loss\);/            session_lose(core, conn, core->now_ms);/'
mutant grace_without_end router/session.c 's/(void session_expire\(struct router_core \*core\)\n\{)/$1\n    if (core != NULL) {\n        return;\n    }/'
mutant keys_forgotten router/post.c 's/if \(channel_key_find\(core, channel, post->user, post->key, &offset\)\)/if (offset != 0)/'
mutant recovered_lies router/room.c 's/answer->ok->recovered = complete;/answer->ok->recovered = true;/'
mutant recovery_lacks_one router/room.c 's/complete \? since->offset \+ 1 : first/complete ? since->offset + 2 : first/'
mutant kick_keeps_presence router/session_admin.c 's/    session_end\(core, conn\);\n//'

# Durable rooms
mutant no_message_ids router/post.c 's/if \(reply\.number == 0\)/if (reply.number != UINT64_MAX)/'
mutant ids_of_what_fits_only router/load.c 's/effect->ids = !channel->loaded;/effect->ids = false;/'
mutant deliver_before_commit router/post.c 's/(    append_pending\(core, channel, pending\);\n    emit_append\(core, channel, pending, key_in_log\(core, pending\)\);)/$1\n    pending->done = true;\n    post_finish(core, channel);/'
mutant ack_before_commit router/plane.c 's/link_finish\(&edge->link, plane_frames_finished\(edge\)\)/link_finish(\&edge->link, edge->link.received)/'
mutant answered_sent_again edge/uplink.c 's/    uplink_answers_leave_out\(uplink, &old\);\n//'
mutant ids_of_keyed_forgotten router/post.c 's/both\[0\] = MESSAGE_BOTH_MARK;/id.len = 0;/'
mutant done_untold router/plane_frames.c 's/for \(uint32_t i = 0; !all && i < edge->done_count; i\+\+\)/for (uint32_t i = 0; all \&\& i < edge->done_count; i++)/'
mutant loads_not_awaited router/load.c 's/channel->loaded && !channel->loading && served/true/'
mutant epochs_drawn router/channel.c 's/: first_epoch\(core, channel, log->forgotten\)/: core_random(core)/; s/static uint64_t first_epoch/__attribute__((unused)) static uint64_t first_epoch/'
mutant failed_is_final router/post.c 's/pending->unknown && \(result == APPEND_UNKNOWN \|\| result == APPEND_FAILED\)/pending->unknown \&\& result == APPEND_UNKNOWN/' test_core_durable

# Truth
mutant differences_ignored router/truth.c 's/verdict\.differs &= verdict\.compared;/verdict.differs = 0;/'
mutant never_counted_anew router/truth.c 's/    count_anew\(core, edge, bucket\);\n    verdict/    verdict/'
mutant touched_is_compared router/truth.c 's/~\(edge->digest\.touched \| /~(/'
mutant unsettled_is_compared router/truth.c 's/ \| unsettled\);/ | (unsettled \& 0));/'
mutant waiting_is_compared router/truth.c 's/digest_unsettled\(&edge->digest\) \| unsettled/unsettled/'
mutant bound_groups_not_counted edge/groups.c 's/    digest_group\(groups, group, true\);\n//'
mutant found_not_repaired router/truth.c 's/(static void part\(struct router_core \*core, struct conn \*conn\)\n\{)/$1\n    if (core != NULL) {\n        return;\n    }/'
mutant lost_canary_awaited edge/uplink.c 's/    uplink_canary_lost\(uplink\);\n//'
mutant question_lost router/plane_hello.c 's/    plane_truth_forget\(edge\);\n//'
mutant canary_never_back router/plane_truth.c 's/    plane_say\(plane, edge, &\(struct plane_op\)\{\.kind = OP_CANARY_BACK/    (void)plane_say;\n    (void)(0 ? plane : plane), (void)edge, (void)(\&(struct plane_op){.kind = OP_CANARY_BACK/'

# Reports
mutant state_of_the_successor edge/uplink_report.c 's/(static bool is_open.*?)groups_session\(&uplink->groups, op->slot, op->gen\)/$1groups_current(&uplink->groups, op->slot)/s'
mutant traced_is_what_comes_next edge/uplink_down.c 's/return trace->a != 0 && trace->b == deliver->b &&.*?;/return trace->a != 0;/s'

# Bans
mutant bans_not_told_anew router/plane_hello.c 's/    plane_bans_start\(plane, edge, hello->features\);\n    return edge;/    edge->knows_bans = true;\n    return edge;/'
mutant bans_of_the_former_stay edge/uplink_bans.c 's/        uplink_bans_fini\(bans\);\n        netset_init\(.*?\n//'
mutant unban_not_told router/session_bans.c 's/    tell_edges\(core, ban, false\);\n//'
mutant bans_not_kept router/plane_bans.c 's/    plane->engine->ops->put\(.*?\n/    (void)value;\n/'

case $seeds in
--*) ;;
*) echo "$caught caught${failed:+, not caught:$failed}" ;;
esac
[ -z "$failed" ]
