package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	url, room, text := os.Args[1], os.Args[2], os.Args[3]
	times, err := strconv.Atoi(os.Args[4])
	must(err)
	dialer := websocket.Dialer{EnableCompression: true}
	if len(os.Args) > 5 {
		pem, err := os.ReadFile(os.Args[5])
		must(err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		dialer.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	socket, _, err := dialer.Dial(url, nil)
	must(err)
	payloads := []string{text, strings.Repeat(text, times)}
	same := []bool{}
	for {
		_, data, err := socket.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); ok {
			fmt.Printf("{\"small\":%v,\"large\":%v,\"code\":%d}\n", same[0], same[1], closed.Code)
			return
		}
		must(err)
		heard := string(data)
		answer := ""
		if strings.Contains(heard, `"type":"welcome"`) {
			answer = fmt.Sprintf(`{"type":"join","room":"%s","id":1}`, room)
		} else if message := strings.Contains(heard, `"type":"room_message"`); message || strings.Contains(heard, `"id":1`) {
			if message {
				same = append(same, strings.Contains(heard, `"payload":"`+payloads[len(same)]+`"`))
			}
			if len(same) == len(payloads) {
				normal := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
				must(socket.WriteControl(websocket.CloseMessage, normal, time.Now().Add(time.Minute)))
				continue
			}
			answer = fmt.Sprintf(`{"type":"room_message","room":"%s","payload":"%s"}`, room, payloads[len(same)])
		}
		if answer != "" {
			must(socket.WriteMessage(websocket.TextMessage, []byte(answer)))
		}
	}
}
