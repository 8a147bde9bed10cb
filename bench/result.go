package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// result is all that a run has found out, and what `-o json` writes.
type result struct {
	Began     string            `json:"began"` // RFC 3339
	Machine   machine           `json:"machine"`
	Options   options           `json:"options"`
	Versions  map[string]string `json:"versions"` // of PostgreSQL and the peers
	Scenarios []outcome         `json:"scenarios"`
	Targets   []verdict         `json:"targets"`
}

// outcome is what was measured in one scenario.
type outcome struct {
	Name  string    `json:"name"`
	What  string    `json:"what"`
	Plot  int       `json:"plot,omitempty"` // clients, where the plot shows it
	Load  string    `json:"load"`           // when it began
	Peers []reading `json:"peers"`
	Notes []string  `json:"notes,omitempty"`
	// Ratios by name, such as "postern/pgbouncer".
	Ratios map[string]map[metric]spread `json:"ratios,omitempty"`
}

// reading is what was measured of one peer, a sample a round.
type reading struct {
	Peer    string            `json:"peer"`
	Mode    string            `json:"mode"` // of pooling
	Samples []sample          `json:"samples"`
	Sum     map[metric]spread `json:"sum"`
}

// sumUp fills the medians, and the ratios inside the rounds.
func (o *outcome) sumUp() {
	for i := range o.Peers {
		r := &o.Peers[i]
		r.Sum = map[metric]spread{}
		for _, m := range metrics {
			if all := figures(r.Samples, m.metric); len(all) > 0 {
				r.Sum[m.metric] = spreadOf(all)
			}
		}
	}
	o.Ratios = map[string]map[metric]spread{}
	for _, by := range []string{pgbouncer, direct} {
		of, base := o.reading(postern), o.reading(by)
		if of == nil || base == nil {
			continue
		}
		found := map[metric]spread{}
		for _, m := range metrics {
			if all := ratios(of.Samples, base.Samples, m.metric); len(all) > 0 {
				found[m.metric] = spreadOf(all)
			}
		}
		if len(found) > 0 {
			o.Ratios[postern+"/"+by] = found
		}
	}
}

// reading finds a peer's, or nil.
func (o *outcome) reading(peer string) *reading {
	for i := range o.Peers {
		if o.Peers[i].Peer == peer {
			return &o.Peers[i]
		}
	}
	return nil
}

// note adds a remark once.
func (o *outcome) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, known := range o.Notes {
		if known == text {
			return
		}
	}
	o.Notes = append(o.Notes, text)
}

func (r *result) outcome(name string) *outcome {
	for i := range r.Scenarios {
		if r.Scenarios[i].Name == name {
			return &r.Scenarios[i]
		}
	}
	return nil
}

func writeJSON(w io.Writer, r *result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", " ")
	return encoder.Encode(r)
}
