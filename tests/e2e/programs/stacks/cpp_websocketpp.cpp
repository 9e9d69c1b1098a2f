#include "tests/e2e/programs/stacks/contract.h"

#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_client.hpp>
#include <websocketpp/extensions/permessage_deflate/enabled.hpp>

/* The configuration that Config is, with compression. */
template <class Config> struct compressing : public Config {
    struct permessage_deflate_config {
    };
    typedef websocketpp::extensions::permessage_deflate::enabled<permessage_deflate_config>
        permessage_deflate_type;
};

using handle = websocketpp::connection_hdl;
using plain = websocketpp::client<compressing<websocketpp::config::asio_client>>;
using secure = websocketpp::client<compressing<websocketpp::config::asio_tls_client>>;

template <class Client> static void converse(Client &client, struct talk *talk)
{
    client.clear_access_channels(websocketpp::log::alevel::all);
    client.init_asio();
    client.set_message_handler([&](handle hdl, typename Client::message_ptr message) {
        switch (talk_hear(talk, message->get_payload().c_str())) {
        case TALK_SEND:
            client.send(hdl, talk->out, websocketpp::frame::opcode::text);
            break;
        case TALK_DONE:
            client.close(hdl, websocketpp::close::status::normal, "");
            break;
        case TALK_WAIT:
            break;
        }
    });
    client.set_close_handler(
        [&](handle hdl) { talk->code = client.get_con_from_hdl(hdl)->get_remote_close_code(); });
    websocketpp::lib::error_code error;
    auto connection = client.get_connection(talk->url, error);
    if (error) {
        throw websocketpp::exception(error);
    }
    client.connect(connection);
    client.run();
}

int main(int argc, char **argv)
{
    struct talk talk = talk_new(argc, argv);
    if (talk.ca == nullptr) {
        plain client;
        converse(client, &talk);
    } else {
        secure client;
        client.set_tls_init_handler([&](handle) {
            auto tls =
                std::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_client);
            tls->load_verify_file(talk.ca);
            tls->set_verify_mode(boost::asio::ssl::verify_peer);
            return tls;
        });
        converse(client, &talk);
    }
    talk_closed(&talk);
}
