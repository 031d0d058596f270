package main

import (
	"bytes"
	"errors"
	"strconv"

	"eco2.growbin.app/bench/authz/internal/loop"
)

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\ncontent-length: ")
)

const statusPlace = len("HTTP/1.1 ")

// exchange sends HTTP/1.1 requests over one connection, one at a time.
type exchange struct {
	client *client
	conn   *loop.Conn
	busy   bool
	due    int64
}

func (e *exchange) Opened(conn *loop.Conn) error {
	e.conn = conn
	e.client.greet()
	return nil
}

func (e *exchange) ready() bool { return !e.busy }

func (e *exchange) send(message []byte, due int64) error {
	e.busy, e.due = true, due
	_, err := e.conn.Write(message[prefixSize:])
	return err
}

func (e *exchange) Received(data []byte) (int, error) {
	head := bytes.Index(data, headEnd)
	if head < 0 {
		return 0, nil
	}
	size, err := bodySize(data[:head+2])
	if err != nil {
		return 0, err
	}
	used := head + len(headEnd) + size
	if len(data) < used {
		return 0, nil
	}
	if !e.busy || head < statusPlace+3 {
		return 0, errors.New("an answer that nobody asked for")
	}
	e.busy = false
	e.client.driver.answer(e.client, e.due, e.judge(string(data[statusPlace:statusPlace+3])))
	return used, nil
}

// judge: 200 is what is let through, 401 and 403 what is refused.
func (e *exchange) judge(status string) verdict {
	allowed, denied := status == "200", status == "401" || status == "403"
	switch {
	case !allowed && !denied:
		return failed
	case allowed != (e.client.driver.expect == "allowed"):
		return wrong
	}
	return right
}

func bodySize(head []byte) (int, error) {
	place := bytes.Index(head, contentLength)
	if place < 0 {
		return 0, errors.New("an answer without a content-length")
	}
	value := head[place+len(contentLength):]
	return strconv.Atoi(string(value[:bytes.IndexByte(value, '\r')]))
}

// Closed is the client's to handle.
func (e *exchange) Closed(err error) error { return err }
