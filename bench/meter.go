package main

import "time"

// meter is what a peer's process had used when a measurement began.
type meter struct {
	peer   *peer
	before consumption
}

// startMeter reads what p has used so far. Without a proxy there is nothing to
// read, and the results then leave CPU out.
func startMeter(p *peer) (meter, error) {
	m := meter{peer: p}
	if p.process == nil {
		return m, nil
	}
	var err error
	m.before, err = consumed(p.process.pid())
	return m, err
}

// used is what the peer has used since, and whether there is a proxy at all.
func (m meter) used() (consumption, bool, error) {
	if m.peer.process == nil {
		return consumption{}, false, nil
	}
	now, err := consumed(m.peer.process.pid())
	return now.since(m.before), true, err
}

// perEach puts the CPU time of each of n transactions into s.
func (m meter) perEach(n float64, s sample) error {
	used, exists, err := m.used()
	if err == nil && exists && n > 0 {
		s[cpu], s[userTime] = micros(used.total)/n, micros(used.user)/n
	}
	return err
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
