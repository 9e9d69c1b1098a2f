#include "tests/e2e/programs/stacks/contract.h"

#include <QCoreApplication>
#include <QSslConfiguration>
#include <QWebSocket>

int main(int argc, char **argv)
{
    QCoreApplication application(argc, argv);
    struct talk talk = talk_new(argc, argv);
    QWebSocket socket;
    if (talk.ca != nullptr) {
        QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
        tls.setCaCertificates(QSslCertificate::fromPath(talk.ca));
        socket.setSslConfiguration(tls);
    }
    QObject::connect(&socket, &QWebSocket::textMessageReceived, [&](const QString &text) {
        switch (talk_hear(&talk, text.toUtf8().constData())) {
        case TALK_SEND:
            socket.sendTextMessage(QString::fromUtf8(talk.out));
            break;
        case TALK_DONE:
            socket.close(QWebSocketProtocol::CloseCodeNormal);
            break;
        case TALK_WAIT:
            break;
        }
    });
    QObject::connect(&socket, &QWebSocket::disconnected, [&] {
        talk.code = socket.closeCode();
        talk_closed(&talk);
        application.quit();
    });
    socket.open(QUrl(talk.url));
    return application.exec();
}
