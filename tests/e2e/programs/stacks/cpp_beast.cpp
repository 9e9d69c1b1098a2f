#include "tests/e2e/programs/stacks/contract.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = boost::asio::ip::tcp;

/* Until the peer closed. */
template <class Socket> static void converse(Socket &socket, struct talk *talk)
{
    for (;;) {
        beast::flat_buffer buffer;
        beast::error_code error;
        socket.read(buffer, error);
        if (error == websocket::error::closed) {
            break;
        }
        if (error) {
            throw beast::system_error{error};
        }
        switch (talk_hear(talk, beast::buffers_to_string(buffer.data()).c_str())) {
        case TALK_SEND:
            socket.write(boost::asio::buffer(talk->out, strlen(talk->out)));
            break;
        case TALK_DONE:
            socket.close(websocket::close_code::normal);
            talk->code = socket.reason().code;
            return;
        case TALK_WAIT:
            break;
        }
    }
    talk->code = socket.reason().code;
}

template <class Socket>
static void upgrade(Socket &socket, const std::string &authority, const std::string &target)
{
    websocket::permessage_deflate deflate;
    deflate.client_enable = true;
    socket.set_option(deflate);
    socket.handshake(authority, target);
}

int main(int argc, char **argv)
{
    struct talk talk = talk_new(argc, argv);
    std::string url = talk.url;
    std::string rest = url.substr(url.find("//") + 2);
    std::string authority = rest.substr(0, rest.find('/'));
    std::string target = rest.substr(rest.find('/'));
    size_t colon = authority.find(':');
    boost::asio::io_context io;
    auto where = tcp::resolver{io}.resolve(authority.substr(0, colon), authority.substr(colon + 1));
    if (talk.ca == nullptr) {
        websocket::stream<tcp::socket> socket{io};
        boost::asio::connect(socket.next_layer(), where);
        upgrade(socket, authority, target);
        converse(socket, &talk);
    } else {
        boost::asio::ssl::context tls{boost::asio::ssl::context::tls_client};
        tls.load_verify_file(talk.ca);
        tls.set_verify_mode(boost::asio::ssl::verify_peer);
        websocket::stream<boost::asio::ssl::stream<tcp::socket>> socket{io, tls};
        boost::asio::connect(socket.next_layer().next_layer(), where);
        socket.next_layer().handshake(boost::asio::ssl::stream_base::client);
        upgrade(socket, authority, target);
        converse(socket, &talk);
    }
    talk_closed(&talk);
}
