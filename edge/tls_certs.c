#include "edge/tls_certs.h"

#include "common/mem.h"
#include "edge/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
    ERROR_TEXT_MAX = 128,
    KINDS_MAX = 8, /* of keys: more than OpenSSL can tell apart */
    NAME_RULES = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
};

/* Certificate, key and chain belong to `holder`, which is never spoken with. */
struct pair {
    SSL_CTX *holder;
    X509 *cert;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
};

struct tls_certs {
    struct pair *pairs;
    size_t count;
};

/* What is offered: pairs of different kinds of keys. */
struct offer {
    const struct pair *pairs[KINDS_MAX];
    size_t count;
};

/* A key with a passphrase is an error; the default would ask on the terminal. */
static int no_passphrase(char *out, int size, int writing, void *owner)
{
    (void)writing;
    (void)owner;
    if (size > 0) {
        out[0] = '\0';
    }
    return -1;
}

static enum status load_failed(struct buf *error, const char *what, const char *file)
{
    char text[ERROR_TEXT_MAX] = "unknown";
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    if (ERR_SYSTEM_ERROR(code)) {
        reason = strerror(ERR_GET_REASON(code));
    } else if (reason == NULL) {
        ERR_error_string_n(code, text, sizeof(text));
        reason = text;
    }
    buf_append_str(error, "cannot use the ");
    buf_append_str(error, what);
    buf_append_str(error, " in ");
    buf_append_str(error, file);
    buf_append_str(error, ": ");
    buf_append_str(error, reason);
    ERR_clear_error();
    return STATUS_IO;
}

static enum status load_pair(const struct tls_files *files, struct pair *pair, struct buf *error)
{
    pair->holder = SSL_CTX_new(TLS_server_method());
    if (pair->holder == NULL) {
        return load_failed(error, "certificate", files->cert);
    }
    SSL_CTX_set_default_passwd_cb(pair->holder, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(pair->holder, files->cert) != 1) {
        return load_failed(error, "certificate", files->cert);
    }
    if (SSL_CTX_use_PrivateKey_file(pair->holder, files->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(pair->holder) != 1) {
        return load_failed(error, "key", files->key);
    }
    pair->cert = SSL_CTX_get0_certificate(pair->holder);
    pair->key = SSL_CTX_get0_privatekey(pair->holder);
    SSL_CTX_get0_chain_certs(pair->holder, &pair->chain);
    return STATUS_OK;
}

enum status tls_certs_load(const struct tls_files *files, size_t count,
                           struct tls_certs **ret_certs, struct buf *error)
{
    enum status status = STATUS_OK;
    ERR_clear_error();
    if (count == 0) {
        buf_append_str(error, "no certificate");
        return STATUS_IO;
    }
    struct tls_certs *certs = mem_new(1, sizeof(*certs));
    certs->pairs = mem_new(count, sizeof(certs->pairs[0]));
    while (status == STATUS_OK && certs->count < count) {
        status = load_pair(&files[certs->count], &certs->pairs[certs->count], error);
        certs->count++; /* half of a pair is freed too */
    }
    if (status != STATUS_OK) {
        tls_certs_free(&certs);
        return status;
    }
    *ret_certs = certs;
    return STATUS_OK;
}

void tls_certs_free(struct tls_certs **certs_at)
{
    struct tls_certs *certs = *certs_at;
    if (certs == NULL) {
        return;
    }
    for (size_t i = 0; i < certs->count; i++) {
        SSL_CTX_free(certs->pairs[i].holder);
    }
    mem_free(certs->pairs);
    mem_free(certs);
    *certs_at = NULL;
}

static void add_to_offer(struct offer *offer, const struct pair *pair)
{
    for (size_t i = 0; i < offer->count; i++) {
        if (EVP_PKEY_get_base_id(offer->pairs[i]->key) == EVP_PKEY_get_base_id(pair->key)) {
            return;
        }
    }
    if (offer->count < KINDS_MAX) {
        offer->pairs[offer->count++] = pair;
    }
}

static const ASN1_OCTET_STRING *names_of(const struct pair *pair)
{
    int at = X509_get_ext_by_NID(pair->cert, NID_subject_alt_name, -1);
    return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(pair->cert, at));
}

static bool same_names(const struct pair *a, const struct pair *b)
{
    const ASN1_OCTET_STRING *names_a = names_of(a);
    const ASN1_OCTET_STRING *names_b = names_of(b);
    return names_a != NULL && names_b != NULL && ASN1_OCTET_STRING_cmp(names_a, names_b) == 0;
}

bool tls_certs_offer(const struct tls_certs *certs, SSL_CTX *context)
{
    struct offer offer = {{&certs->pairs[0]}, 1};
    bool ok = true;
    for (size_t i = 1; i < certs->count; i++) {
        if (same_names(&certs->pairs[0], &certs->pairs[i])) {
            add_to_offer(&offer, &certs->pairs[i]);
        }
    }
    for (size_t i = 0; ok && i < offer.count; i++) {
        const struct pair *pair = offer.pairs[i];
        ok = SSL_CTX_use_cert_and_key(context, pair->cert, pair->key, pair->chain, 1) == 1;
    }
    return ok;
}

bool tls_certs_choose(const struct tls_certs *certs, SSL *ssl, const char *name)
{
    struct offer offer = {.count = 0};
    bool ok = true;
    for (size_t i = 0; i < certs->count; i++) {
        if (X509_check_host(certs->pairs[i].cert, name, strlen(name), NAME_RULES, NULL) == 1) {
            add_to_offer(&offer, &certs->pairs[i]);
        }
    }
    if (offer.count == 0) {
        return false;
    }
    SSL_certs_clear(ssl);
    for (size_t i = 0; ok && i < offer.count; i++) {
        const struct pair *pair = offer.pairs[i];
        ok = SSL_use_cert_and_key(ssl, pair->cert, pair->key, pair->chain, 1) == 1;
    }
    return ok;
}
