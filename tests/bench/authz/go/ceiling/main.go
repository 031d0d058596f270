// Command ceiling answers every gRPC call with the same "allowed", with as little work as possible: it reads no header
// and no message. No ext_authz server that sets the same headers can be faster behind the same Envoy.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"eco2.growbin.app/bench/authz/internal/frames"
	"eco2.growbin.app/bench/authz/internal/loop"
	"eco2.growbin.app/bench/authz/internal/peer"
)

// The window a client gets; a new one is given when half is used.
const window = 1 << 30

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: ceiling ADDRESS")
	}
	if err := serve(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func serve(address string) error {
	turns, err := loop.New()
	if err != nil {
		return err
	}
	if err := turns.Listen(address, func() loop.Handler { return &session{} }); err != nil {
		return err
	}
	fmt.Println("listening on", address)
	for {
		if err := turns.Turn(-1); err != nil {
			return err
		}
	}
}

// answer is a whole answer, and where the stream's number goes.
var answer, places = build()

func build() ([]byte, []int) {
	var octets, block bytes.Buffer
	framer, encoder := http2.NewFramer(&octets, nil), hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0) // so that the block is always the same
	headers := func(fields ...hpack.HeaderField) []byte {
		block.Reset()
		for _, field := range fields {
			must(encoder.WriteField(field))
		}
		return bytes.Clone(block.Bytes())
	}
	var places []int
	begin := func() { places = append(places, octets.Len()+5) }
	first := headers(
		hpack.HeaderField{Name: ":status", Value: "200"},
		hpack.HeaderField{Name: "content-type", Value: "application/grpc"},
	)
	begin()
	must(framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndHeaders: true}))
	begin()
	must(framer.WriteData(1, false, message()))
	last := headers(hpack.HeaderField{Name: "grpc-status", Value: "0"})
	begin()
	must(framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: last, EndHeaders: true, EndStream: true,
	}))
	return octets.Bytes(), places
}

// message is a CheckResponse with identity headers, as every server here sends it, after gRPC's prefix.
func message() []byte {
	claims := &peer.Claims{Provider: "kakao"}
	claims.Subject = "00000000-0000-4000-8000-000000000000"
	content, err := proto.Marshal(peer.Allowed(claims))
	must(err)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(content))), content...)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

type session struct {
	conn    *loop.Conn
	framer  *http2.Framer
	greeted bool
	used    uint32
}

func (s *session) Opened(conn *loop.Conn) error {
	s.conn, s.framer = conn, http2.NewFramer(conn, nil)
	if err := s.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}); err != nil {
		return err
	}
	return s.framer.WriteWindowUpdate(0, window)
}

func (s *session) Received(data []byte) (int, error) {
	used := 0
	if !s.greeted {
		if len(data) < len(http2.ClientPreface) {
			return 0, nil
		}
		s.greeted, used = true, len(http2.ClientPreface)
	}
	for {
		frame, size := frames.Next(data[used:])
		if size == 0 {
			return used, nil
		}
		used += size
		if err := s.handle(frame); err != nil {
			return used, err
		}
	}
}

func (s *session) handle(frame frames.Frame) error {
	switch frame.Type {
	case http2.FrameData:
		if s.used += uint32(len(frame.Payload)); s.used >= window/2 {
			if err := s.framer.WriteWindowUpdate(0, s.used); err != nil {
				return err
			}
			s.used = 0
		}
		if frame.Flags.Has(http2.FlagDataEndStream) {
			for _, place := range places {
				binary.BigEndian.PutUint32(answer[place:], frame.Stream)
			}
			_, err := s.conn.Write(answer)
			return err
		}
	case http2.FrameSettings:
		if !frame.Flags.Has(http2.FlagSettingsAck) {
			return s.framer.WriteSettingsAck()
		}
	case http2.FramePing:
		if !frame.Flags.Has(http2.FlagPingAck) {
			return s.framer.WritePing(true, [8]byte(frame.Payload))
		}
	case http2.FrameGoAway:
		return errors.New("the client goes away")
	}
	return nil
}

// Closed: the others are served on.
func (s *session) Closed(error) error { return nil }
