/* Sealing and opening TLS session tickets, as OpenSSL asks for it (its manual:
 * SSL_CTX_set_tlsext_ticket_key_evp_cb(3)). Shell. */
#ifndef EDGE_TLS_TICKETS_H
#define EDGE_TLS_TICKETS_H

#include "edge/ticket_keys.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>

/* Prepares `cipher` and `mac` for a new ticket by the current key, and writes its name and a fresh
 * IV. 1, or -1 on an error. */
int tls_ticket_seal(const struct ticket_keys *keys, unsigned char *name, unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);

/* The same for a ticket that the client has brought. 0: the key is not known, a full handshake
 * follows; 1: known; 2: known, but the client shall have a newer one, in TLS 1.3 always, where
 * clients use none twice (RFC 8446 appendix C.4); -1: an error. */
int tls_ticket_open(const SSL *ssl, const struct ticket_keys *keys, const unsigned char *name,
                    const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);

#endif
