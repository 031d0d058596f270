package main

import "testing"

func TestQuantilesAreWithinOnePercent(t *testing.T) {
	var h histogram
	for value := int64(1); value <= 1_000_000; value++ {
		h.add(value)
	}
	for _, share := range []float64{0.001, 0.5, 0.9, 0.99, 0.999} {
		exact, found := share*1_000_000, float64(h.quantile(share))
		if found < exact*0.99 || found > exact*1.01+1 {
			t.Errorf("quantile %g: %g, not %g", share, found, exact)
		}
	}
	if h.quantile(1) != 1_000_000 {
		t.Errorf("the largest is %d", h.quantile(1))
	}
}
