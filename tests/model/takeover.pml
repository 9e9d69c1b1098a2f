/* Routers come and go over one log: commit, then deliver. README.md says what is left out and which
 * name here is which in the code.
 *
 * Router r is the r-th incarnation. Each may die, or hang for as long as it likes and go on, at any
 * point; the next one may start at any time, whether the one before is dead or not. Each edge
 * notices on its own, at any time. Edge e has one client, which publishes messages 1..made and is a
 * member of the one room that there is.
 *
 * The links are those of link.pml: within a session in order and without loss; what is in a link
 * that is given up is lost. So a frame that the transport loses is no event here, unless NO_HOLE
 * lets the edge overlook it. */
#ifndef ROUTERS
#define ROUTERS 3
#endif
#ifndef MESSAGES0
#define MESSAGES0 2 /* of the client at edge 0 */
#endif
#ifndef MESSAGES1
#define MESSAGES1 1
#endif
#ifndef APPENDS
#define APPENDS 2 /* on their way to the engine */
#endif
#ifndef GIVE_UP
#define GIVE_UP 1 /* once a router gives an edge up that lives */
#endif
#define EDGES 2
#define LOG_WANTED (MESSAGES0 + MESSAGES1)
#define LOG_MAX (2 * LOG_WANTED)
#define UP_MAX 2                 /* what a link holds on its way up */
#define DOWN_MAX (LOG_WANTED + 1) /* and down: at least all that a late edge lacks */

/* A message's identity: its connection and its number there. */
#define ID(e, n) ((e) * 8 + (n))
#define EDGE_OF(id) ((id) / 8)
#define NUMBER_OF(id) ((id) % 8)
#define OF(r, e) (((r) - 1) * EDGES + (e))
#define WANTED(e) ((e) == 0 -> MESSAGES0 : MESSAGES1)

mtype = { ANNOUNCE, MESSAGE, DELIVER, OK, FENCED };

/* The engine: the log, and the newest incarnation that opened it. */
byte log[LOG_MAX + 1];
byte log_len = 0;
byte fence = 0;

/* Links: ANNOUNCE last; MESSAGE number. DELIVER offset, id; OK number; FENCED. */
chan up[ROUTERS * EDGES] = [UP_MAX] of { mtype, byte };
chan down[ROUTERS * EDGES] = [DOWN_MAX] of { mtype, byte, byte };

/* Routers. */
bool started[ROUTERS + 1];
bool ended[ROUTERS + 1]; /* dead, or fenced and so stopped */
byte top[ROUTERS + 1];   /* newest offset that it knows to be committed */
bool member[ROUTERS * EDGES];
byte seen[ROUTERS * EDGES]; /* newest number of the edge's connection that it took or found */
chan appends[ROUTERS] = [APPENDS] of { byte };
chan commits[ROUTERS] = [APPENDS] of { byte, byte };
bool gave_up = false;

/* Edges. */
byte at[EDGES];      /* the incarnation that it talks to */
byte made[EDGES];    /* published by the client */
byte sent[EDGES];    /* newest number that went to this router */
byte acked[EDGES];   /* answered: kept no longer */
byte heard[EDGES];   /* newest offset that the client got */
byte got[EDGES * (LOG_MAX + 1)];
byte owed[EDGES]; /* NO_ORDER: newest number that is still to be sent again */

inline find_in_log(id)
{
    k = 1;
    do
    :: k <= log_len && log[k] != id -> k++
    :: else -> break
    od
}

/* ---- edge ---- */

inline clear_down(r, e)
{
    do
    :: nempty(down[OF(r, e)]) -> down[OF(r, e)]?_,_,_
    :: empty(down[OF(r, e)]) -> break
    od
}

inline clear_up(r, e)
{
    do
    :: nempty(up[OF(r, e)]) -> up[OF(r, e)]?_,_
    :: empty(up[OF(r, e)]) -> break
    od
}

/* start_fresh(): the announce, then what is not finished, in order, then what is new. */
inline edge_attach(r)
{
    if
    :: at[me] != 0 && ended[at[me]] -> clear_down(at[me], me); clear_up(at[me], me)
    :: at[me] != 0 && !ended[at[me]] -> clear_down(at[me], me)
    :: at[me] == 0
    fi;
    at[me] = r;
#ifdef NO_ORDER
    owed[me] = sent[me];
    owed_next = acked[me] + 1;
#else
    sent[me] = acked[me];
#endif
    up[OF(r, me)]!ANNOUNCE,heard[me]
}

