/* The rows are request heads with the section that decides them; each is given at every length, as
 * it would arrive, against a guard page: the verdict may come early, but never changes. */
#include "common/buf.h"
#include "edge/ws_handshake.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"

#include <check.h>
#include <string.h>

enum { HEAD_BYTES_MAX = 1024, FIELDS_MAX = 16 };

/* Expected "status" of what is not refused. */
enum { INCOMPLETE = 0, UPGRADE = 101, HEALTH = 200 };

struct row {
    const char *section;
    const char *head;
    size_t len;
    int status;
};

#define R(section, head, status)                                                                   \
    {                                                                                              \
        section, head, sizeof(head) - 1, status                                                    \
    }

#define GET "GET /ws HTTP/1.1\r\n"
#define HOST "Host: chat.example\r\n"
#define UP "Upgrade: websocket\r\n"
#define CONN "Connection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VER "Sec-WebSocket-Version: 13\r\n"
#define ALL HOST UP CONN KEY VER
#define END "\r\n"
#define REQUEST(target) "GET " target " HTTP/1.1\r\n" ALL END
#define WITH(fields) GET ALL fields END
#define KEYED(key) GET HOST UP CONN VER "Sec-WebSocket-Key: " key "\r\n" END
#define VERSIONED(version) GET HOST UP CONN KEY "Sec-WebSocket-Version: " version "\r\n" END
#define HOSTED(host) GET UP CONN KEY VER "Host:" host "\r\n" END
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X250 X50 X50 X50 X50 X50
#define F4 "a:1\r\nb:2\r\nc:3\r\nd:4\r\n"

