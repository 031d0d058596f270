// Package frames reads HTTP/2 frames where they lie in a buffer (RFC 9113, section 4.1); http2.Framer wants to block
// until a whole one is there.
package frames

import (
	"encoding/binary"
	"errors"

	"golang.org/x/net/http2"
)

const headerSize = 9

// Frame is one frame; its payload lies in the buffer it was read from.
type Frame struct {
	Type    http2.FrameType
	Flags   http2.Flags
	Stream  uint32
	Payload []byte
}

// Next returns the frame at the head of data and how many octets it has; 0 when it is not whole yet.
func Next(data []byte) (Frame, int) {
	if len(data) < headerSize {
		return Frame{}, 0
	}
	size := headerSize + int(data[0])<<16 + int(data[1])<<8 + int(data[2])
	if len(data) < size {
		return Frame{}, 0
	}
	return Frame{
		Type:    http2.FrameType(data[3]),
		Flags:   http2.Flags(data[4]),
		Stream:  binary.BigEndian.Uint32(data[5:]) & (1<<31 - 1),
		Payload: data[headerSize:size],
	}, size
}

// Content is the payload of a HEADERS or DATA frame without padding and priority.
func (f Frame) Content() ([]byte, error) {
	content, padding := f.Payload, 0
	if f.Flags.Has(http2.FlagDataPadded) { // the same bit in both
		if len(content) == 0 {
			return nil, errors.New("a padded frame without a length")
		}
		content, padding = content[1:], int(content[0])
	}
	if f.Type == http2.FrameHeaders && f.Flags.Has(http2.FlagHeadersPriority) {
		content = content[min(5, len(content)):]
	}
	if padding > len(content) {
		return nil, errors.New("more padding than payload")
	}
	return content[:len(content)-padding], nil
}
