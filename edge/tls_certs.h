/* The certificates that clients are shown: one set, of which a connection gets those for the name
 * that it asks for. Beside tls.c the only user of libssl; comparing names is left to OpenSSL.
 *
 * The name is compared with the subjectAltName entries of type DNS (RFC 6125; a wildcard stands for
 * one whole label). Of all that fit, the first of each kind of key is offered, and the handshake
 * takes the kind that the client can verify. Without a name, or with an unknown one, the first pair
 * is offered, together with pairs of other kinds of keys that have the same names. */
#ifndef EDGE_TLS_CERTS_H
#define EDGE_TLS_CERTS_H

#include "common/buf.h"
#include "common/status.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct tls_certs;
struct tls_files;

/* Reads all pairs, in order. IO with one line in `error` when anything is wrong with one of them,
 * or when there is none. */
enum status tls_certs_load(const struct tls_files *files, size_t count,
                           struct tls_certs **ret_certs, struct buf *error) MUST_CHECK;
/* Accepts NULL. Connections keep what they were given. */
void tls_certs_free(struct tls_certs **certs);

/* Offers the default pairs to all connections of `context`. False when OpenSSL does not want it. */
bool tls_certs_offer(const struct tls_certs *certs, SSL_CTX *context);

/* Offers those for `name` to one connection instead. False when it is unknown: nothing changes. */
bool tls_certs_choose(const struct tls_certs *certs, SSL *ssl, const char *name);

#endif
