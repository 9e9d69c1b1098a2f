/* The User-Id that a good key is given is the key itself in Z85: what a message comes with is
 * proof, and who may still say something is looked up when it is said. */
#include "common/zlink_auth.h"

#include "common/mem.h"
#include "common/z85.h"
#include "common/zlink_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Frames of a request, in order. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIAL, FRAME_COUNT };

struct zlink_auth {
    struct zlink_reader reader;
    zlink_may_connect *ask;
    void *owner;
};

/* At a plain endpoint; one that speaks CURVE turns a peer without away before anybody is asked. */
static bool is_plain(zmq_msg_t *parts, size_t count)
{
    return count == CREDENTIAL && bytes_equal(zlink_part(&parts[VERSION]), BYTES_LIT("1.0")) &&
           bytes_equal(zlink_part(&parts[MECHANISM]), BYTES_LIT("NULL"));
}

static bool has_good_key(struct zlink_auth *auth, zmq_msg_t *parts, size_t count)
{
    return count == FRAME_COUNT && bytes_equal(zlink_part(&parts[VERSION]), BYTES_LIT("1.0")) &&
           bytes_equal(zlink_part(&parts[MECHANISM]), BYTES_LIT("CURVE")) &&
           zmq_msg_size(&parts[CREDENTIAL]) == CURVE_KEY_BYTES &&
           auth->ask(auth->owner, zlink_part(&parts[DOMAIN]), zlink_part(&parts[CREDENTIAL]).data,
                     zlink_part(&parts[ADDRESS]));
}

/* A connection that has gone away meanwhile does not want the answer: not an error. */
static void say(struct zlink_auth *auth, struct bytes part, bool more)
{
    (void)zmq_send(auth->reader.socket, part.data, part.len,
                   ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

static void on_request(void *owner, zmq_msg_t *parts, size_t count)
{
    struct zlink_auth *auth = owner;
    char user[CURVE_KEY_CHARS];
    bool keyed = has_good_key(auth, parts, count);
    bool good = keyed || is_plain(parts, count);
    struct bytes user_id = BYTES_EMPTY;
    if (keyed) {
        z85_encode(zlink_part(&parts[CREDENTIAL]).data, CURVE_KEY_BYTES, user);
        user_id = bytes_of(user, sizeof(user));
    }
    say(auth, BYTES_LIT("1.0"), true);
    say(auth, count > REQUEST_ID ? zlink_part(&parts[REQUEST_ID]) : BYTES_EMPTY, true);
    say(auth, good ? BYTES_LIT("200") : BYTES_LIT("400"), true);
    say(auth, good ? BYTES_LIT("OK") : BYTES_LIT("key not allowed"), true);
    say(auth, user_id, true);
    say(auth, BYTES_EMPTY, false);
}

struct zlink_auth *zlink_auth_new(struct zlink_context *context, struct event_base *base,
                                  zlink_may_connect *ask, void *owner)
{
    struct zlink_auth *auth = mem_new(1, sizeof(*auth));
    void *socket = zmq_socket(context->zmq, ZMQ_REP);
    auth->ask = ask;
    auth->owner = owner;
    if (socket == NULL) {
        abort();
    }
    zlink_set_option(socket, ZMQ_LINGER, 0);
    if (zmq_bind(socket, "inproc://zeromq.zap.01") != 0) {
        abort(); /* a second one in the context */
    }
    zlink_reader_start(&auth->reader, base, socket, on_request, auth);
    return auth;
}

void zlink_auth_free(struct zlink_auth **auth)
{
    if (*auth == NULL) {
        return;
    }
    zlink_reader_stop(&(*auth)->reader);
    mem_free(*auth);
    *auth = NULL;
}
