package main

import "testing"

func TestAnswers(t *testing.T) {
	status, ok, denied := "\x0a\x02\x08\x10", "\x1a\x00", "\x12\x00"
	for _, each := range []struct {
		message string
		allowed bool
		broken  bool
	}{
		{message: ok, allowed: true},
		{message: "\x0a\x00" + ok, allowed: true},
		{message: status + denied},
		{message: status + ok},
		{message: "", broken: true},
		{message: "\x0a\x00", broken: true},
		{message: denied, broken: true},
		{message: status + denied + ok, broken: true},
		{message: "\x1a\x05", broken: true},
		{message: "\x1b\x00", broken: true},
	} {
		found, err := allowed([]byte(each.message))
		if found != each.allowed || (err != nil) != each.broken {
			t.Errorf("%q: %v, %v", each.message, found, err)
		}
	}
}
