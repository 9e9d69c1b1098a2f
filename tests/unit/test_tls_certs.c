#include "edge/tls.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The set that all tests load, in this order. A certificate's serial number is its place + 1. */
static const struct {
    const char *names; /* as the configuration of OpenSSL writes them; NULL = none */
    bool rsa;
} set[] = {
    {"DNS:one.example,DNS:www.one.example", false},
    {"DNS:one.example,DNS:www.one.example", true},
    {"DNS:two.example,DNS:*.two.example", false},
    {"DNS:rsa.example", true},
    {"DNS:deep.two.example", false}, /* also fits the wildcard before it */
    {NULL, false},                   /* CN=cn.example */
};

enum { SET = sizeof(set) / sizeof(set[0]), PATH_LEN = 64 };

struct files {
    char dir[PATH_LEN];
    char cert[SET][PATH_LEN + 16];
    char key[SET][PATH_LEN + 16];
    struct tls_files pairs[SET];
};

static void add_names(X509 *cert, const char *names)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void write_pair(const struct files *files, size_t at)
{
    EVP_PKEY *key = set[at].rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    FILE *cert_file = fopen(files->cert[at], "w");
    FILE *key_file = fopen(files->key[at], "w");
    ck_assert(cert_file != NULL && key_file != NULL);
    ck_assert_int_eq(X509_set_version(cert, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)at + 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"cn.example", -1,
                               -1, 0);
    ck_assert_int_eq(X509_set_issuer_name(cert, name), 1);
    if (set[at].names != NULL) {
        add_names(cert, set[at].names);
    }
    ck_assert_int_eq(X509_set_pubkey(cert, key), 1);
    ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
    ck_assert_int_eq(PEM_write_X509(cert_file, cert), 1);
    ck_assert_int_eq(PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(cert_file);
    (void)fclose(key_file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static struct files files;

static void files_make(void)
{
    (void)snprintf(files.dir, sizeof(files.dir), "/tmp/splitrail-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(files.dir));
    for (size_t i = 0; i < SET; i++) {
        (void)snprintf(files.cert[i], sizeof(files.cert[i]), "%s/cert%zu", files.dir, i);
        (void)snprintf(files.key[i], sizeof(files.key[i]), "%s/key%zu", files.dir, i);
        files.pairs[i] = (struct tls_files){files.cert[i], files.key[i]};
        write_pair(&files, i);
    }
}

static void files_remove(void)
{
    for (size_t i = 0; i < SET; i++) {
        (void)unlink(files.cert[i]);
        (void)unlink(files.key[i]);
    }
    (void)rmdir(files.dir);
}

static struct tls *tls_with(const struct tls_files *pairs, size_t count)
{
    struct buf error;
    buf_init(&error, 0);
    struct tls *tls = tls_new(TLS_1_2, 0);
    ck_assert_int_eq(tls_load(tls, pairs, count, &error), STATUS_OK);
    ck_assert_uint_eq(error.len, 0);
    buf_fini(&error);
    return tls;
}

/* What a client asks for, and what it gets. */
struct visit {
    const char *name;       /* NULL = no server name */
    const char *algorithms; /* of signatures that it can verify; NULL = all */
    int version;
    SSL_SESSION *session; /* to resume, or NULL; replaced by the new one */
    long serial;          /* of the certificate shown; 0 = none */
    bool resumed;
    bool failed;
};

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct visit *visit = SSL_get_app_data(ssl);
    SSL_SESSION_free(visit->session);
    visit->session = session;
    return 1;
}

static void look_at(struct visit *visit, SSL *client)
{
    X509 *cert = SSL_get0_peer_certificate(client);
    char nothing;
    (void)SSL_read(client, &nothing, 1); /* the ticket of TLS 1.3 */
    visit->resumed = SSL_session_reused(client) == 1;
    visit->serial = cert == NULL ? 0 : ASN1_INTEGER_get(X509_get_serialNumber(cert));
    if (visit->version == TLS1_2_VERSION) {
        SSL_SESSION_free(visit->session);
        visit->session = SSL_get1_session(client);
    }
}

static void shake(struct visit *visit, SSL *client, struct transport *transport)
{
    uint8_t chunk[64];
    bool done = false;
    bool going = true;
    for (int i = 0; i < 20 && !done && going; i++) {
        done = SSL_do_handshake(client) == 1;
        going = transport_ops(transport)->receive(transport, chunk, sizeof(chunk)) < 0 &&
                errno == EAGAIN;
    }
    visit->failed = !done || !going;
    if (done) {
        look_at(visit, client);
        SSL_shutdown(client);
    }
}

static void make_visit(struct tls *tls, struct visit *visit)
{
    int fds[2];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    SSL *client = SSL_new(context);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    struct transport transport = transport_plain(fds[0]);
    tls_start(tls, &transport);
    (void)SSL_set_app_data(client, visit);
    SSL_set_fd(client, fds[1]);
    SSL_set_connect_state(client);
    SSL_set_min_proto_version(client, visit->version);
    SSL_set_max_proto_version(client, visit->version);
    if (visit->name != NULL) {
        SSL_set_tlsext_host_name(client, visit->name);
    }
    if (visit->algorithms != NULL) {
        ck_assert_int_eq(SSL_set1_sigalgs_list(client, visit->algorithms), 1);
    }
    if (visit->session != NULL) {
        ck_assert_int_eq(SSL_set_session(client, visit->session), 1);
    }
    shake(visit, client, &transport);
    transport_ops(&transport)->close(&transport);
    SSL_free(client);
    SSL_CTX_free(context);
    close(fds[1]);
}

static const char EC_ONLY[] = "ECDSA+SHA256";
static const char RSA_ONLY[] = "rsa_pss_rsae_sha256:RSA+SHA256";
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* serial 0: no handshake */
static const struct {
    const char *name;
    const char *algorithms;
    long serial;
} rows[] = {
    {"one.example", EC_ONLY, 1},
    {"one.example", RSA_ONLY, 2},
    {"www.one.example", RSA_ONLY, 2},
    {"ONE.Example", EC_ONLY, 1},
    {"two.example", NULL, 3},
    {"a.two.example", NULL, 3},
    {"a.b.two.example", EC_ONLY, 1}, /* a wildcard is one label */
    {"deep.two.example", NULL, 3},
    {"rsa.example", NULL, 4},
    {"rsa.example", EC_ONLY, 0}, /* another name's certificate would not help */
    {"two.example", RSA_ONLY, 0},
    {"elsewhere.example", EC_ONLY, 1},
    {"elsewhere.example", RSA_ONLY, 2},
    {"cn.example", EC_ONLY, 1}, /* only subjectAltName counts */
    {"example", EC_ONLY, 1},
    {NULL, EC_ONLY, 1},
    {NULL, RSA_ONLY, 2},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

START_TEST(the_name_and_what_the_client_can_verify_choose_the_certificate)
{
    struct tls *tls = tls_with(files.pairs, SET);
    struct visit visit = {
        rows[_i / 2].name, rows[_i / 2].algorithms, versions[_i % 2], NULL, 0, false, false};
    make_visit(tls, &visit);
    ck_assert_int_eq(visit.failed, rows[_i / 2].serial == 0);
    if (!visit.failed) {
        ck_assert_int_eq(visit.serial, rows[_i / 2].serial);
    }
    SSL_SESSION_free(visit.session);
    tls_free(&tls);
}
END_TEST

START_TEST(a_session_is_resumed_under_its_own_name_only)
{
    static const char *const names[] = {"one.example",   "www.one.example",   "two.example",
                                        "a.two.example", "elsewhere.example", NULL};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    struct tls *tls = tls_with(files.pairs, SET);
    const char *name = names[_i % NAMES];
    for (int other = 0; other < NAMES; other++) {
        struct visit visit = {name, NULL, versions[_i / NAMES], NULL, 0, false, false};
        make_visit(tls, &visit);
        ck_assert(!visit.failed && !visit.resumed && visit.session != NULL);
        visit.name = names[other];
        make_visit(tls, &visit);
        ck_assert(!visit.failed);
        ck_assert_int_eq(visit.resumed, other == _i % NAMES);
        SSL_SESSION_free(visit.session);
    }
    tls_free(&tls);
}
END_TEST

START_TEST(a_session_outlives_a_reload_and_a_name_its_certificate)
{
    struct buf error;
    struct tls *tls = tls_with(files.pairs, SET);
    struct visit visit = {"two.example", NULL, versions[_i], NULL, 0, false, false};
    buf_init(&error, 0);
    make_visit(tls, &visit);
    ck_assert_int_eq(visit.serial, 3);
    ck_assert_int_eq(tls_load(tls, &files.pairs[3], 1, &error), STATUS_OK);
    make_visit(tls, &visit);
    ck_assert(visit.resumed);
    SSL_SESSION_free(visit.session);
    visit.session = NULL;
    make_visit(tls, &visit);
    ck_assert(!visit.failed && !visit.resumed);
    ck_assert_int_eq(visit.serial, 4);
    SSL_SESSION_free(visit.session);
    tls_free(&tls);
    buf_fini(&error);
}
END_TEST

START_TEST(one_bad_pair_of_many_changes_nothing)
{
    struct buf error;
    struct tls *tls = tls_with(&files.pairs[2], 2);
    struct tls_files bad[SET];
    buf_init(&error, 0);
    memcpy(bad, files.pairs, sizeof(bad));
    bad[_i].key = files.key[(_i + 1) % SET];
    ck_assert_int_eq(tls_load(tls, bad, SET, &error), STATUS_IO);
    ck_assert_uint_gt(error.len, 0);
    ck_assert_ptr_null(memchr(error.data, '\n', error.len));
    struct visit visit = {"rsa.example", NULL, TLS1_3_VERSION, NULL, 0, false, false};
    make_visit(tls, &visit);
    ck_assert_int_eq(visit.serial, 4);
    visit.name = "one.example";
    make_visit(tls, &visit);
    ck_assert_int_eq(visit.serial, 3);
    SSL_SESSION_free(visit.session);
    ck_assert_int_eq(tls_load(tls, bad, 0, &error), STATUS_IO);
    tls_free(&tls);
    buf_fini(&error);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_certs");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, files_make, files_remove);
    tcase_add_loop_test(tcase, the_name_and_what_the_client_can_verify_choose_the_certificate, 0,
                        2 * ROWS);
    tcase_add_loop_test(tcase, a_session_is_resumed_under_its_own_name_only, 0, 12);
    tcase_add_loop_test(tcase, a_session_outlives_a_reload_and_a_name_its_certificate, 0, 2);
    tcase_add_loop_test(tcase, one_bad_pair_of_many_changes_nothing, 0, SET);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
