// A Go server and its client, both HTTP/2 with prior knowledge: plain requests by the dozen on one connection, and a stream of messages framed as gRPC's,
// each of which is sent only when the one before it has come back.
package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		serve()
		return
	}
	client := &http.Client{Transport: &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
	requests(client, os.Args[1])
	stream(client, os.Args[2])
}

func serve() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d", r.Method, r.Proto, len(body))
	})
	mux.HandleFunc("/echo.Echo/Chat", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "application/grpc")
		w.Header().Set("trailer", "grpc-status")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		for {
			message, err := receive(r.Body)
			if err != nil {
				break
			}
			send(w, strings.ToUpper(message))
			w.(http.Flusher).Flush()
		}
		w.Header().Set("grpc-status", "0")
	})
	check(http.ListenAndServe(":8080", h2c.NewHandler(mux, &http2.Server{})))
}

func requests(client *http.Client, url string) {
	counts := map[string]int{}
	var lock sync.Mutex
	var all sync.WaitGroup
	for index := 0; index < 40; index++ {
		all.Add(1)
		go func() {
			defer all.Done()
			answer, err := client.Post(url, "text/plain", strings.NewReader(strings.Repeat("x", 100000)))
			check(err)
			body, err := io.ReadAll(answer.Body)
			check(err)
			lock.Lock()
			counts[fmt.Sprintf("%s %s: %s", answer.Proto, answer.Status, body)]++
			lock.Unlock()
		}()
	}
	all.Wait()
	for said, count := range counts {
		fmt.Println(count, said)
	}
}

func stream(client *http.Client, url string) {
	reader, writer := io.Pipe()
	request, err := http.NewRequest("POST", url+"/echo.Echo/Chat", reader)
	check(err)
	request.Header.Set("content-type", "application/grpc")
	request.Header.Set("te", "trailers")
	answer, err := client.Do(request)
	check(err)
	for _, word := range []string{"one", "two", "three"} {
		send(writer, word)
		said, err := receive(answer.Body)
		check(err)
		fmt.Print(said, " ")
	}
	check(writer.Close())
	_, err = io.ReadAll(answer.Body)
	check(err)
	fmt.Println("grpc-status", answer.Trailer.Get("grpc-status"))
}

// A message of gRPC: a byte for no compression, the length, the bytes.
func send(to io.Writer, message string) {
	frame := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(message)))
	_, err := to.Write(append(frame, message...))
	check(err)
}

func receive(from io.Reader) (string, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return "", err
	}
	message := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(from, message)
	return string(message), err
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
