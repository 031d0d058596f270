package main

import (
	"encoding/binary"
	"errors"
)

// Field numbers of envoy.service.auth.v3.CheckResponse.
const (
	statusField = 1
	deniedField = 2
	okField     = 3
)

const (
	varint          = 0
	lengthDelimited = 2
)

var errBroken = errors.New("not a CheckResponse")

// allowed tells whether a CheckResponse lets the request through: status code 0 and an ok_response.
func allowed(message []byte) (bool, error) {
	code, ok, denied := uint64(0), false, false
	err := fields(message, func(field int, number uint64, content []byte) error {
		switch field {
		case statusField:
			return fields(content, func(field int, number uint64, _ []byte) error {
				if field == 1 {
					code = number
				}
				return nil
			})
		case deniedField:
			denied = true
		case okField:
			ok = true
		}
		return nil
	})
	if err == nil && (ok == denied || denied && code == 0) {
		return false, errBroken
	}
	return ok && code == 0, err
}

// fields calls back for each field of a message; those of fixed size, which there are none of here, are an error.
func fields(message []byte, each func(field int, number uint64, content []byte) error) error {
	for len(message) > 0 {
		tag, size := binary.Uvarint(message)
		if size <= 0 {
			return errBroken
		}
		number, more := binary.Uvarint(message[size:])
		if more <= 0 {
			return errBroken
		}
		message = message[size+more:]
		var content []byte
		switch tag & 7 {
		case varint:
		case lengthDelimited:
			if number > uint64(len(message)) {
				return errBroken
			}
			content, message = message[:number], message[number:]
		default:
			return errBroken
		}
		if err := each(int(tag>>3), number, content); err != nil {
			return err
		}
	}
	return nil
}
