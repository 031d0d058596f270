package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"eco2.growbin.app/bench/authz/internal/frames"
	"eco2.growbin.app/bench/authz/internal/loop"
)

const (
	path = "/envoy.service.auth.v3.Authorization/Check"
	// maxStreams is how many calls of one connection are remembered; a power of two.
	maxStreams = 4096
	// The window a server gets; a new one is given when half is used.
	window = 1 << 30
)

// call is one that was sent and is not answered yet.
type call struct {
	stream  uint32 // 0: none
	due     int64
	content []byte // of its answer, while that is not whole
	ok      bool   // HTTP status 200
	status  string // gRPC's
	seen    bool   // the message
	result  verdict
}

// calls makes gRPC calls over one HTTP/2 connection, and sends the headers that Envoy sends.
type calls struct {
	client  *client
	conn    *loop.Conn
	framer  *http2.Framer
	expect  bool
	traced  bool
	encoder *hpack.Encoder
	block   bytes.Buffer
	encoded int // how often the headers were; from the second time on the block is the same
	decoder *hpack.Decoder
	field   func(hpack.HeaderField)

	stream  uint32
	open    int
	limit   int   // of streams, set by the server
	window  int64 // octets the server takes on the connection
	initial int64 // and on a new stream
	used    uint32
	table   [maxStreams]call
	current *call // whose header block is being read
}

func newCalls(each *client, traced bool) *calls {
	c := &calls{
		client: each, traced: traced, expect: each.driver.expect == "allowed",
		stream: 1, limit: maxStreams, window: 65535, initial: 65535,
	}
	c.encoder = hpack.NewEncoder(&c.block)
	c.decoder = hpack.NewDecoder(4096, c.readField)
	return c
}

func (c *calls) Opened(conn *loop.Conn) error {
	c.conn, c.framer = conn, http2.NewFramer(conn, nil)
	_, _ = conn.Write([]byte(http2.ClientPreface))
	err := c.framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: window},
	)
	if err != nil {
		return err
	}
	return c.framer.WriteWindowUpdate(0, window)
}

func (c *calls) ready() bool {
	largest := int64(16384) // more than any message
	return c.open < c.limit && c.window >= largest && c.initial >= largest && c.place(c.stream).stream == 0
}

func (c *calls) place(stream uint32) *call { return &c.table[stream>>1&(maxStreams-1)] }

func (c *calls) send(message []byte, due int64) error {
	stream := c.stream
	c.stream += 2
	c.open++
	*c.place(stream) = call{stream: stream, due: due}
	if c.traced || c.encoded < 2 {
		c.encode(stream)
	}
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: c.block.Bytes(), EndHeaders: true,
	})
	if err != nil {
		return err
	}
	c.window -= int64(len(message))
	return c.framer.WriteData(stream, true, message)
}

// encode writes the header block. The first time it fills the peer's table, later it refers to it.
func (c *calls) encode(stream uint32) {
	c.encoded++
	c.block.Reset()
	write := func(name, value string) {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) // into memory: it cannot fail
	}
	write(":method", "POST")
	write(":path", path)
	write(":authority", "ext-authz")
	write(":scheme", "http")
	write("te", "trailers")
	write("grpc-timeout", "500m")
	write("content-type", "application/grpc")
	write("x-envoy-internal", "true")
	write("x-forwarded-for", "10.0.0.11")
	if c.traced {
		write("traceparent", traceparent(uint64(c.client.driver.sent), uint64(stream)))
	}
}

// traceparent makes a different one for each call (numbers spread over all digits, as random ones are).
func traceparent(number, stream uint64) string {
	mixed := (number+1)*0x9e3779b97f4a7c15 ^ stream
	var octets [24]byte
	binary.BigEndian.PutUint64(octets[:], mixed)
	binary.BigEndian.PutUint64(octets[8:], mixed*0xbf58476d1ce4e5b9)
	binary.BigEndian.PutUint64(octets[16:], mixed*0x94d049bb133111eb)
	return fmt.Sprintf("00-%x-%x-01", octets[:16], octets[16:])
}

func (c *calls) Received(data []byte) (int, error) {
	used := 0
	for {
		frame, size := frames.Next(data[used:])
		if size == 0 {
			return used, nil
		}
		used += size
		if err := c.handle(frame); err != nil {
			return used, err
		}
	}
}

