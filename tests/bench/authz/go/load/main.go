// Command load sends prebuilt requests over a few connections and verifies every answer.
//
// Without -rate each stream sends its next request when the last one was answered (throughput). With -rate requests are
// due at fixed times and latency counts from then, so that a server which stalls is not spared the requests that would
// have come meanwhile (latency without coordinated omission).
//
// Standard output gets a line when the measured span begins, one when it ends, and one with the figures, as JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

type settings struct {
	address     string
	protocol    string
	messages    string
	connections int
	streams     int
	warmup      time.Duration
	duration    time.Duration
	rate        float64
	requests    int
	trace       bool
	expect      string
}

func main() {
	log.SetFlags(0)
	var s settings
	flag.StringVar(&s.address, "address", "", "IPv4 `address:port` of the server")
	flag.StringVar(&s.protocol, "protocol", "grpc", "grpc: Check over HTTP/2; http: HTTP/1.1")
	flag.StringVar(&s.messages, "messages", "", "`file` of requests, each after a zero octet and four of its length")
	flag.IntVar(&s.connections, "connections", 4, "how many connections")
	flag.IntVar(&s.streams, "streams", 1, "requests at a time on each connection; HTTP/1.1 has one")
	flag.DurationVar(&s.warmup, "warmup", time.Second, "how long before the measured span")
	flag.DurationVar(&s.duration, "duration", 3*time.Second, "how long the measured span is")
	flag.Float64Var(&s.rate, "rate", 0, "requests per second, due at fixed times; 0: as fast as they are answered")
	flag.IntVar(&s.requests, "requests", 0, "send so many and end; 0: until the time is over")
	flag.BoolVar(&s.trace, "traceparent", false, "send a traceparent of its own with each call")
	flag.StringVar(&s.expect, "expect", "allowed", "allowed, or denied")
	flag.Parse()
	if err := run(s); err != nil {
		log.Fatal("load: ", err)
	}
}

func run(s settings) error {
	if s.expect != "allowed" && s.expect != "denied" {
		return fmt.Errorf("-expect %q: neither allowed nor denied", s.expect)
	}
	if s.connections < 1 || s.streams < 1 || s.streams > maxStreams {
		return fmt.Errorf("at least one connection, and 1 to %d streams", maxStreams)
	}
	if s.protocol == "http" {
		s.streams = 1
	}
	messages, err := readMessages(s.messages)
	if err != nil {
		return err
	}
	driver, err := newDriver(s, messages)
	if err != nil {
		return err
	}
	figures, err := driver.run()
	if err != nil {
		return err
	}
	say(figures)
	return nil
}

func say(line any) {
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}