inline edge_take(offset, id)
{
    assert(offset <= log_len && log[offset] == id); /* nothing that is not in the log */
    assert(offset == heard[me] + 1);                /* once, in order, nothing left out */
    heard[me] = offset;
    got[me * (LOG_MAX + 1) + offset] = id
}

#define HERE OF(at[me], me)

proctype Edge(byte me)
{
    byte a;
    byte b;
    byte k;
#ifdef NO_ORDER
    byte owed_next = 1;
#endif
end:
    do
    :: atomic { made[me] < WANTED(me) -> made[me]++ }
    :: atomic { at[me] < 1 && started[1] -> edge_attach(1) }
    :: atomic { at[me] < 2 && started[2] -> edge_attach(2) }
#if ROUTERS > 2
    :: atomic { at[me] < 3 && started[3] -> edge_attach(3) }
#endif
    :: atomic { at[me] != 0 && !ended[at[me]] && sent[me] < made[me] && nfull(up[HERE]) ->
           sent[me]++;
           up[HERE]!MESSAGE,sent[me] }
#ifdef NO_ORDER
    :: atomic { at[me] != 0 && owed_next <= owed[me] && nfull(up[HERE]) ->
           up[HERE]!MESSAGE,owed_next;
           owed_next++ }
#endif
    :: atomic { at[me] != 0 && nempty(down[HERE]) ->
           if
           :: down[HERE]?DELIVER,a,b -> edge_take(a, b)
           :: down[HERE]?OK,a,_ ->
               b = ID(me, a);
               find_in_log(b);
               assert(k <= log_len); /* what was ok'ed is in the log */
               if
               :: a > acked[me] -> acked[me] = a
               :: else
               fi
           :: down[HERE]?FENCED,_,_ ->
               /* become_new(): the client comes back with since, and asks again with its keys. */
               clear_up(at[me], me);
               edge_attach(at[me])
           fi;
           a = 0; b = 0; k = 0 }
#ifdef NO_HOLE
    :: atomic { at[me] != 0 && nempty(down[HERE]) -> down[HERE]?_,_,_ }
#endif
    od
}

/* ---- router ---- */

/* To an edge that has left, it goes nowhere. */
#define MAY_SAY(e, count) (at[e] != me || len(down[OF(me, e)]) + count <= DOWN_MAX)
inline say(e, kind, x, y)
{
    if
    :: at[e] == me -> down[OF(me, e)]!kind,x,y
    :: else
    fi
}

/* Opening the engine fences all before; then the tail is read. */
inline router_start()
{
    started[me] = true;
    if
    :: me > fence -> fence = me
    :: else
    fi;
    top[me] = log_len;
    k = 1;
    do
    :: k <= log_len ->
#ifndef NO_DEDUP
        if
        :: NUMBER_OF(log[k]) > seen[OF(me, EDGE_OF(log[k]))] ->
            seen[OF(me, EDGE_OF(log[k]))] = NUMBER_OF(log[k])
        :: else
        fi;
#endif
        k++
    :: k > log_len -> break
    od;
    k = 0
}

/* The edge is brought up to date, one frame after the other (bring_up_to_date()). */
inline router_announce(e, last)
{
    member[OF(me, e)] = true;
    k = last + 1;
    do
    :: k <= top[me] -> say(e, DELIVER, k, log[k]); k++
    :: k > top[me] -> break
    od;
    k = 0
}

inline router_message(e, number)
{
    if
    :: number <= seen[OF(me, e)] ->
        /* Known: answered again once it is committed; until then its own answer is to come. */
        b = ID(e, number);
        find_in_log(b);
        if
        :: k <= top[me] -> say(e, OK, number, 0)
        :: else
        fi
    :: number > seen[OF(me, e)] ->
        seen[OF(me, e)] = number;
        b = ID(e, number);
        appends[me - 1]!b
    fi;
    b = 0;
    k = 0
}

/* A peer that the router does not have (any more) gets RESET, its hello FENCED. */
inline router_receive(e)
{
    if
    :: up[OF(me, e)]?ANNOUNCE,a -> router_announce(e, a)
    :: up[OF(me, e)]?MESSAGE,a ->
        if
        :: member[OF(me, e)] -> router_message(e, a)
        :: else
        fi
    fi;
    a = 0
}

