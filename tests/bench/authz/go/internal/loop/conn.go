package loop

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

const inputSize = 256 << 10

// Handler speaks the protocol of one connection.
type Handler interface {
	// Opened may write the first octets.
	Opened(*Conn) error
	// Received gets everything that has arrived and was not used yet, and says how many octets it has used.
	Received(data []byte) (used int, err error)
	// Closed is told why the connection has ended (io.EOF: the peer closed it). An error ends the loop.
	Closed(error) error
}

// Conn is a connection. What is written goes out with the next Flush; one follows each Received.
type Conn struct {
	loop    *Loop
	fd      int
	handler Handler
	in      []byte
	have    int
	out     []byte
}

// Write keeps octets for the next Flush. It never fails.
func (c *Conn) Write(octets []byte) (int, error) {
	c.out = append(c.out, octets...)
	return len(octets), nil
}

// Flush sends what was written; what the kernel does not take follows when it does.
func (c *Conn) Flush() error {
	sent := 0
	for sent < len(c.out) {
		count, err := unix.Write(c.fd, c.out[sent:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			c.out = c.out[:copy(c.out, c.out[sent:])]
			return nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return c.end(fmt.Errorf("write: %w", err))
		default:
			sent += count
		}
	}
	c.out = c.out[:0]
	return nil
}

// The events are edge-triggered: everything there is has to be read.
func (c *Conn) ready() error {
	for {
		count, err := unix.Read(c.fd, c.in[c.have:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return c.Flush()
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return c.end(fmt.Errorf("read: %w", err))
		case count == 0:
			return c.end(io.EOF)
		}
		c.have += count
		drained := c.have < len(c.in)
		if err := c.use(); err != nil {
			return c.end(err)
		}
		if drained { // less than there was room for: nothing is left
			return c.Flush()
		}
	}
}

func (c *Conn) use() error {
	used, err := c.handler.Received(c.in[:c.have])
	if err != nil {
		return err
	}
	if used == 0 && c.have == len(c.in) {
		return errors.New("a message larger than the buffer")
	}
	c.have = copy(c.in, c.in[used:c.have])
	return nil
}

func (c *Conn) end(err error) error {
	c.loop.forget(c.fd)
	return c.handler.Closed(err)
}
