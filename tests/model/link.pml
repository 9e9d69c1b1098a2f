/* The link session (common/link, with the hello of edge/uplink and router/plane) between one edge
 * and one router, both alive, over sockets that lose frames and break. README.md says what is left
 * out and which name here is which there.
 *
 * The edge sends messages 1..NUP, each a frame of its own, so that a message's number is its
 * frame's. The router answers in batches: down-frame j carries the answers up to r_ans[j] and the
 * acknowledgement r_ack[j]. Sockets 0..SOCKETS-2 may lose anything and may be given up at any
 * time; the last one is good, so that from then on everything must come to its end.
 *
 * Each rule that a mutant breaks is a switch. */
#ifndef NUP
#define NUP 3
#endif
#ifndef SOCKETS
#define SOCKETS 3
#endif
#ifndef WINDOW
#define WINDOW 2 /* credit, in frames */
#endif
#ifndef PIPE
#define PIPE 2 /* what a socket holds in one direction */
#endif
#ifndef NEWS
#define NEWS 1 /* frames of the router that answer nothing: deliveries of others' messages */
#endif
#define NDOWN (NUP + NEWS)
#define LAST_SOCKET (SOCKETS - 1)
#define NOBODY 255

mtype = { HELLO, WELCOME, DATA, CTRL, RESET };

/* DATA: seq, ack, answers up to. CTRL: sent, ack. HELLO: attempt, received, knows the router's
 * incarnation. WELCOME: resumed, received. */
chan up[SOCKETS] = [PIPE] of { mtype, byte, byte, byte };
chan down[SOCKETS] = [PIPE] of { mtype, byte, byte, byte };

/* The edge: its half of the link, with the client behind it. */
byte e_socket = 0;
bool e_up = false;
bool e_asked = false;   /* uplink.hello_sent */
bool e_knows = false;   /* uplink.router_incarnation is the router's */
byte e_attempt = 0;     /* uplink.attempt */
byte e_made = 0;        /* pushed by the client */
byte e_first = 1;       /* link.first_seq */
byte e_next = 1;        /* link.first_seq + link.sent_count */
byte e_recv = 0;        /* link.received = link.finished */
byte e_told = 0;        /* link.told */
#ifdef ACK_BOTH_WAIT
byte e_ack[NUP + 1];
#endif
byte e_spoken = NOBODY; /* newest acknowledgement that left on this socket */
byte e_heard = 0;       /* answers that reached the client */

/* The router: its half, and its work. */
byte r_peer = NOBODY; /* plane_edge.peer; NOBODY: this edge has never said hello */
byte r_attempt = 0;   /* plane_edge.attempt */
byte r_first = 1;
byte r_next = 1;
byte r_count = 0; /* frames pushed: the queue is r_first..r_count */
byte r_ans[NDOWN + 1];
byte r_ack[NDOWN + 1];
byte r_recv = 0;
byte r_done = 0;     /* committed, the answer is in the batch */
byte r_sealed = 0;   /* the answer is in a frame */
byte r_news = 0;     /* frames of news so far */
byte r_finished = 0; /* link.finished */
byte r_told = 0;
byte r_spoken = NOBODY;

#define ALL_DONE                                                                                  \
    (e_first == NUP + 1 && e_heard == NUP && r_finished == NUP && r_news == NEWS &&                \
     e_recv == r_count && r_first == r_count + 1)

inline clear(c)
{
    do
    :: nempty(c) -> c?_,_,_,_
    :: empty(c) -> break
    od
}

/* ---- edge ---- */

/* uplink: lose_link or a hello without an answer; then a fresh socket. What lies in the old one
 * for the edge is gone, what lies there for the router may still arrive, late. */
inline edge_reconnect()
{
    assert(e_socket != LAST_SOCKET); /* nothing is wrong with the last one */
    clear(down[e_socket]);
    e_socket++;
    e_up = false;
    e_asked = false;
    e_spoken = NOBODY
}

#ifdef ACK_BOTH_WAIT
#define EDGE_ACK (e_next != e_made + 1 -> e_told : e_recv)
#define EDGE_ACK_OF_DATA e_ack[e_next]
#else
#define EDGE_ACK e_recv
#define EDGE_ACK_OF_DATA e_recv
#endif

inline edge_take_ack(a)
{
    assert(a < e_next);      /* LINK_FRAME_IMPOSSIBLE */
    assert(a <= e_heard);    /* an acknowledgement never overtakes the answers */
    if
    :: a + 1 > e_first -> e_first = a + 1
    :: else
    fi
}