/* drop_edge(): what came and comes from this incarnation is nothing. */
inline router_give_up(e)
{
    gave_up = true;
    member[OF(me, e)] = false;
    clear_up(me, e);
    clear_down(me, e);
#ifndef NO_EDGE_FENCE
    say(e, FENCED, 0, 0)
#endif
}

/* Its memory goes with it. */
inline router_end()
{
    ended[me] = true;
    top[me] = 0;
    do
    :: nempty(appends[me - 1]) -> appends[me - 1]?_
    :: empty(appends[me - 1]) -> break
    od;
    do
    :: nempty(commits[me - 1]) -> commits[me - 1]?_,_
    :: empty(commits[me - 1]) -> break
    od;
    member[OF(me, 0)] = false;
    member[OF(me, 1)] = false;
    seen[OF(me, 0)] = 0;
    seen[OF(me, 1)] = 0;
    clear_up(me, 0);
    clear_up(me, 1)
}

/* The engine's thread. The completion is read later, or never. */
inline engine_commit()
{
    appends[me - 1]?b;
    if
#ifndef NO_FENCE
    :: fence != me -> router_end()
    :: fence == me ->
#else
    :: true ->
#endif
        log_len++;
        log[log_len] = b;
        a = log_len;
        commits[me - 1]!a,b
    fi;
    a = 0;
    b = 0
}

/* CORE_APPENDED: delivered to all members, answered to the publisher. */
inline router_committed()
{
    commits[me - 1]?a,b;
    top[me] = a;
    if
    :: member[OF(me, 0)] -> say(0, DELIVER, a, b)
    :: else
    fi;
    if
    :: member[OF(me, 1)] -> say(1, DELIVER, a, b)
    :: else
    fi;
    if
    :: member[OF(me, EDGE_OF(b))] -> say(EDGE_OF(b), OK, NUMBER_OF(b), 0)
    :: else
    fi;
    a = 0;
    b = 0
}

#define ALIVE (started[me] && !ended[me])
proctype Router(byte me)
{
    byte a;
    byte b;
    byte k;
end:
    do
    :: atomic { !started[me] && (me == 1 || started[me - 1]) -> router_start() }
    :: atomic { ALIVE && nempty(up[OF(me, 0)]) && nfull(appends[me - 1]) && MAY_SAY(0, LOG_WANTED) ->
           router_receive(0) }
    :: atomic { ALIVE && nempty(up[OF(me, 1)]) && nfull(appends[me - 1]) && MAY_SAY(1, LOG_WANTED) ->
           router_receive(1) }
    :: atomic { ALIVE && nempty(appends[me - 1]) && nfull(commits[me - 1]) -> engine_commit() }
    :: atomic { ALIVE && nempty(commits[me - 1]) && MAY_SAY(0, 2) && MAY_SAY(1, 2) ->
           router_committed() }
    :: atomic { GIVE_UP && ALIVE && !gave_up && member[OF(me, 0)] && at[0] == me -> router_give_up(0) }
       /* The last one lives. */
    :: atomic { ALIVE && me < ROUTERS -> router_end() }
    od
}

/* ---- at rest ---- */

inline check_edge(e)
{
    assert(acked[e] == made[e] && made[e] == WANTED(e)); /* every message resolved */
    assert(heard[e] == log_len);
    k = 1;
    do
    :: k <= log_len -> assert(got[(e) * (LOG_MAX + 1) + k] == log[k]); k++
    :: k > log_len -> break
    od
}

/* The log has each message once, those of one connection in order. */
inline check_log()
{
    assert(log_len == MESSAGES0 + MESSAGES1);
    k = 1;
    do
    :: k <= log_len ->
        n[EDGE_OF(log[k])]++;
        assert(NUMBER_OF(log[k]) == n[EDGE_OF(log[k])]);
        k++
    :: k > log_len -> break
    od
}

proctype Rest()
{
    byte k;
    byte n[EDGES];
    atomic {
        timeout ->
        check_edge(0);
        check_edge(1);
        check_log()
    }
}

init
{
    atomic {
        run Router(1);
        run Router(2);
#if ROUTERS > 2
        run Router(3);
#endif
        run Edge(0);
        run Edge(1);
        run Rest()
    }
}
