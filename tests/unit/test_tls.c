#include "common/mem.h"
#include "edge/output.h"
#include "edge/ticket_keys.h"
#include "edge/tls.h"
#include "tests/support/check_main.h"
#include "tests/support/rng.h"

#include <check.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATH_MAX_LEN = 64, HOUR_MS = TICKET_KEYS_PERIOD_MS };

/* A directory with two certificates and their keys. */
struct files {
    char dir[PATH_MAX_LEN];
    char cert[2][PATH_MAX_LEN + 16];
    char key[2][PATH_MAX_LEN + 16];
};

static void write_cert(const char *cert_path, const char *key_path, long serial)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    FILE *cert_file = fopen(cert_path, "w");
    FILE *key_file = fopen(key_path, "w");
    ck_assert(cert_file != NULL && key_file != NULL);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    ck_assert_int_eq(X509_set_issuer_name(cert, name), 1);
    ck_assert_int_eq(X509_set_pubkey(cert, key), 1);
    ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
    ck_assert_int_eq(PEM_write_X509(cert_file, cert), 1);
    ck_assert_int_eq(PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(cert_file);
    (void)fclose(key_file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void files_make(struct files *files)
{
    (void)snprintf(files->dir, sizeof(files->dir), "/tmp/splitrail-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(files->dir));
    for (int i = 0; i < 2; i++) {
        (void)snprintf(files->cert[i], sizeof(files->cert[i]), "%s/cert%d", files->dir, i);
        (void)snprintf(files->key[i], sizeof(files->key[i]), "%s/key%d", files->dir, i);
        write_cert(files->cert[i], files->key[i], i + 1);
    }
}

static void files_remove(const struct files *files)
{
    for (int i = 0; i < 2; i++) {
        (void)unlink(files->cert[i]);
        (void)unlink(files->key[i]);
    }
    (void)rmdir(files->dir);
}

static struct tls *tls_ready(const struct files *files, enum tls_version version_min)
{
    struct buf error;
    buf_init(&error, 0);
    struct tls *tls = tls_new(version_min, 0);
    ck_assert_int_eq(tls_load(tls, &(struct tls_files){files->cert[0], files->key[0]}, 1, &error),
                     STATUS_OK);
    ck_assert_uint_eq(error.len, 0);
    buf_fini(&error);
    return tls;
}

/* One connection: our end is a transport, the other one OpenSSL's client. */
struct link {
    struct transport transport;
    SSL_CTX *context;
    SSL *client;
    SSL_SESSION *session; /* the last ticket */
    int peer;
    struct buf heard; /* by us */
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct link *link = SSL_get_app_data(ssl);
    SSL_SESSION_free(link->session);
    link->session = session;
    return 1;
}

static void link_open(struct link *link, struct tls *tls)
{
    int fds[2];
    int small = 4096;
    *link = (struct link){0};
    buf_init(&link->heard, 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    link->peer = fds[1];
    link->transport = transport_plain(fds[0]);
    tls_start(tls, &link->transport);
    link->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(link->context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(link->context, on_session);
    link->client = SSL_new(link->context);
    (void)SSL_set_app_data(link->client, link);
    SSL_set_fd(link->client, fds[1]);
    SSL_set_connect_state(link->client);
}

static void link_close(struct link *link)
{
    if (link->transport.fd >= 0) {
        transport_ops(&link->transport)->close(&link->transport);
    }
    SSL_SESSION_free(link->session);
    SSL_free(link->client);
    SSL_CTX_free(link->context);
    if (link->peer >= 0) {
        close(link->peer);
    }
    buf_fini(&link->heard);
}

/* What our end hears now; the outcome of the last receive. */
static ssize_t hear(struct link *link)
{
    uint8_t chunk[4096];
    ssize_t len;
    do {
        len = transport_ops(&link->transport)->receive(&link->transport, chunk, sizeof(chunk));
        if (len > 0) {
            buf_append(&link->heard, bytes_of(chunk, (size_t)len));
        }
    } while (len > 0);
    return len;
}

/* Moves both ends until the client is done and has its ticket, or our end has had enough. */
static bool shake(struct link *link)
{
    char nothing;
    for (int i = 0; i < 100; i++) {
        bool done = SSL_do_handshake(link->client) == 1;
        bool going = hear(link) < 0 && errno == EAGAIN;
        if (done) {
            (void)SSL_read(link->client, &nothing, 1);
            return going;
        }
        if (!going) {
            return false;
        }
    }
    return false;
}

static void say(struct link *link, struct bytes bytes)
{
    struct iovec iov = {(void *)(uintptr_t)bytes.data, bytes.len};
    ck_assert_int_eq(transport_ops(&link->transport)->send(&link->transport, &iov, 1, false),
                     (int)bytes.len);
}

static void client_reads(struct link *link, const char *wanted)
{
    char chunk[64] = "";
    ck_assert_int_eq(SSL_read(link->client, chunk, sizeof(chunk) - 1), (int)strlen(wanted));
    ck_assert_str_eq(chunk, wanted);
}

/* --- the tests --- */

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

START_TEST(both_versions_carry_bytes_both_ways)
{
    struct files files;
    struct link link;
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&link, tls);
    SSL_set_max_proto_version(link.client, versions[_i]);
    ck_assert(shake(&link));
    ck_assert_int_eq(SSL_version(link.client), versions[_i]);
    ck_assert_uint_eq(tls_stats(tls)->open, 1);
    ck_assert_uint_eq(tls_stats(tls)->full, 1);
    ck_assert_int_eq(SSL_write(link.client, "hello", 5), 5);
    (void)hear(&link);
    ck_assert(bytes_equal(buf_bytes(&link.heard), BYTES_LIT("hello")));
    say(&link, BYTES_LIT("you too"));
    client_reads(&link, "you too");
    link_close(&link);
    ck_assert_uint_eq(tls_stats(tls)->open, 0);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(a_client_that_is_too_old_is_turned_away_and_counted)
{
    struct files files;
    struct link link;
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_3);
    link_open(&link, tls);
    SSL_set_max_proto_version(link.client, TLS1_2_VERSION);
    ck_assert(!shake(&link));
    ck_assert_uint_eq(tls_stats(tls)->failures[TLS_FAILURE_VERSION], 1);
    ck_assert_str_ne(tls_last_error(tls), "");
    ck_assert_int_eq(hear(&link), -1); /* and stays so */
    ck_assert_int_eq(errno, EPROTO);
    link_close(&link);
    ck_assert_uint_eq(tls_stats(tls)->failures[TLS_FAILURE_TIMEOUT], 0);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

static const struct {
    struct bytes offered;
    struct bytes chosen;
} alpn_rows[] = {
    {BYTES_INIT("\x08http/1.1"), BYTES_INIT("http/1.1")},
    {BYTES_INIT("\x02h2\x08http/1.1"), BYTES_INIT("http/1.1")},
    {BYTES_INIT("\x02h2"), BYTES_INIT("")},
};

START_TEST(http_1_1_is_chosen_when_offered_and_nothing_else_hinders)
{
    struct files files;
    struct link link;
    const unsigned char *chosen = NULL;
    unsigned len = 0;
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&link, tls);
    SSL_set_alpn_protos(link.client, alpn_rows[_i].offered.data,
                        (unsigned)alpn_rows[_i].offered.len);
    ck_assert(shake(&link));
    SSL_get0_alpn_selected(link.client, &chosen, &len);
    ck_assert(bytes_equal(bytes_of(chosen, len), alpn_rows[_i].chosen));
    link_close(&link);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

/* Connects with `session` (may be NULL, taken); gives the new ticket and whether it was resumed. */
static SSL_SESSION *connect_with(struct tls *tls, SSL_SESSION *session, int version, bool *resumed)
{
    struct link link;
    link_open(&link, tls);
    SSL_set_min_proto_version(link.client, version);
    SSL_set_max_proto_version(link.client, version);
    SSL_set_tlsext_host_name(link.client, "chat.example");
    if (session != NULL) {
        ck_assert_int_eq(SSL_set_session(link.client, session), 1);
    }
    ck_assert(shake(&link));
    *resumed = SSL_session_reused(link.client) == 1;
    /* OpenSSL's client does not call back for a ticket that TLS 1.2 renews. */
    SSL_SESSION *ticket = link.session != NULL ? link.session : SSL_get1_session(link.client);
    link.session = NULL;
    SSL_shutdown(link.client); /* a connection that ends badly spoils its session */
    link_close(&link);
    SSL_SESSION_free(session);
    return ticket;
}

START_TEST(a_ticket_resumes_for_two_key_periods_and_is_renewed_on_the_way)
{
    struct files files;
    bool resumed = false;
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    SSL_SESSION *ticket = connect_with(tls, NULL, versions[_i], &resumed);
    ck_assert(!resumed && ticket != NULL);
    ck_assert_int_eq(SSL_SESSION_up_ref(ticket), 1);
    SSL_SESSION *old = ticket;
    tls_step(tls, HOUR_MS); /* the key of the hour before */
    ticket = connect_with(tls, ticket, versions[_i], &resumed);
    ck_assert(resumed && ticket != NULL);
    ck_assert_uint_eq(tls_stats(tls)->resumed, 1);
    tls_step(tls, 2 * HOUR_MS);
    ticket = connect_with(tls, ticket, versions[_i], &resumed);
    ck_assert(resumed); /* it was renewed with the key that is now the older one */
    SSL_SESSION_free(ticket);
    SSL_SESSION_free(connect_with(tls, old, versions[_i], &resumed));
    ck_assert(!resumed); /* its key is gone */
    ck_assert_uint_eq(tls_stats(tls)->full, 2);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(a_ticket_of_one_edge_resumes_at_another_with_the_same_keys)
{
    struct files files;
    bool resumed = false;
    struct ticket_key shared;
    struct ticket_key next;
    memset(&shared, 5, sizeof(shared));
    memset(&next, 6, sizeof(next));
    files_make(&files);
    struct tls *here = tls_ready(&files, TLS_1_2);
    struct tls *there = tls_ready(&files, TLS_1_2);
    SSL_SESSION *own = connect_with(here, NULL, versions[_i], &resumed);
    ck_assert_int_eq(SSL_SESSION_up_ref(own), 1);
    SSL_SESSION_free(connect_with(there, own, versions[_i], &resumed));
    ck_assert(!resumed);
    tls_share_tickets(here, &shared, NULL, 0, 0);
    tls_share_tickets(there, &shared, NULL, 0, 0);
    SSL_SESSION *ticket = connect_with(here, own, versions[_i], &resumed);
    ck_assert(resumed); /* by the key that was its own; from now on by the shared one */
    ticket = connect_with(there, ticket, versions[_i], &resumed);
    ck_assert(resumed);
    tls_share_tickets(here, &next, NULL, 1, 1); /* a new router */
    ticket = connect_with(here, ticket, versions[_i], &resumed);
    ck_assert(resumed);
    SSL_SESSION_free(connect_with(there, ticket, versions[_i], &resumed));
    ck_assert(!resumed); /* has not heard of it yet */
    tls_free(&here);
    tls_free(&there);
    files_remove(&files);
}
END_TEST

START_TEST(a_new_certificate_is_for_new_connections_and_drops_nobody)
{
    struct files files;
    struct link before;
    struct link after;
    struct buf error;
    files_make(&files);
    buf_init(&error, 0);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&before, tls);
    ck_assert(shake(&before));
    ck_assert_int_eq(tls_load(tls, &(struct tls_files){files.cert[1], files.key[1]}, 1, &error),
                     STATUS_OK);
    link_open(&after, tls);
    ck_assert(shake(&after));
    X509 *cert = SSL_get1_peer_certificate(after.client);
    ck_assert_int_eq(ASN1_INTEGER_get(X509_get_serialNumber(cert)), 2);
    X509_free(cert);
    say(&before, BYTES_LIT("still here"));
    client_reads(&before, "still here");
    link_close(&before);
    link_close(&after);
    tls_free(&tls);
    buf_fini(&error);
    files_remove(&files);
}
END_TEST

START_TEST(a_bad_pair_changes_nothing_and_says_why)
{
    struct files files;
    struct link link;
    struct buf error;
    files_make(&files);
    buf_init(&error, 0);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    const struct tls_files bad[] = {
        {files.cert[0], files.key[1]}, /* not its key */
        {files.key[0], files.key[0]},      {files.cert[0], files.cert[0]},
        {"/does/not/exist", files.key[0]}, {files.cert[0], "/does/not/exist"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_clear(&error);
        ck_assert_int_eq(tls_load(tls, &bad[i], 1, &error), STATUS_IO);
        ck_assert_uint_gt(error.len, 0);
        ck_assert_ptr_null(memchr(error.data, '\n', error.len));
    }
    link_open(&link, tls);
    ck_assert(shake(&link));
    link_close(&link);
    tls_free(&tls);
    buf_fini(&error);
    files_remove(&files);
}
END_TEST

START_TEST(a_plain_http_request_can_be_answered_plainly)
{
    struct files files;
    struct link link;
    char answer[16] = "";
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&link, tls);
    ck_assert_int_eq(send(link.peer, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
    ck_assert_int_eq(hear(&link), -1);
    ck_assert_int_eq(errno, EPROTOTYPE);
    say(&link, BYTES_LIT("HTTP/1.1"));
    ck_assert_int_eq(recv(link.peer, answer, sizeof(answer) - 1, 0), 8);
    ck_assert_str_eq(answer, "HTTP/1.1");
    ck_assert_uint_eq(tls_stats(tls)->failures[TLS_FAILURE_HTTP], 1);
    link_close(&link);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(a_peer_that_ends_or_waits_before_the_handshake_is_counted)
{
    struct files files;
    struct link link;
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&link, tls);
    ck_assert_int_eq(send(link.peer, "\x16\x03\x01", 3, 0), 3);
    ck_assert_int_eq(hear(&link), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(shutdown(link.peer, SHUT_WR), 0);
    ck_assert_int_eq(hear(&link), 0);
    link_close(&link);
    ck_assert_uint_eq(tls_stats(tls)->failures[TLS_FAILURE_CLOSED], 1);
    link_open(&link, tls);
    link_close(&link);
    ck_assert_uint_eq(tls_stats(tls)->failures[TLS_FAILURE_TIMEOUT], 1);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(bytes_that_poll_cannot_see_are_announced)
{
    struct files files;
    struct link link;
    uint8_t chunk[1000];
    static uint8_t sent[3000];
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&link, tls);
    ck_assert(shake(&link));
    ck_assert_int_eq(SSL_write(link.client, sent, 3000), 3000);
    for (int left = 2; left >= 0; left--) {
        ck_assert_int_eq(transport_ops(&link.transport)->receive(&link.transport, chunk, 1000),
                         1000);
        ck_assert_int_eq(link.transport.input_waits, left != 0);
    }
    ck_assert_int_eq(hear(&link), -1);
    link_close(&link);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(the_end_comes_after_the_last_bytes_also_when_they_came_together)
{
    struct files files;
    struct link link;
    uint8_t chunk[64];
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&link, tls);
    ck_assert(shake(&link));
    ck_assert_int_eq(SSL_write(link.client, "bye", 3), 3);
    SSL_shutdown(link.client); /* the socket stays open: poll would stay silent */
    ck_assert_int_eq(transport_ops(&link.transport)->receive(&link.transport, chunk, sizeof(chunk)),
                     3);
    ck_assert(link.transport.input_waits);
    ck_assert_int_eq(transport_ops(&link.transport)->receive(&link.transport, chunk, sizeof(chunk)),
                     0);
    say(&link, BYTES_LIT("good bye")); /* our direction is still open */
    client_reads(&link, "good bye");
    link_close(&link);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(our_end_is_said_with_a_close_notify)
{
    struct files files;
    struct link link;
    char chunk[8];
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&link, tls);
    ck_assert(shake(&link));
    if (_i == 0) {
        ck_assert_int_eq(transport_ops(&link.transport)->shutdown(&link.transport), 0);
    } else {
        transport_ops(&link.transport)->close(&link.transport);
    }
    int got = SSL_read(link.client, chunk, sizeof(chunk));
    ck_assert_int_eq(SSL_get_error(link.client, got), SSL_ERROR_ZERO_RETURN);
    link_close(&link);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(a_handshake_that_cannot_write_says_what_it_waits_for)
{
    struct files files;
    struct link link;
    static uint8_t filler[65536];
    size_t filled = 0;
    ssize_t len;
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    link_open(&link, tls);
    while ((len = send(link.transport.fd, filler, 512, MSG_DONTWAIT)) > 0) {
        filled += (size_t)len;
    }
    SSL_set0_rbio(link.client, BIO_new(BIO_s_mem())); /* the filler is not for the client */
    (void)SSL_do_handshake(link.client);
    ck_assert_int_eq(hear(&link), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert(link.transport.receive_wants_write);
    while (filled != 0 && (len = recv(link.peer, filler, filled, 0)) > 0) {
        filled -= (size_t)len;
    }
    ck_assert_int_eq(SSL_set_rfd(link.client, link.peer), 1);
    ck_assert(shake(&link));
    ck_assert(!link.transport.receive_wants_write);
    link_close(&link);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(keys_can_be_changed_on_the_way)
{
    struct files files;
    struct link link;
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_3);
    link_open(&link, tls);
    ck_assert(shake(&link));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(SSL_key_update(link.client, SSL_KEY_UPDATE_REQUESTED), 1);
        ck_assert_int_eq(SSL_write(link.client, "x", 1), 1);
        (void)hear(&link);
        say(&link, BYTES_LIT("answer"));
        client_reads(&link, "answer");
    }
    ck_assert_uint_eq(link.heard.len, 3);
    link_close(&link);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

START_TEST(keys_can_be_changed_while_output_waits)
{
    static uint8_t much[200000];
    struct iovec iov = {much, sizeof(much)};
    struct files files;
    struct link link;
    uint8_t chunk[4096];
    size_t got = 0;
    files_make(&files);
    struct tls *tls = tls_ready(&files, TLS_1_3);
    link_open(&link, tls);
    ck_assert(shake(&link));
    ssize_t sent = transport_ops(&link.transport)->send(&link.transport, &iov, 1, false);
    ck_assert(sent > 0 && link.transport.output_waits);
    ck_assert_int_eq(SSL_key_update(link.client, SSL_KEY_UPDATE_REQUESTED), 1);
    ck_assert_int_eq(SSL_write(link.client, "x", 1), 1);
    for (int i = 0; i < 1000 && (got < (size_t)sent || link.heard.len == 0); i++) {
        ck_assert(hear(&link) == -1 && errno == EAGAIN);
        ck_assert(transport_ops(&link.transport)->send(&link.transport, NULL, 0, false) == 0 ||
                  errno == EAGAIN);
        int len = SSL_read(link.client, chunk, sizeof(chunk));
        got += len > 0 ? (size_t)len : 0;
    }
    ck_assert_uint_eq(got, (size_t)sent);
    ck_assert_uint_eq(link.heard.len, 1);
    link_close(&link);
    tls_free(&tls);
    files_remove(&files);
}
END_TEST

/* --- output over TLS --- */

static void on_written(void *owner, struct out_queue *queue, enum out_result result)
{
    (void)queue;
    *(enum out_result *)owner = result;
}

static void put_filled(struct out_batch *batch, struct out_queue *queue, uint8_t fill, size_t len)
{
    struct blob *blob = blob_new(NULL, len);
    memset(blob->data, fill, len);
    out_batch_put(batch, queue, blob);
    blob_unref(&blob);
}

static size_t client_drains(struct link *link, struct buf *into)
{
    uint8_t chunk[4096];
    size_t total = 0;
    int got;
    while ((got = SSL_read(link->client, chunk, sizeof(chunk))) > 0) {
        buf_append(into, bytes_of(chunk, (size_t)got));
        total += (size_t)got;
    }
    return total;
}

static size_t run_len(const uint8_t *data, size_t max)
{
    size_t len = 1;
    while (len < max && data[len] == data[0]) {
        len++;
    }
    return len;
}

/* As in test_output.c: runs of one letter, control frames anywhere between them. */
static void check_stream(struct bytes got, const size_t *lens, size_t count)
{
    size_t at = 0;
    for (size_t blob = 0; blob < count; blob++) {
        while (at < got.len && got.data[at] == '<') {
            ck_assert(bytes_equal(bytes_slice(got, at, 6), BYTES_LIT("<####>")));
            at += 6;
        }
        ck_assert_uint_ge(got.len - at, lens[blob]);
        ck_assert_uint_eq(run_len(got.data + at, lens[blob]), lens[blob]);
        ck_assert_uint_eq(got.data[at], 'a' + blob % 26);
        at += lens[blob];
    }
}

enum { BLOBS = 300, BLOB_MAX = 40000 };

static void put_in_any_order(struct rng *rng, struct out_batch *batch, struct out_queue *queue,
                             struct link *link, struct buf *got, size_t lens[BLOBS])
{
    size_t count = 0;
    while (count < BLOBS) {
        switch (rng_below(rng, 5)) {
        case 0:
            (void)out_batch_put_urgent(batch, queue, BYTES_LIT("<####>"));
            break;
        case 1:
            out_batch_mark(batch, queue);
            out_batch_flush(batch);
            break;
        case 2:
            (void)client_drains(link, got);
            break;
        default:
            lens[count] = 1 + rng_below(rng, rng_below(rng, 4) == 0 ? BLOB_MAX : 200);
            put_filled(batch, queue, (uint8_t)('a' + count % 26), lens[count]);
            count++;
        }
    }
}

START_TEST(any_order_of_puts_and_writes_keeps_frames_whole_and_in_order)
{
    static const struct out_callbacks callbacks = {.on_written = on_written};
    static const uint8_t fragment_codes[] = {0, TLSEXT_max_fragment_length_512,
                                             TLSEXT_max_fragment_length_4096};
    struct rng rng = {(uint64_t)_i};
    enum out_result result = OUT_BLOCKED;
    struct files files;
    struct link link;
    struct buf got;
    struct out_queue queue;
    size_t lens[BLOBS];
    files_make(&files);
    buf_init(&got, 0);
    struct tls *tls = tls_ready(&files, TLS_1_2);
    struct out_batch *batch = out_batch_new(&callbacks, &result);
    link_open(&link, tls);
    SSL_set_tlsext_max_fragment_length(link.client, fragment_codes[_i % 3]);
    SSL_set_max_proto_version(link.client, versions[_i & 1]);
    ck_assert(shake(&link));
    out_queue_init(&queue, link.transport);
    put_in_any_order(&rng, batch, &queue, &link, &got, lens);
    do {
        out_batch_mark(batch, &queue);
        out_batch_flush(batch);
    } while (client_drains(&link, &got) != 0 || result != OUT_DONE);
    check_stream(buf_bytes(&got), lens, BLOBS);
    ck_assert_uint_eq(out_batch_cost(batch), 0);
    ck_assert(!queue.transport.output_waits);
    link.transport = queue.transport;
    link_close(&link);
    out_batch_free(&batch);
    tls_free(&tls);
    buf_fini(&got);
    files_remove(&files);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, both_versions_carry_bytes_both_ways, 0, 2);
    tcase_add_test(tcase, a_client_that_is_too_old_is_turned_away_and_counted);
    tcase_add_loop_test(tcase, http_1_1_is_chosen_when_offered_and_nothing_else_hinders, 0, 3);
    tcase_add_loop_test(tcase, a_ticket_resumes_for_two_key_periods_and_is_renewed_on_the_way, 0,
                        2);
    tcase_add_loop_test(tcase, a_ticket_of_one_edge_resumes_at_another_with_the_same_keys, 0, 2);
    tcase_add_test(tcase, a_new_certificate_is_for_new_connections_and_drops_nobody);
    tcase_add_test(tcase, a_bad_pair_changes_nothing_and_says_why);
    tcase_add_test(tcase, a_plain_http_request_can_be_answered_plainly);
    tcase_add_test(tcase, a_peer_that_ends_or_waits_before_the_handshake_is_counted);
    tcase_add_test(tcase, bytes_that_poll_cannot_see_are_announced);
    tcase_add_test(tcase, the_end_comes_after_the_last_bytes_also_when_they_came_together);
    tcase_add_test(tcase, a_handshake_that_cannot_write_says_what_it_waits_for);
    tcase_add_test(tcase, keys_can_be_changed_on_the_way);
    tcase_add_test(tcase, keys_can_be_changed_while_output_waits);
    tcase_add_loop_test(tcase, our_end_is_said_with_a_close_notify, 0, 2);
    tcase_add_loop_test(tcase, any_order_of_puts_and_writes_keeps_frames_whole_and_in_order, 0, 12);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
