#include "tests/e2e/programs/stacks/contract.h"

#include <libsoup/soup.h>

static struct talk talk;
static GMainLoop *loop;

static void on_message(SoupWebsocketConnection *socket, gint type, GBytes *message, gpointer user)
{
    (void)user;
    if (type != SOUP_WEBSOCKET_DATA_TEXT) {
        g_error("JSON comes as text");
    }
    /* libsoup ends the bytes of a text with a zero that is not counted. */
    switch (talk_hear(&talk, g_bytes_get_data(message, NULL))) {
    case TALK_SEND:
        soup_websocket_connection_send_text(socket, talk.out);
        break;
    case TALK_DONE:
        soup_websocket_connection_close(socket, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
        break;
    case TALK_WAIT:
        break;
    }
}

static void on_closed(SoupWebsocketConnection *socket, gpointer user)
{
    (void)user;
    talk.code = soup_websocket_connection_get_close_code(socket);
    g_main_loop_quit(loop);
}

static void on_error(SoupWebsocketConnection *socket, GError *error, gpointer user)
{
    (void)socket;
    (void)user;
    g_printerr("%s\n", error->message);
}

static void on_connected(GObject *session, GAsyncResult *result, gpointer user)
{
    (void)user;
    GError *error = NULL;
    SoupWebsocketConnection *socket =
        soup_session_websocket_connect_finish(SOUP_SESSION(session), result, &error);
    if (socket == NULL) {
        g_error("%s", error->message);
    }
    g_signal_connect(socket, "message", G_CALLBACK(on_message), NULL);
    g_signal_connect(socket, "closed", G_CALLBACK(on_closed), NULL);
    g_signal_connect(socket, "error", G_CALLBACK(on_error), NULL);
}

int main(int argc, char **argv)
{
    talk = talk_new(argc, argv);
    loop = g_main_loop_new(NULL, FALSE);
    SoupSession *session = soup_session_new();
    soup_session_add_feature_by_type(session, SOUP_TYPE_WEBSOCKET_EXTENSION_MANAGER);
    if (talk.ca != NULL) {
        GTlsDatabase *trusted = g_tls_file_database_new(talk.ca, NULL);
        soup_session_set_tls_database(session, trusted);
    }
    SoupMessage *message = soup_message_new("GET", talk.url);
    soup_session_websocket_connect_async(session, message, NULL, NULL, G_PRIORITY_DEFAULT, NULL,
                                         on_connected, NULL);
    g_main_loop_run(loop);
    talk_closed(&talk);
    return 0;
}
