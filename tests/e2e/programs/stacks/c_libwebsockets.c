#include "tests/e2e/programs/stacks/contract.h"

#include <libwebsockets.h>

/* No compression: where it is agreed, 4.1 hands the first message that comes uncompressed to its
 * callback over and over, for ever. And it keeps the code of the peer's answer to a close to
 * itself; that it ends by CLIENT_CLOSED is all that can be seen. */

static struct talk talk;
static char heard[1 << 17];
static size_t heard_length;
static bool sending, closing, ended;

static void hear(struct lws *wsi, const void *data, size_t length)
{
    if (heard_length + length < sizeof heard) {
        memcpy(heard + heard_length, data, length);
        heard_length += length;
    }
    if (!lws_is_final_fragment(wsi)) {
        return;
    }
    heard[heard_length] = '\0';
    heard_length = 0;
    enum talk_next next = talk_hear(&talk, heard);
    if (next == TALK_WAIT) {
        return;
    }
    sending = next == TALK_SEND;
    closing = next == TALK_DONE;
    lws_callback_on_writable(wsi);
}

static int say(struct lws *wsi)
{
    if (closing) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    if (!sending) {
        return 0;
    }
    static unsigned char out[LWS_PRE + (1 << 17)];
    size_t length = strlen(talk.out);
    memcpy(out + LWS_PRE, talk.out, length);
    sending = false;
    return lws_write(wsi, out + LWS_PRE, length, LWS_WRITE_TEXT) < (int)length ? -1 : 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
        hear(wsi, in, length);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return say(wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        talk.code = -1;
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fprintf(stderr, "connection error: %s\n", in != NULL ? (const char *)in : "?");
        ended = true;
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        ended = true;
        return 0;
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {.name = "", .callback = on_event, .rx_buffer_size = 4096}, {.name = NULL}};
    talk = talk_new(argc, argv);
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols, .client_ssl_ca_filepath = talk.ca};
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    struct lws_context *context = lws_create_context(&info);
    char *url = strdup(talk.url);
    const char *scheme, *path;
    struct lws_client_connect_info connect = {.context = context};
    if (context == NULL ||
        lws_parse_uri(url, &scheme, &connect.address, &connect.port, &path) != 0) {
        return 1;
    }
    char full[512];
    snprintf(full, sizeof full, "/%s", path);
    connect.path = full;
    connect.host = connect.address;
    connect.ssl_connection = talk.ca != NULL ? LCCSCF_USE_SSL : 0;
    lws_client_connect_via_info(&connect);
    while (!ended && lws_service(context, 0) >= 0) {
    }
    talk_closed(&talk);
    lws_context_destroy(context);
    return 0;
}