inline edge_data(seq, ack, ans)
{
    if
    :: seq <= e_recv /* LINK_FRAME_REPEATED */
#ifdef NO_HOLE
    :: seq > e_recv ->
#else
    :: seq > e_recv + 1 -> edge_reconnect() /* LINK_FRAME_HOLE */
    :: seq == e_recv + 1 ->
#endif
        assert(seq == e_recv + 1 && ans == r_ans[seq]); /* the next one and no other */
        e_recv = seq;
        e_heard = ans;
        edge_take_ack(ack)
    fi
}

inline edge_control(sent, ack)
{
    if
#ifndef NO_SENT
    :: sent > e_recv -> edge_reconnect()
    :: sent <= e_recv -> edge_take_ack(ack)
#else
    :: edge_take_ack(ack)
#endif
    fi
}

inline edge_welcome(resumed, received)
{
    if
    :: e_up || !e_asked
    :: !e_up && e_asked ->
        if
        :: resumed ->
            assert(received + 1 >= e_first && received + 1 <= e_next); /* link_resume */
#ifndef NO_REWIND
            e_next = received + 1
#endif
        :: !resumed ->
            /* link_start_fresh: everything that is not finished is pushed again */
            assert(e_first == 1 && e_recv == 0); /* between two that live nothing ever is */
            e_next = 1;
            e_recv = 0
        fi;
        e_up = true;
        e_asked = false;
        e_knows = true
    fi
}

proctype Edge()
{
    byte a;
    byte b;
    byte c;
end:
    do
    :: atomic { e_made < NUP ->
           e_made++;
#ifdef ACK_BOTH_WAIT
           e_ack[e_made] = e_recv
#endif
       }
    :: atomic { !e_up && !e_asked && nfull(up[e_socket]) ->
           e_attempt++;
           up[e_socket]!HELLO,e_attempt,e_recv,e_knows;
           e_asked = true }
    :: atomic { e_up && e_next <= e_made && e_next - e_first < WINDOW && nfull(up[e_socket]) ->
           a = EDGE_ACK_OF_DATA;
           up[e_socket]!DATA,e_next,a,0;
           e_told = a;
           e_spoken = a;
           e_next++;
           a = 0 }
       /* A beat. On the last socket only one with news: a state without any is at rest. */
    :: atomic { e_up && nfull(up[e_socket]) &&
                (e_spoken != EDGE_ACK || (e_socket != LAST_SOCKET && empty(up[e_socket]))) ->
           a = EDGE_ACK;
           up[e_socket]!CTRL,e_next - 1,a,0;
           e_told = a;
           e_spoken = a;
           a = 0 }
    :: atomic { nempty(down[e_socket]) ->
           if
           :: down[e_socket]?DATA,a,b,c -> if :: e_up -> edge_data(a, b, c) :: else fi
           :: down[e_socket]?CTRL,a,b,_ -> if :: e_up -> edge_control(a, b) :: else fi
           :: down[e_socket]?WELCOME,a,b,_ -> edge_welcome(a, b)
           :: down[e_socket]?RESET,_,_,_ -> if :: e_up -> edge_reconnect() :: else fi
           fi;
           a = 0; b = 0; c = 0 }
       /* Silence, real or not; or no welcome in time. */
    :: atomic { e_socket != LAST_SOCKET && (e_up || e_asked) -> edge_reconnect() }
    od
}

/* ---- router ---- */

/* What is sent to a socket that the edge has left goes nowhere. */
inline router_send(s, kind, x, y, z)
{
    if
    :: s == e_socket -> down[s]!kind,x,y,z
    :: else
    fi
}
#define ROUTER_MAY_SEND(s) (s != e_socket || nfull(down[s]))

#ifdef ACK_FIRST
#define FRAME_ACK(j) r_finished
#define ROUTER_ACK r_finished
#else
#define FRAME_ACK(j) r_ack[j]
#define ROUTER_ACK (r_next != r_count + 1 -> r_told : r_finished) /* link_control_ack */
#endif

inline router_told(ack)
{
    r_spoken = ack;
    if
    :: ack > r_told -> r_told = ack
    :: else
    fi
}

inline router_hello(s, attempt, received, knows)
{
    if
#ifndef NO_ATTEMPT
    :: r_peer != NOBODY && attempt < r_attempt /* of a socket given up long ago */
    :: r_peer == NOBODY || attempt >= r_attempt ->
#else
    :: true ->
#endif
        r_attempt = attempt;
        r_spoken = NOBODY;
        if
        :: r_peer != NOBODY && knows && received + 1 >= r_first && received + 1 <= r_next ->
            /* link_resume */
#ifndef TOLD_KEPT
            r_told = 0;
#endif
            r_next = received + 1;
            r_peer = s;
            router_send(s, WELCOME, true, r_recv, 0)
        :: else ->
            /* Fencing an edge whose router lives as well is what must never happen. */
            assert(r_recv == 0 && !knows);
            r_peer = s;
            router_send(s, WELCOME, false, 0, 0)
        fi
    fi
}

