/* See tls.h. OpenSSL works on the descriptor itself. Three of its habits shape this file:
 *  - a write that would block has its record sealed already and must be repeated with the same
 *    bytes. Control frames may overtake by then; so sealed bytes count as sent, and `unsent` says
 *    how many of them OpenSSL still holds.
 *  - bytes it has read ahead are invisible to poll(2): receive() takes all it can and leaves a flag
 *    when its room was too small.
 *  - errors stay in a queue of the thread, which is emptied before each call. */
#include "edge/tls.h"

#include "common/clock.h"
#include "common/mem.h"
#include "edge/ticket_keys.h"
#include "edge/tls_certs.h"
#include "edge/tls_hello.h"
#include "edge/tls_tickets.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

enum {
    RECORD_MAX = SSL3_RT_MAX_PLAIN_LENGTH, /* RFC 8446 section 5.1 */
    HANDSHAKE_BYTES_MAX = 8192, /* of the client: hellos are 0.2 to 2 KB, what follows is less */
    ERROR_TEXT_MAX = 128,
    STILL_OPEN = 1 /* of session.end */
};

static const char CIPHERS_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char CIPHERS_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char GROUPS[] = "X25519:P-256:P-384";
static const unsigned char ALPN[] = "\x08http/1.1";

struct tls {
    SSL_CTX *context;
    struct tls_certs *certs; /* also for handshakes that the context before has begun */
    int version_min;
    struct ticket_keys ticket_keys;
    struct tls_stats stats;
    char last_error[ERROR_TEXT_MAX];
    uint8_t record[RECORD_MAX]; /* small blobs are joined here to fill one record */
};

struct session {
    struct transport_session below; /* first: the transport knows no more of it */
    struct tls *tls;
    SSL *ssl;             /* NULL until the first record was received */
    int end;              /* STILL_OPEN, 0 = the peer has ended, else -1 (error_number) */
    int error_number;     /* what receive and send say from now on */
    uint16_t unsent;      /* sealed bytes that OpenSSL could not write yet */
    uint16_t record_max;  /* payload of one record */
    uint16_t hello_bytes; /* of tls_hello_ready() */
    bool established;
};

static struct session *session_of(const struct transport *transport)
{
    return (struct session *)(void *)transport->session;
}

/* --- tickets -----------------------------------------------------------------------------------
 */

static void rotate_ticket_keys(struct tls *tls, uint64_t now_ms)
{
    struct ticket_key fresh;
    clock_random(&fresh, sizeof(fresh));
    ticket_keys_rotate(&tls->ticket_keys, &fresh, now_ms);
    OPENSSL_cleanse(&fresh, sizeof(fresh));
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    const struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    return seal ? tls_ticket_seal(&tls->ticket_keys, name, iv, cipher, mac)
                : tls_ticket_open(ssl, &tls->ticket_keys, name, iv, cipher, mac);
}

