package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"nhooyr.io/websocket"
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
	options := websocket.DialOptions{HTTPClient: http.DefaultClient}
	if len(os.Args) > 5 {
		pem, err := os.ReadFile(os.Args[5])
		must(err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		options.HTTPClient = &http.Client{
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	}
	ctx := context.Background()
	socket, _, err := websocket.Dial(ctx, url, &options)
	must(err)
	socket.SetReadLimit(1 << 20)
	payloads := []string{text, strings.Repeat(text, times)}
	same := []bool{}
	for {
		_, data, err := socket.Read(ctx)
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
				break
			}
			answer = fmt.Sprintf(`{"type":"room_message","room":"%s","payload":"%s"}`, room, payloads[len(same)])
		}
		if answer != "" {
			must(socket.Write(ctx, websocket.MessageText, []byte(answer)))
		}
	}
	// Close waits for the answer, and is an error when that is another than the code sent.
	must(socket.Close(websocket.StatusNormalClosure, ""))
	fmt.Printf("{\"small\":%v,\"large\":%v,\"code\":1000}\n", same[0], same[1])
}