func (c *calls) handle(frame frames.Frame) error {
	switch frame.Type {
	case http2.FrameHeaders:
		return c.headers(frame)
	case http2.FrameData:
		return c.data(frame)
	case http2.FrameSettings:
		return c.settings(frame)
	case http2.FrameWindowUpdate:
		if frame.Stream == 0 && len(frame.Payload) == 4 {
			c.window += int64(binary.BigEndian.Uint32(frame.Payload))
		}
	case http2.FramePing:
		if !frame.Flags.Has(http2.FlagPingAck) && len(frame.Payload) == 8 {
			return c.framer.WritePing(true, [8]byte(frame.Payload))
		}
	case http2.FrameRSTStream:
		if each := c.place(frame.Stream); each.stream == frame.Stream {
			c.finish(each, failed)
		}
	case http2.FrameGoAway:
		return fmt.Errorf("the server goes away: %q", frame.Payload)
	case http2.FrameContinuation, http2.FramePushPromise:
		return fmt.Errorf("an answer with a %s frame", frame.Type)
	}
	return nil
}

func (c *calls) settings(frame frames.Frame) error {
	if frame.Flags.Has(http2.FlagSettingsAck) {
		return nil
	}
	for rest := frame.Payload; len(rest) >= 6; rest = rest[6:] {
		value := binary.BigEndian.Uint32(rest[2:])
		switch http2.SettingID(binary.BigEndian.Uint16(rest)) {
		case http2.SettingMaxConcurrentStreams:
			c.limit = int(min(value, maxStreams))
		case http2.SettingInitialWindowSize:
			c.initial = int64(value)
		case http2.SettingHeaderTableSize:
			c.encoder.SetMaxDynamicTableSizeLimit(min(value, 4096))
			c.encoded = 0
		}
	}
	c.client.greet()
	return c.framer.WriteSettingsAck()
}

func (c *calls) headers(frame frames.Frame) error {
	content, err := frame.Content()
	if err != nil {
		return err
	}
	if !frame.Flags.Has(http2.FlagHeadersEndHeaders) {
		return errors.New("an answer whose headers take several frames")
	}
	c.current = c.place(frame.Stream)
	if _, err := c.decoder.Write(content); err != nil {
		return err
	}
	if err := c.decoder.Close(); err != nil {
		return err
	}
	return c.end(frame)
}

func (c *calls) readField(field hpack.HeaderField) {
	switch field.Name {
	case ":status":
		c.current.ok = field.Value == strconv.Itoa(200)
	case "grpc-status":
		c.current.status = field.Value
	}
}

func (c *calls) data(frame frames.Frame) error {
	content, err := frame.Content()
	if err != nil {
		return err
	}
	if c.used += uint32(len(frame.Payload)); c.used >= window/2 {
		if err := c.framer.WriteWindowUpdate(0, c.used); err != nil {
			return err
		}
		c.used = 0
	}
	each := c.place(frame.Stream)
	if each.stream != frame.Stream {
		return nil
	}
	if len(each.content) > 0 || !whole(content) {
		each.content = append(each.content, content...)
		content = each.content
	}
	if whole(content) {
		each.seen = true
		each.result = c.judge(content[prefixSize:])
	}
	return c.end(frame)
}

func whole(content []byte) bool {
	return len(content) >= prefixSize && len(content) == prefixSize+int(binary.BigEndian.Uint32(content[1:]))
}

func (c *calls) judge(message []byte) verdict {
	let, err := allowed(message)
	switch {
	case err != nil:
		return failed
	case let != c.expect:
		return wrong
	}
	return right
}

// end finishes the call when that was its last frame.
func (c *calls) end(frame frames.Frame) error {
	each := c.place(frame.Stream)
	if !frame.Flags.Has(http2.FlagHeadersEndStream) || each.stream != frame.Stream {
		return nil
	}
	if !each.ok || !each.seen || each.status != "0" {
		each.result = failed
	}
	c.finish(each, each.result)
	return nil
}

func (c *calls) finish(each *call, result verdict) {
	due := each.due
	*each = call{}
	c.open--
	c.client.driver.answer(c.client, due, result)
}

// Closed is the client's to handle.
func (c *calls) Closed(err error) error { return err }
