/* The answers of the opening handshake. Everything but the 101 ends the connection. */
#include "edge/ws_handshake.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

enum { SHA1_LEN = 20, ACCEPT_LEN = 28 };

static const char key_suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

struct status_row {
    int status;
    const char *phrase;
    const char *fields; /* whole lines, or empty */
};

static const struct status_row status_rows[] = {
    {200, "OK", "Cache-Control: no-store\r\n"},
    {400, "Bad Request", ""},
    {403, "Forbidden", ""},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", "Allow: GET\r\n"}, /* RFC 9110 section 15.5.6 */
    {408, "Request Timeout", ""},
    /* RFC 9110 section 15.5.22 wants Upgrade (which Connection must then name, section 7.8);
     * RFC 6455 section 4.4 wants the version. */
    {426, "Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"},
    {429, "Too Many Requests", ""},
    {431, "Request Header Fields Too Large", ""},
    {503, "Service Unavailable", "Cache-Control: no-store\r\n"},
    {505, "HTTP Version Not Supported", ""},
};

static const struct status_row *row_of(int status)
{
    static const struct status_row unnamed = {0, "Refused", ""};
    for (size_t i = 0; i < sizeof(status_rows) / sizeof(status_rows[0]); i++) {
        if (status_rows[i].status == status) {
            return &status_rows[i];
        }
    }
    return &unnamed;
}

/* RFC 6455 section 4.2.2 (5): base64 of the SHA-1 of the key and a fixed text. */
static void append_accept_key(struct bytes key, struct buf *out)
{
    uint8_t joined[24 + sizeof(key_suffix) - 1];
    assert(key.len + sizeof(key_suffix) - 1 == sizeof(joined)); /* the parser lets no other pass */
    memcpy(joined, key.data, key.len);
    memcpy(joined + key.len, key_suffix, sizeof(key_suffix) - 1);
    uint8_t digest[SHA1_LEN];
    unsigned digest_len = 0;
    int done = EVP_Digest(joined, sizeof(joined), digest, &digest_len, EVP_sha1(), NULL);
    assert(done == 1 && digest_len == sizeof(digest)); /* SHA-1 belongs to every libcrypto */
    uint8_t encoded[ACCEPT_LEN + 1];
    int encoded_len = EVP_EncodeBlock(encoded, digest, sizeof(digest));
    assert(encoded_len == ACCEPT_LEN);
    buf_append(out, bytes_of(encoded, ACCEPT_LEN));
}

void ws_handshake_accept(const struct ws_request *request, struct buf *out)
{
    buf_append_str(out, "HTTP/1.1 101 Switching Protocols\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: ");
    append_accept_key(request->key, out);
    buf_append_str(out, "\r\n");
    if (request->subprotocol.len != 0) {
        buf_append_str(out, "Sec-WebSocket-Protocol: ");
        buf_append(out, request->subprotocol);
        buf_append_str(out, "\r\n");
    }
    if (request->deflate.agreed) {
        buf_append_str(out, "Sec-WebSocket-Extensions: ");
        ws_extensions_answer(&request->deflate, out);
        buf_append_str(out, "\r\n");
    }
    buf_append_str(out, "\r\n");
}

struct answer {
    int status;
    const char *text;
    unsigned retry_after_s;
    bool head_only;
};

static void append_answer(const struct answer *answer, struct buf *out)
{
    const struct status_row *row = row_of(answer->status);
    buf_append_str(out, "HTTP/1.1 ");
    buf_append_u64(out, (uint64_t)answer->status);
    buf_append_str(out, " ");
    buf_append_str(out, row->phrase);
    buf_append_str(out, "\r\nContent-Type: text/plain\r\nContent-Length: ");
    buf_append_u64(out, strlen(answer->text) + 1);
    buf_append_str(out, answer->status == 426 ? "\r\nConnection: close, Upgrade\r\n"
                                              : "\r\nConnection: close\r\n");
    buf_append_str(out, row->fields);
    if (answer->retry_after_s != 0) {
        buf_append_str(out, "Retry-After: ");
        buf_append_u64(out, answer->retry_after_s);
        buf_append_str(out, "\r\n");
    }
    buf_append_str(out, "\r\n");
    if (!answer->head_only) {
        buf_append_str(out, answer->text);
        buf_append_str(out, "\n");
    }
}

void ws_handshake_refuse(int status, const char *text, unsigned retry_after_s, struct buf *out)
{
    struct answer answer = {.status = status, .text = text, .retry_after_s = retry_after_s};
    append_answer(&answer, out);
}

void ws_handshake_health(int status, const char *text, bool head_only, struct buf *out)
{
    struct answer answer = {.status = status, .text = text, .head_only = head_only};
    append_answer(&answer, out);
}