/* --- context -----------------------------------------------------------------------------------
 */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned int in_len, void *owner)
{
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)owner;
    if (SSL_select_next_proto(&chosen, out_len, ALPN, sizeof(ALPN) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* RFC 6066 section 3: a session may only be resumed under the name that it was made with. The
 * context of sessions is derived from the whole extension, byte for byte, and OpenSSL resumes none
 * of another context, in TLS 1.2 and 1.3. The same in all edges, or none would take another's
 * ticket. */
static int on_client_hello(SSL *ssl, int *alert, void *owner)
{
    static const unsigned char PREFIX[] = "splitrail";
    const unsigned char *name = NULL;
    size_t len = 0;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    (void)owner;
    (void)SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &name, &len);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(md, PREFIX, sizeof(PREFIX)) == 1 &&
              EVP_DigestUpdate(md, name, len) == 1 && EVP_DigestFinal_ex(md, digest, NULL) == 1 &&
              SSL_set_session_id_context(ssl, digest, sizeof(digest)) == 1;
    EVP_MD_CTX_free(md);
    *alert = SSL_AD_INTERNAL_ERROR;
    return ok ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

/* Who resumes is shown no certificate. The answer tells the client whether its name decided. */
static int on_server_name(SSL *ssl, int *alert, /* NOLINT(readability-non-const-parameter) */
                          void *owner)
{
    const struct tls *tls = owner;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (name == NULL || SSL_session_reused(ssl) == 1) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    bool known = tls_certs_choose(tls->certs, ssl, name);
    ERR_clear_error();
    return known ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static void set_behaviour(SSL_CTX *context, struct tls *tls)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF); /* WebSocket has its own end */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context, TICKET_KEYS_PERIOD_MS / 1000);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    SSL_CTX_set_client_hello_cb(context, on_client_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(context, tls);
    (void)SSL_CTX_set_app_data(context, tls);
}

static SSL_CTX *context_new(struct tls *tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool ok = context != NULL && SSL_CTX_set_min_proto_version(context, tls->version_min) == 1 &&
              SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1 &&
              SSL_CTX_set_ciphersuites(context, CIPHERS_1_3) == 1 &&
              SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
              SSL_CTX_set_num_tickets(context, 1) == 1 &&
              SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1;
    if (!ok) {
        SSL_CTX_free(context);
        return NULL;
    }
    set_behaviour(context, tls);
    return context;
}

struct tls *tls_new(enum tls_version version_min, uint64_t now_ms)
{
    struct tls *tls = mem_new(1, sizeof(*tls));
    tls->version_min = version_min == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    rotate_ticket_keys(tls, now_ms);
    return tls;
}

void tls_free(struct tls **tls_at)
{
    struct tls *tls = *tls_at;
    if (tls == NULL) {
        return;
    }
    SSL_CTX_free(tls->context);
    tls_certs_free(&tls->certs);
    OPENSSL_cleanse(&tls->ticket_keys, sizeof(tls->ticket_keys));
    mem_free(tls);
    *tls_at = NULL;
}

enum status tls_load(struct tls *tls, const struct tls_files *files, size_t count,
                     struct buf *error)
{
    struct tls_certs *certs = NULL;
    enum status status = tls_certs_load(files, count, &certs, error);
    if (status != STATUS_OK) {
        return status;
    }
    SSL_CTX *context = context_new(tls);
    if (context == NULL || !tls_certs_offer(certs, context)) {
        ERR_clear_error();
        buf_append_str(error, "OpenSSL refuses the certificate in ");
        buf_append_str(error, files[0].cert);
        SSL_CTX_free(context);
        tls_certs_free(&certs);
        return STATUS_IO;
    }
    SSL_CTX_free(tls->context); /* connections that use it hold it */
    tls_certs_free(&tls->certs);
    tls->context = context;
    tls->certs = certs;
    return STATUS_OK;
}

void tls_step(struct tls *tls, uint64_t now_ms)
{
    if (ticket_keys_due(&tls->ticket_keys, now_ms)) {
        rotate_ticket_keys(tls, now_ms);
    }
    ticket_keys_expire(&tls->ticket_keys, now_ms);
}

void tls_share_tickets(struct tls *tls, const struct ticket_key *current,
                       const struct ticket_key *previous, uint64_t drawn_ms, uint64_t now_ms)
{
    ticket_keys_share(&tls->ticket_keys, current, previous, drawn_ms, now_ms);
}

const struct tls_stats *tls_stats(const struct tls *tls)
{
    return &tls->stats;
}

const char *tls_last_error(const struct tls *tls)
{
    return tls->last_error;
}

/* --- connections -------------------------------------------------------------------------------
 */

static enum tls_failure failure_of(unsigned long code)
{
    switch (ERR_GET_REASON(code)) {
    case SSL_R_HTTP_REQUEST:
        return TLS_FAILURE_HTTP;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNKNOWN_PROTOCOL:
        return TLS_FAILURE_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        return TLS_FAILURE_CIPHER;
    default:
        return ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET ? TLS_FAILURE_ALERT : TLS_FAILURE_OTHER;
    }
}

static void remember_error(struct tls *tls, unsigned long code)
{
    const char *reason = ERR_reason_error_string(code);
    size_t len = reason == NULL ? 0 : strlen(reason);
    len = len < sizeof(tls->last_error) ? len : sizeof(tls->last_error) - 1;
    if (len != 0) {
        memcpy(tls->last_error, reason, len);
    }
    tls->last_error[len] = '\0';
}

/* The connection is over below: `end` is 0 for the peer's end, -1 with an error number. */
static void finish(struct session *session, int end, int error_number)
{
    session->end = end;
    session->error_number = error_number;
}

/* What an SSL call that gave `result` means. True to come again later; else the session is
 * finished. */
static bool may_go_on(struct session *session, int result, bool *ret_other_direction,
                      int other_direction)
{
    int number = errno;
    int error = SSL_get_error(session->ssl, result);
    unsigned long code = ERR_peek_error();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        *ret_other_direction = error == other_direction;
        return true;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        finish(session, 0, 0);
    } else if (error == SSL_ERROR_SYSCALL) {
        finish(session, number == 0 ? 0 : -1, number);
    } else {
        remember_error(session->tls, code);
        finish(session, -1, failure_of(code) == TLS_FAILURE_HTTP ? EPROTOTYPE : EPROTO);
    }
    return false;
}

