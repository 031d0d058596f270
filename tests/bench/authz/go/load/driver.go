package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"eco2.growbin.app/bench/authz/internal/loop"
)

const (
	// How long answers may take that are still due when the measured span is over.
	grace = 5 * time.Second
	// How long the server may take to greet every connection.
	greeting = 5 * time.Second
)

type verdict int

const (
	right  verdict = iota
	wrong          // an answer, but not the one expected
	failed         // no answer: a gRPC or HTTP error, a reset
)

// session is one connection: it sends a request when the protocol permits.
type session interface {
	loop.Handler
	// ready tells whether another request may be sent now.
	ready() bool
	// send writes a request that was due at that time.
	send(message []byte, due int64) error
}

// client is a session with the requests that wait for it.
type client struct {
	session
	driver  *driver
	conn    *loop.Conn
	waiting []int64 // when each was due
	greeted bool
}

type driver struct {
	settings
	loop     *loop.Loop
	messages *messages
	clients  []*client
	turn     int // whose turn it is, with a rate
	began    time.Time

	greetings int
	sent      int // also those that wait
	answered  int
	from, to  int64 // the measured span; with a rate by when requests were due, otherwise by when they were answered
	measured  histogram
	late      histogram // how late requests were sent for reasons of our own
	wrong     int
	failed    int
}

func newDriver(s settings, messages *messages) (*driver, error) {
	turns, err := loop.New()
	if err != nil {
		return nil, err
	}
	return &driver{settings: s, loop: turns, messages: messages, began: time.Now()}, nil
}

type event struct {
	Event string `json:"event"`
}

type figures struct {
	Event    string  `json:"event"`
	Answered int     `json:"answered"` // from the first on
	Requests int     `json:"requests"` // measured ones
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rps"`
	P50      float64 `json:"p50_us"`
	P90      float64 `json:"p90_us"`
	P99      float64 `json:"p99_us"`
	P999     float64 `json:"p999_us"`
	Max      float64 `json:"max_us"`
	Late     float64 `json:"late_p99_us"`
	Wrong    int     `json:"wrong"`
	Errors   int     `json:"errors"`
	CPU      float64 `json:"cpu_seconds"`
}

func (d *driver) now() int64 { return int64(time.Since(d.began)) }

func (d *driver) run() (figures, error) {
	if err := d.connect(); err != nil {
		return figures{}, err
	}
	start := d.now()
	d.from, d.to = start+int64(d.warmup), start+int64(d.warmup+d.duration)
	if d.requests > 0 {
		d.from, d.to = start, 1<<62
	}
	if err := d.begin(start); err != nil {
		return figures{}, err
	}
	if err := d.until(func() bool { return d.now() >= d.from }, 0); err != nil {
		return figures{}, err
	}
	say(event{"begin"})
	cpu := processTime()
	over := func() bool { return d.now() >= d.to || d.requests > 0 && d.answered >= d.requests }
	if err := d.until(over, 0); err != nil {
		return figures{}, err
	}
	cpu = processTime() - cpu
	d.to = min(d.to, d.now())
	say(event{"end"})
	if d.rate > 0 {
		if err := d.until(func() bool { return d.answered == d.sent }, grace); err != nil {
			return figures{}, err
		}
		d.failed += d.sent - d.answered
	}
	return d.figures(cpu), nil
}

func (d *driver) figures(cpu time.Duration) figures {
	seconds := time.Duration(d.to - d.from).Seconds()
	microseconds := func(h *histogram, share float64) float64 { return float64(h.quantile(share)) / 1e3 }
	return figures{
		Event:    "figures",
		Answered: d.answered,
		Requests: int(d.measured.total),
		Seconds:  seconds,
		Rate:     float64(d.measured.total) / seconds,
		P50:      microseconds(&d.measured, 0.5),
		P90:      microseconds(&d.measured, 0.9),
		P99:      microseconds(&d.measured, 0.99),
		P999:     microseconds(&d.measured, 0.999),
		Max:      float64(d.measured.max) / 1e3,
		Late:     microseconds(&d.late, 0.99),
		Wrong:    d.wrong,
		Errors:   d.failed,
		CPU:      cpu.Seconds(),
	}
}