static const struct row rows[] = {
    /* accepted */
    R("6455 4.2.1", WITH(""), UPGRADE),
    R("6455 4.2.1 with all a browser sends",
      WITH("Origin: https://chat.example\r\nUser-Agent: B/1 (x)\r\nPragma: no-cache\r\n"
           "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
           "Accept-Language: de,en;q=0.5\r\nCookie: a=b; c=d\r\n"),
      UPGRADE),
    R("9110 5.1 names in any case",
      GET "HOST: a\r\nuPGRADE: WebSocket\r\nCONNECTION: uPgRaDe\r\n"
          "sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION:13\r\n" END,
      UPGRADE),
    R("9110 5.5 white space around values",
      GET "Host: \t a \t \r\nUpgrade:\twebsocket\t\r\nConnection:   Upgrade  \r\n" KEY VER END,
      UPGRADE),
    R("9110 7.6.1 Connection is a list",
      GET HOST UP KEY VER "Connection: keep-alive, Upgrade\r\n" END, UPGRADE),
    R("9110 5.3 Connection on two lines",
      GET HOST UP KEY VER "Connection: keep-alive\r\nConnection: upgrade\r\n" END, UPGRADE),
    R("9110 7.8 Upgrade is a list", GET HOST CONN KEY VER "Upgrade: h2c, websocket\r\n" END,
      UPGRADE),
    R("9110 5.6.1 empty elements",
      GET HOST KEY VER "Upgrade: ,, websocket ,\r\nConnection: ,Upgrade,,\r\n" END, UPGRADE),
    R("9110 2.5 higher minor version", "GET /ws HTTP/1.2\r\n" ALL END, UPGRADE),
    R("9112 3.2.2 absolute form", REQUEST("http://chat.example/ws"), UPGRADE),
    R("9112 3.2.2 absolute form, ws", REQUEST("ws://chat.example:80/ws?token=t"), UPGRADE),
    R("9112 3.2.2 absolute form, WSS", REQUEST("WSS://[::1]:443/ws"), UPGRADE),
    R("9112 2.2 empty line before the request", "\r\n" WITH(""), UPGRADE),
    R("3986 6.2.2.2 encoded letters in the path", REQUEST("/%77%73"), UPGRADE),
    R("3986 3.4 query", REQUEST("/ws?a=b&c"), UPGRADE),
    R("3986 3.4 empty query", REQUEST("/ws?"), UPGRADE),
    R("3986 3.4 second question mark", REQUEST("/ws?a?b"), UPGRADE),
    R("3986 2.1 percent-encoding", REQUEST("/ws?token=%41%c3%A4"), UPGRADE),
    R("9112 6.3 Content-Length 0", WITH("Content-Length: 0\r\n"), UPGRADE),
    R("9110 5.5 obs-text in a value", WITH("X-Name: \xC3\xA4\xFF\r\n"), UPGRADE),
    R("9110 5.5 tab inside a value", WITH("X: a\tb\r\n"), UPGRADE),
    R("9110 5.5 empty value of an unknown field", WITH("X:\r\n"), UPGRADE),
    R("9110 5.6.2 all marks in a name", WITH("!#$%&'*+-.^_`|~09azAZ: x\r\n"), UPGRADE),
    R("6455 9.1 nonsense in extensions", WITH("Sec-WebSocket-Extensions: ;;=,\"\r\n"), 400),
    R("6455 9.1 no extension named", WITH("Sec-WebSocket-Extensions:\r\n"), UPGRADE),
    R("6455 9.1 bad on the second line",
      WITH("Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b;\r\n"), 400),
    R("6455 11.3.2 extensions twice",
      WITH("Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b\r\n"), UPGRADE),
    R("6455 4.2.2 unknown sub-protocol", WITH("Sec-WebSocket-Protocol: chat\r\n"), UPGRADE),
    R("6455 11.3.4 empty sub-protocol field", WITH("Sec-WebSocket-Protocol:\r\n"), UPGRADE),
    R("6455 11.3.4 list of commas", WITH("Sec-WebSocket-Protocol: , ,\r\n"), UPGRADE),
    R("6455 11.3.4 sub-protocols on two lines",
      WITH("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n"), UPGRADE),
    R("6455 4.1 (10) case makes sub-protocols different", WITH("Sec-WebSocket-Protocol: a, A\r\n"),
      UPGRADE),
    R("6455 10.2 allowed origin", WITH("Origin: https://chat.example\r\n"), UPGRADE),
    R("6454 4 case of an origin", WITH("Origin: HTTPS://Chat.Example\r\n"), UPGRADE),
    R("6454 6.2 allowed origin with port", WITH("Origin: http://localhost:3000\r\n"), UPGRADE),
    R("9112 3.2 Host with port", HOSTED(" a.example:8080"), UPGRADE),
    R("9112 3.2 Host IPv6", HOSTED("[2001:db8::1]:80"), UPGRADE),
    R("9110 7.2 Host with empty port", HOSTED("a:"), UPGRADE),
    R("4648 4 all-zero key", KEYED("AAAAAAAAAAAAAAAAAAAAAA=="), UPGRADE),
    R("4648 4 key with + and /", KEYED("+/+/+/+/+/+/+/+/+/+/+w=="), UPGRADE),
    R("6585 5 sixteen fields", GET ALL F4 "e:5\r\nf:\r\ng:\r\nh:\r\ni:\r\nj:\r\nk:\r\n" END,
      UPGRADE),
    /* health */
    R("health", "GET /health HTTP/1.1\r\n" HOST END, HEALTH),
    R("health by HEAD", "HEAD /health HTTP/1.1\r\n" HOST END, HEALTH),
    R("health by HTTP/1.0", "GET /health HTTP/1.0\r\n" END, HEALTH),
    R("9112 3.2 health without Host", "GET /health HTTP/1.1\r\n" END, 400),
    R("health with a body", "GET /health HTTP/1.1\r\n" HOST "Content-Length: 1\r\n" END, 400),
    R("health with a query", "GET /health?x HTTP/1.1\r\n" HOST END, HEALTH),
    R("health with an empty query", "GET /health? HTTP/1.1\r\n" HOST END, HEALTH),
    R("9112 3.2.2 health in absolute form", "GET http://x/health HTTP/1.1\r\n" HOST END, HEALTH),
    R("9112 3.2 health with a fragment", "GET /health#x HTTP/1.1\r\n" HOST END, 400),
    R("health is exact", "GET /health/ HTTP/1.1\r\n" HOST END, 404),
    R("health is exact", "GET /HEALTH HTTP/1.1\r\n" HOST END, 404),
    R("health by POST", "POST /health HTTP/1.1\r\n" HOST END, 405),
    /* not yet decided */
    R("empty", "", INCOMPLETE),
    R("a part of the method", "GE", INCOMPLETE),
    R("an unknown method might still go on", "BREW", INCOMPLETE),
    R("no line end", "GET /ws HTTP/1.1", INCOMPLETE),
    R("a line end that may still come", "GET /ws HTTP/1.1\r", INCOMPLETE),
    R("no empty line", GET ALL, INCOMPLETE),
    R("half an empty line", GET ALL "\r", INCOMPLETE),
    R("a part of a name", GET "Sec-Web", INCOMPLETE),
    R("a part of a value", GET "Host: a", INCOMPLETE),
    /* the request line */
    R("9112 2.2 two empty lines before the request", "\r\n\r\n" WITH(""), 400),
    R("9112 2.2 bare CR before the request", "\r" WITH(""), 400),
    R("9112 2.2 bare LF before the request", "\n" WITH(""), 400),
    R("9112 2.2 space before the request", " " WITH(""), 400),
    R("9112 2.2 an empty line alone", "\r\n", INCOMPLETE),
    R("9112 2.2 half an empty line alone", "\r", INCOMPLETE),
    R("9112 3 space first", " GET /ws HTTP/1.1\r\n" ALL END, 400),
    R("9112 3 two spaces", "GET  /ws HTTP/1.1\r\n" ALL END, 400),
    R("9112 3 two spaces", "GET /ws  HTTP/1.1\r\n" ALL END, 400),
    R("9112 3 tab for space", "GET\t/ws HTTP/1.1\r\n" ALL END, 400),
    R("9112 3 space at the end", "GET /ws HTTP/1.1 \r\n" ALL END, 400),
    R("9112 3 no version", "GET /ws\r\n" ALL END, 400),
    R("9112 3 no version", "GET /ws \r\n" ALL END, 400),
    R("9112 3 no target", "GET HTTP/1.1\r\n" ALL END, 400),
    R("9112 2.2 bare LF", "GET /ws HTTP/1.1\n" ALL END, 400),
    R("9112 2.2 bare CR", "GET /ws HTTP/1.1\r" ALL END, 400),
    R("9112 2.2 CR CR LF", "GET /ws HTTP/1.1\r\r\n" ALL END, 400),
    R("9110 9.1 method not a token", "G@T /ws HTTP/1.1\r\n" ALL END, 400),
    R("9110 9.1 method not a token", "\"GET\" /ws HTTP/1.1\r\n", 400),
    R("8446 a TLS client at the plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 400),
    R("NUL in the method", "GE\0T /ws HTTP/1.1\r\n", 400),
    R("NUL in the target", "GET /w\0s HTTP/1.1\r\n", 400),
    R("9112 3.2 control in the target", "GET /w\x01s HTTP/1.1\r\n", 400),
    R("9112 3.2 DEL in the target", "GET /w\x7Fs HTTP/1.1\r\n", 400),
    R("3986 2 not ASCII in the target", "GET /ws?token=\xC3\xA4 HTTP/1.1\r\n", 400),
    R("9112 3.2 fragment", REQUEST("/ws#a"), 400),
    R("9112 3.2 fragment behind the query", REQUEST("/ws?a=b#"), 400),
    R("3986 2.1 percent at the end", REQUEST("/ws?token=a%"), 400),
    R("3986 2.1 one hex digit", REQUEST("/ws?token=a%4"), 400),
    R("3986 2.1 no hex digits", REQUEST("/ws?token=%zz"), 400),
    R("3986 2.1 bad percent in the path", REQUEST("/w%s"), 400),
    R("3986 2.2 encoded slash is none", REQUEST("%2Fws"), 400),
    R("3986 2.2 encoded slash is another path", REQUEST("/%2fws"), 404),
    R("3986 6.2.2.2 another letter encoded", REQUEST("/%57s"), 404),
    R("3986 6.2.2.2 more than the path", REQUEST("/ws%73"), 404),
    R("3986 6.2.2.2 less than the path", REQUEST("/%77"), 404),
    R("3986 2.1 encoded NUL", REQUEST("/ws?token=a%00"), 400),
    R("3986 2.1 encoded line end", REQUEST("/ws?routing=a%0d%0Ab"), 400),
    R("3986 2.1 encoded DEL", REQUEST("/ws?x=%7f"), 400),
    R("3986 3.4 two tokens", REQUEST("/ws?token=a&token=b"), 400),
    R("3986 3.4 two routings", REQUEST("/ws?routing=a&token=t&routing=a"), 400),
    R("9112 3.2.3 authority form", REQUEST("chat.example:80"), 400),
    R("9112 3.2.4 asterisk form", REQUEST("*"), 400),
    R("9112 3.2 relative target", REQUEST("ws"), 400),
    R("9112 3.2 query only", REQUEST("?token=a"), 400),
    R("9112 3.2.2 unknown scheme", REQUEST("ftp://chat.example/ws"), 400),
    R("9110 4.2.1 no authority", REQUEST("http:///ws"), 400),
    R("9110 4.2.4 user information", REQUEST("http://a@chat.example/ws"), 400),
    R("3986 3.2.3 port not a number", REQUEST("http://a:b/ws"), 400),
    R("9112 2.3 lower case", "GET /ws http/1.1\r\n" ALL END, 400),
    R("9112 2.3 other name", "GET /ws HTCPCP/1.1\r\n" ALL END, 400),
    R("9112 2.3 two digits", "GET /ws HTTP/1.10\r\n" ALL END, 400),
    R("9112 2.3 no minor", "GET /ws HTTP/1\r\n" ALL END, 400),
    R("9112 2.3 letter", "GET /ws HTTP/1.x\r\n" ALL END, 400),
    R("6455 4.2.1 (1) HTTP/1.0", "GET /ws HTTP/1.0\r\n" ALL END, 400),
    R("9110 15.6.6 HTTP/2.0", "GET /ws HTTP/2.0\r\n" ALL END, 505),
    R("9110 15.6.6 HTTP/0.9", "GET /ws HTTP/0.9\r\n" ALL END, 505),
    R("9113 3.4 HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    R("404", REQUEST("/"), 404),
    R("404", REQUEST("/wss"), 404),
    R("404", REQUEST("/ws/"), 404),
    R("404 case of the path", REQUEST("/WS"), 404),
    R("404 dot segments are not resolved", REQUEST("/a/../ws"), 404),
    R("404 an absolute form without a path", REQUEST("http://chat.example"), 404),
    R("404 an absolute form with only a query", REQUEST("http://chat.example?token=a"), 404),
    R("404 by HEAD", "HEAD / HTTP/1.1\r\n" ALL END, 404),
    R("405 POST", "POST /ws HTTP/1.1\r\n" ALL END, 405),
    R("405 HEAD", "HEAD /ws HTTP/1.1\r\n" ALL END, 405),
    R("405 OPTIONS", "OPTIONS /ws HTTP/1.1\r\n" ALL END, 405),
    R("9110 9.1 case of a method", "get /ws HTTP/1.1\r\n" ALL END, 405),
    R("405 unknown method", "BREW /ws HTTP/1.1\r\n" ALL END, 405),
    R("405 CONNECT has another target", "CONNECT chat.example:80 HTTP/1.1\r\n" ALL END, 400),
    /* field lines */
    R("9112 5.1 space before the colon", WITH("X-A : b\r\n"), 400),
    R("9112 5.1 tab before the colon", WITH("X-A\t: b\r\n"), 400),
    R("9112 5 no name", WITH(": b\r\n"), 400),
    R("9112 5 no colon", WITH("X-A\r\n"), 400),
    R("9112 5 not a token", WITH("X(A): b\r\n"), 400),
    R("9112 5 not a token", WITH("X\xC3\xA4: b\r\n"), 400),
    R("9112 5.2 folded line", WITH("X-A: b\r\n c\r\n"), 400),
    R("9112 5.2 folded line by tab", WITH("X-A: b\r\n\tc\r\n"), 400),
    R("9112 2.2 space before the first field", GET " " ALL END, 400),
    R("9112 2.2 bare LF in a field", WITH("X-A: b\nX-C: d\r\n"), 400),
    R("9112 2.2 bare CR in a field", WITH("X-A: b\rc\r\n"), 400),
    R("9112 2.2 bare LF ends the head", GET ALL "\n", 400),
    R("9112 2.2 CR CR LF ends the head", GET ALL "\r\r\n", 400),
    R("9112 2.2 CR and a letter end the head", GET ALL "\rX", 400),
    R("9110 5.5 NUL in a value", WITH("X-A: b\0c\r\n"), 400),
    R("9110 5.5 NUL in a name", WITH("X\0A: b\r\n"), 400),
    R("9110 5.5 control in a value", WITH("X-A: b\x01\r\n"), 400),
    R("9110 5.5 DEL in a value", WITH("X-A: \x7F\r\n"), 400),
    /* Host */
    R("9112 3.2 no Host", GET UP CONN KEY VER END, 400),
    R("9112 3.2 two Hosts", WITH(HOST), 400),
    R("9112 3.2 two Hosts", WITH("host: other.example\r\n"), 400),
    R("6455 4.2.1 (2) empty Host", HOSTED(""), 400),
    R("9112 3.2 Host with a path", HOSTED("a/b"), 400),
    R("9112 3.2 Host with a space", HOSTED("a b"), 400),
    R("9112 3.2 Host with a comma and a space", HOSTED("a, b"), 400),
    R("9112 3.2 Host with user information", HOSTED("u@a"), 400),
    R("9112 3.2 Host with a bad port", HOSTED("a:8x"), 400),
    R("9112 3.2 Host of only a port", HOSTED(":80"), 400),
    R("9112 3.2 Host with an open bracket", HOSTED("[::1"), 400),
    R("9112 3.2 Host with text after the bracket", HOSTED("[::1]a"), 400),
    /* bodies */
    R("9112 6 body", WITH("Content-Length: 5\r\n"), 400),
    R("9110 8.6 length not a number", WITH("Content-Length: -0\r\n"), 400),
    R("9110 8.6 empty length", WITH("Content-Length:\r\n"), 400),
    R("9110 8.6 length as a list", WITH("Content-Length: 0, 0\r\n"), 400),
    R("9112 6.3 length twice", WITH("Content-Length: 0\r\nContent-Length: 0\r\n"), 400),
    R("9112 6.1 chunked", WITH("Transfer-Encoding: chunked\r\n"), 400),
    R("9112 6.1 identity", WITH("Transfer-Encoding: identity\r\n"), 400),
    R("9112 6.3 both", WITH("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400),
    /* the upgrade */
    R("6455 4.2.1 (3) no Upgrade", GET HOST CONN KEY VER END, 400),
    R("6455 4.2.1 (3) other protocol", GET HOST CONN KEY VER "Upgrade: h2c\r\n" END, 400),
    R("6455 4.2.1 (3) not exactly", GET HOST CONN KEY VER "Upgrade: websocket2\r\n" END, 400),
    R("6455 4.2.1 (3) with a version", GET HOST CONN KEY VER "Upgrade: websocket/13\r\n" END, 400),
    R("6455 4.2.1 (3) empty Upgrade", GET HOST CONN KEY VER "Upgrade:\r\n" END, 400),
    R("6455 4.2.1 (4) no Connection", GET HOST UP KEY VER END, 400),
    R("6455 4.2.1 (4) keep-alive", GET HOST UP KEY VER "Connection: keep-alive\r\n" END, 400),
    R("6455 4.2.1 (4) not exactly", GET HOST UP KEY VER "Connection: Upgrades\r\n" END, 400),
    R("9110 a plain GET", GET HOST END, 400),
    R("6455 4.2.1 (6) no version", GET HOST UP CONN KEY END, 400),
    R("6455 4.4 version 8", VERSIONED("8"), 426),
    R("6455 4.4 version 12", VERSIONED("12"), 426),
    R("6455 4.4 version 0", VERSIONED("0"), 426),
    R("6455 4.4 version 255", VERSIONED("255"), 426),
    R("6455 4.3 version 256", VERSIONED("256"), 400),
    R("6455 4.3 version 013", VERSIONED("013"), 400),
    R("6455 4.3 version 1300", VERSIONED("1300"), 400),
    R("6455 4.3 version of a letter", VERSIONED("x"), 400),
    R("6455 4.3 empty version", VERSIONED(""), 400),
    R("6455 11.3.5 a list of versions", VERSIONED("13, 8"), 400),
    R("6455 11.3.5 version twice", WITH(VER), 400),
    R("6455 4.2.1 (5) no key", GET HOST UP CONN VER END, 400),
    R("6455 4.2.1 (5) empty key", KEYED(""), 400),
    R("6455 4.2.1 (5) 15 bytes", KEYED("AAAAAAAAAAAAAAAAAAAA"), 400),
    R("6455 4.2.1 (5) 17 bytes", KEYED("AAAAAAAAAAAAAAAAAAAAAAA="), 400),
    R("6455 4.2.1 (5) 18 bytes", KEYED("AAAAAAAAAAAAAAAAAAAAAAAA"), 400),
    R("6455 4.2.1 (5) no padding", KEYED("AAAAAAAAAAAAAAAAAAAAAA"), 400),
    R("6455 4.2.1 (5) half the padding", KEYED("AAAAAAAAAAAAAAAAAAAAAA="), 400),
    R("6455 4.2.1 (5) too much padding", KEYED("AAAAAAAAAAAAAAAAAAAAAA==="), 400),
    R("6455 4.2.1 (5) padding inside", KEYED("AAAAAAAAAA=AAAAAAAAAAA=="), 400),
    R("4648 5 letters of the other alphabet", KEYED("-_AAAAAAAAAAAAAAAAAAAA=="), 400),
    R("4648 3.5 bits left over", KEYED("AAAAAAAAAAAAAAAAAAAAAB=="), 400),
    R("6455 11.3.1 key twice", WITH(KEY), 400),
    R("6455 11.3.1 key with text behind", KEYED("dGhlIHNhbXBsZSBub25jZQ==, x"), 400),
    R("6455 4.1 (10) sub-protocol not a token", WITH("Sec-WebSocket-Protocol: a b\r\n"), 400),
    R("6455 4.1 (10) sub-protocol not a token", WITH("Sec-WebSocket-Protocol: a/b\r\n"), 400),
    R("6455 4.1 (10) sub-protocol twice", WITH("Sec-WebSocket-Protocol: a, b, a\r\n"), 400),
    R("6455 4.1 (10) sub-protocol on two lines",
      WITH("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n"), 400),
    R("limit of 16 sub-protocols",
      WITH("Sec-WebSocket-Protocol: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n"), 400),
    R("9110 11.6.2 Authorization twice",
      WITH("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400),
    /* origins */
    R("6455 10.2 other origin", WITH("Origin: https://evil.example\r\n"), 403),
    R("6455 10.2 other scheme", WITH("Origin: http://chat.example\r\n"), 403),
    R("6455 10.2 other port", WITH("Origin: https://chat.example:444\r\n"), 403),
    R("6455 10.2 longer host", WITH("Origin: https://chat.example.evil\r\n"), 403),
    R("6455 10.2 path behind the origin", WITH("Origin: https://chat.example/\r\n"), 403),
    R("6454 7.1 null", WITH("Origin: null\r\n"), 403),
    R("6454 7.1 empty", WITH("Origin:\r\n"), 403),
    R("6454 7.1 a list", WITH("Origin: https://chat.example https://evil.example\r\n"), 403),
    R("6454 7.3 origin twice",
      WITH("Origin: https://chat.example\r\nOrigin: https://chat.example\r\n"), 400),
    /* limits */
    R("6585 5 seventeen fields", GET ALL F4 "e:\r\nf:\r\ng:\r\nh:\r\ni:\r\nj:\r\nk:\r\nl:\r\n" END,
      431),
    R("6585 5 long method", X250 X250 X250 X250 X50, 431),
    R("6585 5 long target", "GET /" X250 X250 X250 X250 X50, 431),
    R("6585 5 long name", GET X250 X250 X250 X250 X50, 431),
    R("6585 5 long value", GET "X: " X250 X250 X250 X250 X50, 431),
    R("6585 5 what stands in the limit counts first", GET " " X250 X250 X250 X250 X50, 400),
};

static const struct bytes origins[] = {
    {(const uint8_t *)"https://chat.example", 20},
    {(const uint8_t *)"http://localhost:3000", 21},
};

static const struct ws_handshake_config config = {
    .path = {(const uint8_t *)"/ws", 3},
    .head_bytes_max = HEAD_BYTES_MAX,
    .fields_max = FIELDS_MAX,
    .origins = origins,
    .origin_count = 2,
};

static int status_of(enum ws_handshake_verdict verdict, const struct ws_request *request)
{
    switch (verdict) {
    case WS_HANDSHAKE_INCOMPLETE:
        return INCOMPLETE;
    case WS_HANDSHAKE_UPGRADE:
        return UPGRADE;
    case WS_HANDSHAKE_HEALTH:
        return HEALTH;
    case WS_HANDSHAKE_REFUSED:
        break;
    }
    return request->status;
}

START_TEST(each_head_gets_its_verdict_early_or_late_but_only_one)
{
    const struct row *row = &rows[_i];
    struct guard_page page = {0};
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    int last = INCOMPLETE;
    const char *refusal = NULL;
    for (size_t len = 0; len <= row->len; len++) {
        struct ws_request request;
        struct bytes head = guard_page_copy(&page, bytes_of(row->head, len));
        int status = status_of(ws_handshake_parse(head, &config, &scratch, &request), &request);
        ck_assert_msg(last == INCOMPLETE || (last == status && refusal == request.refusal),
                      "%s: first %d, at %zu %d", row->section, last, len, status);
        ck_assert_msg(len == row->len || (status != UPGRADE && status != HEALTH),
                      "%s: accepted at %zu", row->section, len);
        if (status == UPGRADE || status == HEALTH) {
            ck_assert_uint_eq(request.consumed, len);
        }
        last = status;
        refusal = request.refusal;
    }
    ck_assert_msg(last == row->status, "%s: %d, not %d (%s)", row->section, last, row->status,
                  refusal);
    buf_fini(&scratch);
    guard_page_free(&page);
}
END_TEST

START_TEST(what_follows_an_accepted_head_is_not_touched)
{
    struct ws_request request;
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    struct bytes head = BYTES_LIT(WITH(""));
    struct bytes input = BYTES_LIT(WITH("") "\x81\x80\1\2\3\4\r\n\r\n" X250 X250 X250 X250);
    ck_assert_int_eq(ws_handshake_parse(input, &config, &scratch, &request), WS_HANDSHAKE_UPGRADE);
    ck_assert_uint_eq(request.consumed, head.len);
    buf_fini(&scratch);
}
END_TEST

START_TEST(a_head_of_exactly_the_limit_is_accepted)
{
    struct ws_handshake_config exact = config;
    struct ws_request request;
    struct buf scratch;
    struct bytes head = BYTES_LIT(WITH(""));
    buf_init(&scratch, HEAD_BYTES_MAX);
    exact.head_bytes_max = head.len;
    ck_assert_int_eq(ws_handshake_parse(head, &exact, &scratch, &request), WS_HANDSHAKE_UPGRADE);
    exact.head_bytes_max = head.len - 1;
    struct bytes cut = bytes_slice(head, 0, head.len - 1);
    ck_assert_int_eq(ws_handshake_parse(cut, &exact, &scratch, &request), WS_HANDSHAKE_REFUSED);
    ck_assert_int_eq(ws_handshake_parse(head, &exact, &scratch, &request), WS_HANDSHAKE_REFUSED);
    ck_assert_int_eq(request.status, 431);
    buf_fini(&scratch);
}
END_TEST

START_TEST(without_configured_origins_each_origin_passes)
{
    struct ws_handshake_config any = config;
    struct ws_request request;
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    any.origin_count = 0;
    struct bytes head = BYTES_LIT(WITH("Origin: https://evil.example\r\n"));
    ck_assert_int_eq(ws_handshake_parse(head, &any, &scratch, &request), WS_HANDSHAKE_UPGRADE);
    ck_assert(bytes_equal(request.origin, BYTES_LIT("https://evil.example")));
    buf_fini(&scratch);
}
END_TEST

struct token_row {
    const char *head;
    enum ws_token_source source;
    const char *token;
    const char *subprotocol;
};

#define TOKENED(target, fields) "GET " target " HTTP/1.1\r\n" ALL fields END
#define OFFER "Sec-WebSocket-Protocol: "

static const struct token_row token_rows[] = {
    {TOKENED("/ws", ""), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws", "Authorization: Bearer a.b-c\r\n"), WS_TOKEN_HEADER, "a.b-c", ""},
    {TOKENED("/ws", "Authorization: bEARER   abc  \r\n"), WS_TOKEN_HEADER, "abc", ""},
    {TOKENED("/ws", "Authorization: Basic abc\r\n"), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws", "Authorization: Bearer\r\n"), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws", "Authorization: Bearerabc\r\n"), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws", "Authorization:\r\n"), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws", OFFER "bearer.abc\r\n"), WS_TOKEN_SUBPROTOCOL, "abc", ""},
    {TOKENED("/ws", OFFER "splitrail.v1.json, bearer.abc\r\n"), WS_TOKEN_SUBPROTOCOL, "abc",
     "splitrail.v1.json"},
    {TOKENED("/ws", OFFER "bearer.abc,chat\r\n" OFFER "splitrail.v1.json\r\n"),
     WS_TOKEN_SUBPROTOCOL, "abc", "splitrail.v1.json"},
    {TOKENED("/ws", OFFER "bearer.\r\n"), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws", OFFER "bearer., bearer.abc\r\n"), WS_TOKEN_SUBPROTOCOL, "abc", ""},
    {TOKENED("/ws", OFFER "Bearer.abc\r\n"), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws", OFFER "Splitrail.V1.json\r\n"), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws?token=abc", ""), WS_TOKEN_QUERY, "abc", ""},
    {TOKENED("/ws?x&token=a%2Bb+c%20%C3%a4&y", ""), WS_TOKEN_QUERY, "a+b+c \xC3\xA4", ""},
    {TOKENED("/ws?token=a=b", ""), WS_TOKEN_QUERY, "a=b", ""},
    {TOKENED("/ws?token=", ""), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws?token", ""), WS_TOKEN_NONE, "", ""},
    {TOKENED("/ws?tokens=a&atoken=b&Token=c", ""), WS_TOKEN_NONE, "", ""},
    {TOKENED("http://a/ws?token=abc", ""), WS_TOKEN_QUERY, "abc", ""},
    {TOKENED("/ws?token=q", "Authorization: Bearer h\r\n" OFFER "bearer.s\r\n"), WS_TOKEN_HEADER,
     "h", ""},
    {TOKENED("/ws?token=q", "Authorization: Basic h\r\n" OFFER "bearer.s\r\n"),
     WS_TOKEN_SUBPROTOCOL, "s", ""},
    {TOKENED("/ws?token=q", OFFER "chat\r\n"), WS_TOKEN_QUERY, "q", ""},
};

START_TEST(the_token_comes_from_the_best_source_and_is_never_selected_as_a_sub_protocol)
{
    const struct token_row *row = &token_rows[_i];
    struct ws_request request;
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    ck_assert_int_eq(ws_handshake_parse(bytes_of_str(row->head), &config, &scratch, &request),
                     WS_HANDSHAKE_UPGRADE);
    ck_assert_int_eq(request.token_source, row->source);
    ck_assert(bytes_equal(request.token, bytes_of_str(row->token)));
    ck_assert(bytes_equal(request.subprotocol, bytes_of_str(row->subprotocol)));
    buf_fini(&scratch);
}
END_TEST

START_TEST(the_callers_parts_are_complete_and_decoded)
{
    struct ws_request request;
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    struct bytes head =
        BYTES_LIT("GET /ws?routing=edge%2D1%26x&token=%74 HTTP/1.1\r\n" ALL
                  "X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\nUser-Agent: one\r\nUser-Agent: two\r\n"
                  "X-Forwarded-For:10.0.0.3\r\n" END);
    ck_assert_int_eq(ws_handshake_parse(head, &config, &scratch, &request), WS_HANDSHAKE_UPGRADE);
    ck_assert(bytes_equal(request.forwarded_for, BYTES_LIT("10.0.0.1, 10.0.0.2, 10.0.0.3")));
    ck_assert(bytes_equal(request.routing, BYTES_LIT("edge-1&x")));
    ck_assert(bytes_equal(request.token, BYTES_LIT("t")));
    ck_assert(bytes_equal(request.agent, BYTES_LIT("one")));
    ck_assert(bytes_equal(request.key, BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ==")));
    ck_assert_uint_eq(request.origin.len, 0);
    buf_fini(&scratch);
}
END_TEST

START_TEST(an_echo_selects_the_first_offered_sub_protocol_that_is_no_token)
{
    struct ws_handshake_config any = config;
    struct ws_request request;
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    any.any_protocol = true;
    struct bytes head = BYTES_LIT(WITH(OFFER "bearer.abc, chat\r\n" OFFER "splitrail.v1.json\r\n"));
    ck_assert_int_eq(ws_handshake_parse(head, &any, &scratch, &request), WS_HANDSHAKE_UPGRADE);
    ck_assert(bytes_equal(request.subprotocol, BYTES_LIT("chat")));
    head = BYTES_LIT(WITH(OFFER "bearer.abc\r\n"));
    ck_assert_int_eq(ws_handshake_parse(head, &any, &scratch, &request), WS_HANDSHAKE_UPGRADE);
    ck_assert_uint_eq(request.subprotocol.len, 0);
    buf_fini(&scratch);
}
END_TEST

START_TEST(a_long_user_agent_is_cut)
{
    struct ws_request request;
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    struct bytes head = BYTES_LIT(WITH("User-Agent: " X250 X50 "\r\n"));
    ck_assert_int_eq(ws_handshake_parse(head, &config, &scratch, &request), WS_HANDSHAKE_UPGRADE);
    ck_assert_uint_eq(request.agent.len, 256);
    buf_fini(&scratch);
}
END_TEST

START_TEST(head_asks_for_health_without_a_body)
{
    struct ws_request request;
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    ws_handshake_parse(BYTES_LIT("HEAD /health HTTP/1.1\r\n" HOST END), &config, &scratch,
                       &request);
    ck_assert(request.head_only);
    ws_handshake_parse(BYTES_LIT("GET /health HTTP/1.1\r\n" HOST END), &config, &scratch, &request);
    ck_assert(!request.head_only);
    buf_fini(&scratch);
}
END_TEST

START_TEST(a_scratch_that_is_too_small_refuses_and_does_not_cut)
{
    struct ws_request request;
    struct buf scratch;
    buf_init(&scratch, 4);
    struct bytes head = BYTES_LIT(WITH("X-Forwarded-For: 10.0.0.1\r\n"));
    ck_assert_int_eq(ws_handshake_parse(head, &config, &scratch, &request), WS_HANDSHAKE_REFUSED);
    ck_assert_int_eq(request.status, 431);
    buf_fini(&scratch);
}
END_TEST

static TCase *request_cases(void)
{
    TCase *tcase = tcase_create("request");
    tcase_add_test(tcase, what_follows_an_accepted_head_is_not_touched);
    tcase_add_test(tcase, a_head_of_exactly_the_limit_is_accepted);
    tcase_add_test(tcase, without_configured_origins_each_origin_passes);
    tcase_add_loop_test(
        tcase, the_token_comes_from_the_best_source_and_is_never_selected_as_a_sub_protocol, 0,
        (int)(sizeof(token_rows) / sizeof(token_rows[0])));
    tcase_add_test(tcase, the_callers_parts_are_complete_and_decoded);
    tcase_add_test(tcase, an_echo_selects_the_first_offered_sub_protocol_that_is_no_token);
    tcase_add_test(tcase, a_long_user_agent_is_cut);
    tcase_add_test(tcase, head_asks_for_health_without_a_body);
    tcase_add_test(tcase, a_scratch_that_is_too_small_refuses_and_does_not_cut);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("ws_handshake");
    TCase *tcase = tcase_create("rows");
    tcase_add_loop_test(tcase, each_head_gets_its_verdict_early_or_late_but_only_one, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, request_cases());
    return check_main(suite);
}