inline router_take_ack(a)
{
    assert(a < r_next); /* LINK_FRAME_IMPOSSIBLE: the edge would be given up */
    if
    :: a + 1 > r_first -> r_first = a + 1
    :: else
    fi
}

inline router_data(s, seq, ack)
{
    if
    :: seq <= r_recv
#ifdef NO_HOLE
    :: seq > r_recv ->
#else
    :: seq > r_recv + 1 -> router_send(s, RESET, 0, 0, 0)
    :: seq == r_recv + 1 ->
#endif
        router_take_ack(ack);
        assert(seq == r_recv + 1); /* nothing lost */
        r_recv = seq
    fi
}

inline router_control(s, sent, ack)
{
    if
    :: sent > r_recv -> router_send(s, RESET, 0, 0, 0)
    :: sent <= r_recv -> router_take_ack(ack)
    fi
}

inline router_receive(s)
{
    if
    :: up[s]?HELLO,a,b,c -> router_hello(s, a, b, c)
    :: up[s]?DATA,a,b,_ ->
        if
        :: s == r_peer -> router_data(s, a, b)
        :: else -> router_send(s, RESET, 0, 0, 0)
        fi
    :: up[s]?CTRL,a,b,_ ->
        if
        :: s == r_peer -> router_control(s, a, b)
        :: else -> router_send(s, RESET, 0, 0, 0)
        fi
    fi;
    a = 0; b = 0; c = 0
}

proctype Router()
{
    byte a;
    byte b;
    byte c;
end:
    do
    :: atomic { nempty(up[0]) && ROUTER_MAY_SEND(0) -> router_receive(0) }
    :: atomic { nempty(up[1]) && ROUTER_MAY_SEND(1) -> router_receive(1) }
#if SOCKETS > 2
    :: atomic { nempty(up[2]) && ROUTER_MAY_SEND(2) -> router_receive(2) }
#endif
#if SOCKETS > 3
    :: atomic { nempty(up[3]) && ROUTER_MAY_SEND(3) -> router_receive(3) }
#endif
       /* The engine completes the next append. */
    :: atomic { r_done < r_recv -> r_done++ }
       /* flush_edge: finished is what nothing waits for; the batch says so. */
    :: atomic { r_done > r_sealed || (r_news < NEWS && r_recv > 0) ->
           if
           :: r_done > r_sealed
           :: r_news < NEWS && r_recv > 0 -> r_news++
           fi;
           if
           :: r_done == r_recv -> r_finished = r_recv
           :: else
           fi;
           r_count++;
           r_ans[r_count] = r_done;
           r_ack[r_count] = r_finished;
           r_sealed = r_done }
    :: atomic { r_peer != NOBODY && r_next <= r_count && r_next - r_first < WINDOW &&
                ROUTER_MAY_SEND(r_peer) ->
           a = FRAME_ACK(r_next);
           router_send(r_peer, DATA, r_next, a, r_ans[r_next]);
           router_told(a);
           r_next++;
           a = 0 }
    :: atomic { r_peer != NOBODY && ROUTER_MAY_SEND(r_peer) &&
                (r_spoken != ROUTER_ACK ||
                 (r_peer != LAST_SOCKET && r_peer == e_socket && empty(down[r_peer]))) ->
           a = ROUTER_ACK;
           router_send(r_peer, CTRL, r_next - 1, a, 0);
           router_told(a);
           a = 0 }
    od
}

/* Every socket but the last one loses what it wants. */
proctype Net()
{
end:
    do
    :: atomic { nempty(up[0]) -> up[0]?_,_,_,_ }
    :: atomic { nempty(down[0]) -> down[0]?_,_,_,_ }
#if SOCKETS > 2
    :: atomic { nempty(up[1]) -> up[1]?_,_,_,_ }
    :: atomic { nempty(down[1]) -> down[1]?_,_,_,_ }
#endif
#if SOCKETS > 3
    :: atomic { nempty(up[2]) -> up[2]?_,_,_,_ }
    :: atomic { nempty(down[2]) -> down[2]?_,_,_,_ }
#endif
    od
}

/* Nobody can move any more: then everything must be done. */
proctype Rest()
{
    atomic { timeout -> assert(ALL_DONE) }
}

init { atomic { run Edge(); run Router(); run Net(); run Rest() } }