/* The transport is a plain one afterwards. */
static void free_session(struct transport *transport)
{
    struct session *session = session_of(transport);
    session->tls->stats.open--;
    SSL_free(session->ssl);
    ERR_clear_error();
    mem_free(session);
    *transport = transport_plain(transport->fd);
}

/* The peer speaks HTTP: what it is told, it is told plainly. */
static void become_plain(struct transport *transport)
{
    free_session(transport);
    errno = EPROTOTYPE;
}

static ssize_t outcome(const struct session *session)
{
    errno = session->error_number;
    return session->end;
}

static void note_established(struct session *session)
{
    bool resumed = SSL_session_reused(session->ssl) == 1;
    /* RFC 6066 section 4: the client may have asked for 512 << (code - 1). */
    unsigned code = SSL_SESSION_get_max_fragment_length(SSL_get_session(session->ssl));
    session->record_max = (uint16_t)(code == 0 ? RECORD_MAX : 256u << code);
    session->tls->stats.resumed += resumed;
    session->tls->stats.full += !resumed;
    session->established = true;
}

static bool begin(struct session *session, int fd)
{
    SSL *ssl = SSL_new(session->tls->context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        finish(session, -1, ENOMEM);
        return false;
    }
    SSL_set_accept_state(ssl);
    session->ssl = ssl;
    return true;
}

/* OpenSSL takes ClientHellos of 128 KiB and holds what has come of them, and parts of them for as
 * long as the connection lives. */
static bool is_too_long(const struct session *session)
{
    return BIO_number_read(SSL_get_rbio(session->ssl)) > HANDSHAKE_BYTES_MAX;
}

/* What is left of a handshake that OpenSSL has given up, or that we give up. */
static ssize_t fail_handshake(struct transport *transport)
{
    struct session *session = session_of(transport);
    bool protocol = session->end != 0 &&
                    (session->error_number == EPROTO || session->error_number == EPROTOTYPE);
    session->tls->stats.failures[protocol ? failure_of(ERR_peek_error()) : TLS_FAILURE_CLOSED]++;
    if (session->end != 0 && session->error_number == EPROTOTYPE) {
        become_plain(transport);
        return -1;
    }
    return outcome(session);
}

/* 1 when the handshake is done, else what receive gives. */
static ssize_t shake_hands(struct transport *transport)
{
    struct session *session = session_of(transport);
    if (session->ssl == NULL && !tls_hello_ready(transport->fd, &session->hello_bytes)) {
        return -1;
    }
    if (session->ssl == NULL && !begin(session, transport->fd)) {
        return outcome(session);
    }
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        note_established(session);
        return 1;
    }
    if (!may_go_on(session, result, &transport->receive_wants_write, SSL_ERROR_WANT_WRITE)) {
        return fail_handshake(transport);
    }
    if (is_too_long(session)) {
        ERR_raise(ERR_LIB_SSL, SSL_R_EXCESSIVE_MESSAGE_SIZE);
        remember_error(session->tls, ERR_peek_error());
        finish(session, -1, EPROTO);
        return fail_handshake(transport);
    }
    errno = EAGAIN;
    return -1;
}

static ssize_t tls_receive(struct transport *transport, uint8_t *data, size_t len)
{
    struct session *session = session_of(transport);
    size_t total = 0;
    transport->input_waits = false;
    transport->receive_wants_write = false;
    if (session->end != STILL_OPEN) {
        return outcome(session);
    }
    ssize_t shaken = session->established ? 1 : shake_hands(transport);
    if (shaken != 1) {
        return shaken;
    }
    do {
        ERR_clear_error();
        errno = 0;
        int got = SSL_read(session->ssl, data + total, (int)(len - total));
        if (got <= 0) {
            bool open =
                may_go_on(session, got, &transport->receive_wants_write, SSL_ERROR_WANT_WRITE);
            transport->input_waits = !open && total != 0; /* the end is told in the next call */
            errno = open ? EAGAIN : session->error_number;
            return total != 0 ? (ssize_t)total : open ? -1 : session->end;
        }
        total += (size_t)got;
    } while (total < len && SSL_has_pending(session->ssl) == 1);
    transport->input_waits = SSL_has_pending(session->ssl) == 1;
    return (ssize_t)total;
}

/* What is still to be sent of a call's bytes. */
struct source {
    const struct iovec *iov;
    const struct iovec *end;
    size_t skip; /* of *iov */
};

