/* TLS 1.2 and 1.3 at the client's end of the edge. One set of certificates (tls_certs.h) and one of
 * ticket keys serve all connections; a connection's own part hangs below its transport.
 *
 * Decided here: ECDHE with AEAD ciphers only; no compression, renegotiation or early data; ALPN
 * http/1.1 is taken when offered; any server name is served; nothing is kept of past sessions,
 * clients resume by ticket, and only under the name that they had asked for. */
#ifndef EDGE_TLS_H
#define EDGE_TLS_H

#include "common/buf.h"
#include "common/status.h"
#include "edge/transport.h"

#include <stdint.h>

struct ticket_key;
struct tls;

enum tls_version { TLS_1_2, TLS_1_3 };

/* Why handshakes failed. */
enum tls_failure {
    TLS_FAILURE_CLOSED,  /* the peer ended first */
    TLS_FAILURE_TIMEOUT, /* we ended it: its time was over, others needed the place, or we drain */
    TLS_FAILURE_HTTP,    /* a plain HTTP request */
    TLS_FAILURE_VERSION, /* no TLS at all, or no version in common */
    TLS_FAILURE_CIPHER,  /* no cipher, group or signature algorithm in common */
    TLS_FAILURE_ALERT,   /* the peer refused us: it does not trust the certificate, say */
    TLS_FAILURE_OTHER,
    TLS_FAILURE_COUNT
};

/* What OpenSSL 3.0 keeps for an idle connection of TLS 1.3: measured, it does not tell. */
enum { TLS_CONNECTION_BYTES = 14336 };

struct tls_stats {
    uint64_t open; /* connections now */
    uint64_t full;
    uint64_t resumed;
    uint64_t failures[TLS_FAILURE_COUNT];
};

/* Without a certificate yet: tls_load() must succeed before tls_start(). */
struct tls *tls_new(enum tls_version version_min, uint64_t now_ms);
/* Accepts NULL. Connections must be closed before. */
void tls_free(struct tls **tls);

/* A certificate with its chain, and its key, both PEM. */
struct tls_files {
    const char *cert;
    const char *key;
};

/* Reads all pairs; which client gets which says tls_certs.h. New connections use them from now on;
 * existing ones keep what they have. IO with one line in `error`, and everything as it was, when
 * something is wrong with any of them. */
enum status tls_load(struct tls *tls, const struct tls_files *files, size_t count,
                     struct buf *error) MUST_CHECK;

/* Changes the ticket keys when it is time, and drops old ones. Once per turn. */
void tls_step(struct tls *tls, uint64_t now_ms);

/* Seals tickets with the keys that all edges have; see ticket_keys_share(). */
void tls_share_tickets(struct tls *tls, const struct ticket_key *current,
                       const struct ticket_key *previous, uint64_t drawn_ms, uint64_t now_ms);

/* Makes a plain transport one that expects a TLS handshake. OpenSSL's part is made when the first
 * record has come: who does not send one costs little. */
void tls_start(struct tls *tls, struct transport *transport);

/* Counted since tls_new(). */
const struct tls_stats *tls_stats(const struct tls *tls);

/* Why the last handshake or connection failed, for the log: valid until the next call. */
const char *tls_last_error(const struct tls *tls);

#endif
