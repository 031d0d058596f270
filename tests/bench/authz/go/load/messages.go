package main

import (
	"encoding/binary"
	"fmt"
	"os"
)

// prefixSize is that of gRPC's own framing: a zero octet (not compressed) and four of the length.
const prefixSize = 5

// messages are sent in turn, over all connections.
type messages struct {
	all  [][]byte // each with its prefix
	next int
}

func readMessages(path string) (*messages, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for len(content) >= prefixSize {
		size := prefixSize + int(binary.BigEndian.Uint32(content[1:]))
		if size > len(content) {
			break
		}
		all, content = append(all, content[:size:size]), content[size:]
	}
	if len(all) == 0 || len(content) > 0 {
		return nil, fmt.Errorf("%s: not a list of messages", path)
	}
	return &messages{all: all}, nil
}

func (m *messages) take() []byte {
	message := m.all[m.next]
	if m.next++; m.next == len(m.all) {
		m.next = 0
	}
	return message
}
