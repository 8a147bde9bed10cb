package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// writeWakePlot draws as SVG how long clients waited by how many tenants were
// woken at once, beside a start by hand.
func writeWakePlot(w io.Writer, r *wakeResult) error {
	if len(r.Crowds) == 0 {
		return errors.New("draw plot: nothing was woken")
	}
	p := panel{title: "asleep to the first row, ms", below: "woken at once", left: 60}
	for _, c := range []struct {
		name, colour string
		figure       func(*series) float64
	}{
		{"p50", "#1f6f8b", func(s *series) float64 { return s.quantile(.5) }},
		{"p99", "#b3541e", func(s *series) float64 { return s.quantile(.99) }},
		{"B", "#777", func(*series) float64 { return r.base() }},
	} {
		drawn := curve{peer: c.name, colour: c.colour}
		for i := range r.Crowds {
			drawn.points = append(drawn.points, point{r.Crowds[i].Tenants, once(c.figure(&r.Crowds[i].Wakes))})
		}
		p.lines = append(p.lines, drawn)
	}
	var svg strings.Builder
	svg.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 330" font-family="sans-serif" font-size="12" fill="#333">` + "\n")
	svg.WriteString(`<rect width="400" height="330" fill="#fff"/>` + "\n")
	p.draw(&svg)
	fmt.Fprintf(&svg, `<text x="60" y="318" font-size="10" fill="#777">PostgreSQL %s, %d cores, load %s; B is a start by hand</text>`+"\n",
		firstWord(r.PostgreSQL), r.Machine.Cores, firstWord(r.Machine.Load))
	svg.WriteString("</svg>\n")
	_, err := io.WriteString(w, svg.String())
	return err
}
