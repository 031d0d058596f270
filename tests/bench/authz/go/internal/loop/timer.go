package loop

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

type timer struct {
	fd      int
	expired func() error
}

// Every calls a function again and again. A timer of the kernel: the runtime's own, in an idle process, are late by up
// to a millisecond.
func (l *Loop) Every(interval time.Duration, expired func() error) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	span := unix.NsecToTimespec(int64(interval))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: span, Value: span}, nil); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	return l.add(fd, unix.EPOLLIN, &timer{fd, expired})
}

func (t *timer) ready() error {
	var count [8]byte
	if _, err := unix.Read(t.fd, count[:]); err != nil {
		return nil // it has not expired
	}
	return t.expired()
}
