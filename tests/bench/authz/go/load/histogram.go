package main

import "math/bits"

// A value is kept in one of 128 equal parts of its power of two: within 0.8 % of what it was.
const (
	partBits = 7
	parts    = 1 << partBits
)

// histogram counts durations in nanoseconds.
type histogram struct {
	counts [64 * parts]uint64
	total  uint64
	max    int64
}

func (h *histogram) add(value int64) {
	value = max(value, 0)
	h.counts[place(value)]++
	h.total++
	h.max = max(h.max, value)
}

func place(value int64) int {
	power := max(bits.Len64(uint64(value))-partBits-1, 0)
	return power<<partBits + int(value>>power)
}

// quantile is the upper end of the part in which the value of that rank lies.
func (h *histogram) quantile(share float64) int64 {
	rank, seen := uint64(share*float64(h.total)), uint64(0)
	for index, count := range h.counts {
		if seen += count; seen > rank {
			power := max(index>>partBits-1, 0)
			return min(int64(index-power<<partBits+1)<<power-1, h.max)
		}
	}
	return h.max
}