/* At most `max` bytes that lie together. */
static struct iovec take(struct source *source, size_t max)
{
    size_t left = source->iov->iov_len - source->skip;
    struct iovec part = {(uint8_t *)source->iov->iov_base + source->skip, left < max ? left : max};
    source->skip += part.iov_len;
    if (source->skip == source->iov->iov_len) {
        source->iov++;
        source->skip = 0;
    }
    return part;
}

/* Up to one record: a large part as it is, small ones joined. Never more: OpenSSL would seal only
 * the first record of it before it blocks. */
static struct iovec next_record(struct session *session, struct source *source)
{
    uint8_t *record = session->tls->record;
    size_t max = session->record_max;
    struct iovec part = take(source, max);
    if (part.iov_len == max || source->iov == source->end) {
        return part;
    }
    memcpy(record, part.iov_base, part.iov_len);
    size_t filled = part.iov_len;
    while (source->iov != source->end && filled < max) {
        part = take(source, max - filled);
        memcpy(record + filled, part.iov_base, part.iov_len);
        filled += part.iov_len;
    }
    return (struct iovec){record, filled};
}

/* Writes one record. True when the socket may take more. */
static bool write_record(struct transport *transport, const void *data, size_t len,
                         size_t *ret_accepted)
{
    struct session *session = session_of(transport);
    ERR_clear_error();
    errno = 0;
    int written = SSL_write(session->ssl, data, (int)len);
    if (written > 0) {
        session->unsent = 0;
        transport->output_waits = false;
        *ret_accepted = (size_t)written;
        return (size_t)written == len;
    }
    if (may_go_on(session, written, &transport->send_wants_read, SSL_ERROR_WANT_READ) &&
        !transport->send_wants_read) {
        session->unsent = (uint16_t)len;
        transport->output_waits = true;
        *ret_accepted = len;
    }
    return false;
}

static ssize_t tls_send(struct transport *transport, const struct iovec *iov, size_t count,
                        bool more_comes)
{
    (void)more_comes; /* records are sealed one by one */
    struct session *session = session_of(transport);
    struct source source = {.iov = iov, .end = iov + count};
    size_t total = 0;
    size_t accepted = 0;
    assert(session->established && "nothing is sent before the handshake is done");
    transport->send_wants_read = false;
    bool more = session->end != -1;
    if (more && session->unsent != 0) { /* what the bytes are does not matter: they are sealed */
        more = write_record(transport, session->tls->record, session->unsent, &accepted);
    }
    while (more && source.iov != source.end) {
        struct iovec record = next_record(session, &source);
        accepted = 0;
        more = write_record(transport, record.iov_base, record.iov_len, &accepted);
        total += accepted;
    }
    if (more || total != 0) {
        return (ssize_t)total;
    }
    errno = session->end == -1 ? session->error_number : EAGAIN;
    return -1;
}

/* Our close_notify. 0 when it is on its way; what the peer says is of no interest. */
static int say_goodbye(struct session *session, struct transport *transport)
{
    if (!session->established || session->end == -1) {
        return 0;
    }
    ERR_clear_error();
    errno = 0;
    int result = SSL_shutdown(session->ssl);
    if (result < 0 &&
        may_go_on(session, result, &transport->send_wants_read, SSL_ERROR_WANT_READ)) {
        errno = EAGAIN;
        return -1;
    }
    return 0;
}

static int tls_shutdown(struct transport *transport)
{
    transport->send_wants_read = false;
    return say_goodbye(session_of(transport), transport) == 0 ? shutdown(transport->fd, SHUT_WR)
                                                              : -1;
}

static void tls_close(struct transport *transport)
{
    struct session *session = session_of(transport);
    if (!session->established && session->end == STILL_OPEN) {
        session->tls->stats.failures[TLS_FAILURE_TIMEOUT]++;
    }
    if (session->established && session->unsent == 0 &&
        (SSL_get_shutdown(session->ssl) & SSL_SENT_SHUTDOWN) == 0) {
        (void)say_goodbye(session, transport);
    }
    free_session(transport);
    transport_ops(transport)->close(transport);
}

static const struct transport_ops TLS_OPS = {
    .receive = tls_receive,
    .send = tls_send,
    .shutdown = tls_shutdown,
    .close = tls_close,
};

void tls_start(struct tls *tls, struct transport *transport)
{
    struct session *session = mem_new(1, sizeof(*session));
    *session = (struct session){.below = {&TLS_OPS}, .tls = tls, .end = STILL_OPEN};
    transport->session = &session->below;
    tls->stats.open++;
}
