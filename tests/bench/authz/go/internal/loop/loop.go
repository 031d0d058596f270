// Package loop serves many sockets from one thread by epoll: a load generator must cost less than what it measures, and
// its timers must be exact.
package loop

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const eventsAtOnce = 128

type source interface {
	ready() error
}

// Loop waits for sockets and timers. Not safe for concurrent use.
type Loop struct {
	epoll   int
	sources map[int32]source
	events  [eventsAtOnce]unix.EpollEvent
}

// New makes a loop that waits for nothing yet.
func New() (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &Loop{epoll: epoll, sources: map[int32]source{}}, nil
}

// Turn waits until something happens, at most some milliseconds (-1: however long), and handles it.
func (l *Loop) Turn(milliseconds int) error {
	count, err := l.wait(milliseconds)
	if err != nil {
		return err
	}
	for i := range count {
		// A handler may have closed another socket of the same turn.
		if each, there := l.sources[l.events[i].Fd]; there {
			if err := each.ready(); err != nil {
				return err
			}
		}
	}
	return nil
}

// wait keeps the runtime out of it: told that a thread blocks, it starts others to take over, and there is nothing to
// take over here.
func (l *Loop) wait(milliseconds int) (int, error) {
	count, _, code := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll),
		uintptr(unsafe.Pointer(&l.events[0])), eventsAtOnce, uintptr(milliseconds), 0, 0)
	switch {
	case code == 0:
		return int(count), nil
	case errors.Is(code, unix.EINTR):
		return 0, nil
	}
	return 0, fmt.Errorf("epoll: %w", code)
}

func (l *Loop) add(fd int, events uint32, each source) error {
	l.sources[int32(fd)] = each
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

func (l *Loop) forget(fd int) {
	delete(l.sources, int32(fd))
	_ = unix.Close(fd)
}

type listener struct {
	loop     *Loop
	fd       int
	accepted func() Handler
}

// Listen accepts connections; each gets a handler of its own.
func (l *Loop) Listen(address string, accepted func() Handler) error {
	fd, to, err := socket(address)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	if err := unix.Bind(fd, to); err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	return l.add(fd, unix.EPOLLIN, &listener{l, fd, accepted})
}

func (each *listener) ready() error {
	fd, _, err := unix.Accept4(each.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return nil // it went away again
	}
	_, err = each.loop.adopt(fd, each.accepted())
	return err
}

// Connect opens a connection.
func (l *Loop) Connect(address string, handler Handler) (*Conn, error) {
	fd, to, err := socket(address)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, to); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return l.adopt(fd, handler)
}

func (l *Loop) adopt(fd int, handler Handler) (*Conn, error) {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return nil, fmt.Errorf("TCP_NODELAY: %w", err)
	}
	conn := &Conn{loop: l, fd: fd, handler: handler, in: make([]byte, inputSize)}
	if err := l.add(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLET, conn); err != nil {
		return nil, err
	}
	if err := handler.Opened(conn); err != nil {
		return nil, err
	}
	return conn, conn.Flush()
}

func socket(address string) (int, unix.Sockaddr, error) {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil || !parsed.Addr().Is4() {
		return 0, nil, fmt.Errorf("%q: not an IPv4 address and port", address)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("socket: %w", err)
	}
	return fd, &unix.SockaddrInet4{Port: int(parsed.Port()), Addr: parsed.Addr().As4()}, nil
}