func (d *driver) connect() error {
	for range d.connections {
		each := &client{driver: d}
		switch d.protocol {
		case "grpc":
			each.session = newCalls(each, d.trace)
		case "http":
			each.session = &exchange{client: each}
		default:
			return fmt.Errorf("-protocol %q: neither grpc nor http", d.protocol)
		}
		d.clients = append(d.clients, each)
		if _, err := d.loop.Connect(d.address, each); err != nil {
			return err
		}
	}
	if err := d.until(func() bool { return d.greetings == len(d.clients) }, greeting); err != nil {
		return err
	}
	if d.greetings < len(d.clients) {
		return errors.New("the server does not speak HTTP/2 on every connection")
	}
	return nil
}

// begin fills the streams, or starts the timer.
func (d *driver) begin(start int64) error {
	if d.rate > 0 {
		return d.schedule(start, int64(float64(time.Second)/d.rate))
	}
	for range d.streams {
		for _, each := range d.clients {
			if err := each.want(start); err != nil {
				return err
			}
		}
	}
	return nil
}

// schedule sends what is due whenever the timer expires.
func (d *driver) schedule(start, interval int64) error {
	due := start + interval
	return d.loop.Every(time.Duration(interval), func() error {
		for now := d.now(); due <= now && due < d.to; due += interval {
			if due >= d.from {
				d.late.add(now - due)
			}
			if err := d.assign(due); err != nil {
				return err
			}
		}
		return nil
	})
}

// assign gives a request to the next connection, or to the first after it that can send at once.
func (d *driver) assign(due int64) error {
	count := len(d.clients)
	d.turn++
	for offset := range count {
		if each := d.clients[(d.turn+offset)%count]; each.ready() {
			return each.want(due)
		}
	}
	return d.clients[d.turn%count].want(due)
}

func (d *driver) until(done func() bool, limit time.Duration) error {
	end := d.now() + int64(limit)
	for !done() && (limit == 0 || d.now() < end) {
		if err := d.loop.Turn(10); err != nil {
			return err
		}
	}
	return nil
}

// answer counts one; without a rate the next request follows it.
func (d *driver) answer(each *client, due int64, result verdict) {
	now := d.now()
	d.answered++
	switch result {
	case wrong:
		d.wrong++
	case failed:
		d.failed++
	}
	if d.rate > 0 {
		if due >= d.from && due < d.to {
			d.measured.add(now - due)
		}
		return
	}
	if now >= d.from && now < d.to {
		d.measured.add(now - due)
	}
	if now < d.to {
		each.enqueue(now)
	}
}

func (c *client) enqueue(due int64) {
	if c.driver.requests > 0 && c.driver.sent >= c.driver.requests {
		return
	}
	c.driver.sent++
	c.waiting = append(c.waiting, due)
}

// want sends a request, or keeps it until it can be sent.
func (c *client) want(due int64) error {
	c.enqueue(due)
	if err := c.pump(); err != nil {
		return err
	}
	return c.conn.Flush()
}

func (c *client) pump() error {
	started := 0
	for started < len(c.waiting) && c.ready() {
		if err := c.send(c.driver.messages.take(), c.waiting[started]); err != nil {
			return err
		}
		started++
	}
	c.waiting = c.waiting[:copy(c.waiting, c.waiting[started:])]
	return nil
}

func (c *client) greet() {
	if !c.greeted {
		c.greeted = true
		c.driver.greetings++
	}
}

// Opened, Received and Closed make it the handler of the connection.

func (c *client) Opened(conn *loop.Conn) error {
	c.conn = conn
	return c.session.Opened(conn)
}

func (c *client) Received(data []byte) (int, error) {
	used, err := c.session.Received(data)
	if err == nil {
		err = c.pump()
	}
	return used, err
}

func (c *client) Closed(err error) error {
	return fmt.Errorf("a connection ended: %w", err)
}

func processTime() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
