package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// point is a figure at a number of clients.
type point struct {
	clients int
	spread  spread
}

// panel is a diagram.
type panel struct {
	title string
	below string // what the numbers below count
	left  float64
	lines []curve
}

// curve is a peer's points, or one figure's.
type curve struct {
	peer, colour string
	points       []point
}

// The size of a panel's diagram and where it begins, in pixels.
const (
	plotWidth, plotHeight = 300.0, 190.0
	plotTop               = 50.0
)

// writePlot draws the selects as SVG: CPU per transaction and transactions per
// second by clients.
func writePlot(w io.Writer, r *result) error {
	panels := []panel{
		{title: "CPU of the proxy per transaction, µs", below: "clients", left: 60, lines: curves(r, cpu)},
		{title: "transactions per second", below: "clients", left: 460, lines: curves(r, perSecond)},
	}
	if len(panels[0].lines) == 0 {
		return errors.New("draw plot: no select was measured")
	}
	var svg strings.Builder
	svg.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 790 330" font-family="sans-serif" font-size="12" fill="#333">` + "\n")
	svg.WriteString(`<rect width="790" height="330" fill="#fff"/>` + "\n")
	for _, p := range panels {
		p.draw(&svg)
	}
	fmt.Fprintf(&svg, `<text x="60" y="318" font-size="10" fill="#777">pgbench -S, pool of %d, PostgreSQL %s, PgBouncer %s, %d cores; median, least and most of %d rounds</text>`+"\n",
		r.Options.Pool, firstWord(r.Versions["postgresql"]), firstWord(r.Versions[pgbouncer]), r.Machine.Cores, r.Options.Runs)
	svg.WriteString("</svg>\n")
	_, err := io.WriteString(w, svg.String())
	return err
}

// firstWord leaves out what a distribution adds to a version. Nothing in it has
// a meaning in XML.
func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return strings.NewReplacer("<", "", ">", "", "&", "").Replace(word)
}

// curves collects the figures of PgBouncer and Postern.
func curves(r *result, m metric) (found []curve) {
	for _, c := range []curve{{peer: "PgBouncer", colour: "#b3541e"}, {peer: "Postern", colour: "#1f6f8b"}} {
		for i := range r.Scenarios {
			o := &r.Scenarios[i]
			reading := o.reading(strings.ToLower(c.peer))
			if o.Plot == 0 || reading == nil {
				continue
			}
			if s, ok := reading.Sum[m]; ok {
				c.points = append(c.points, point{o.Plot, s})
			}
		}
		slices.SortFunc(c.points, func(a, b point) int { return cmp.Compare(a.clients, b.clients) })
		if len(c.points) > 0 {
			found = append(found, c)
		}
	}
	return found
}

// draw draws axes, curves and legend. The clients stand at equal distances.
func (p panel) draw(svg *strings.Builder) {
	most, clients := 0.0, []int{}
	for _, c := range p.lines {
		for _, point := range c.points {
			most = max(most, point.spread.Max)
			clients = append(clients, point.clients)
		}
	}
	slices.Sort(clients)
	clients = slices.Compact(clients)
	step := niceStep(most)
	top := step * math.Ceil(most/step)
	x := func(n int) float64 {
		i := slices.Index(clients, n)
		return p.left + plotWidth*(float64(i)+.5)/float64(len(clients))
	}
	y := func(figure float64) float64 { return plotTop + plotHeight*(1-figure/top) }

	fmt.Fprintf(svg, `<text x="%.0f" y="24" font-size="14">%s</text>`+"\n", p.left, p.title)
	for tick := 0; float64(tick)*step <= top*1.001; tick++ {
		figure := float64(tick) * step
		fmt.Fprintf(svg, `<line x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%.0f" y="%.1f" text-anchor="end">%g</text>`+"\n",
			p.left, p.left+plotWidth, y(figure), y(figure), p.left-6, y(figure)+4, figure)
	}
	for _, n := range clients {
		fmt.Fprintf(svg, `<text x="%.1f" y="%.0f" text-anchor="middle">%d</text>`+"\n", x(n), plotTop+plotHeight+18, n)
	}
	fmt.Fprintf(svg, `<text x="%.0f" y="%.0f" text-anchor="end">%s</text>`+"\n", p.left+plotWidth, plotTop+plotHeight+36, p.below)
	for i, c := range p.lines {
		var path []string
		for _, point := range c.points {
			px := x(point.clients)
			path = append(path, fmt.Sprintf("%.1f,%.1f", px, y(point.spread.Median)))
			fmt.Fprintf(svg, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s"/><circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n",
				px, px, y(point.spread.Min), y(point.spread.Max), c.colour, px, y(point.spread.Median), c.colour)
		}
		fmt.Fprintf(svg, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), c.colour)
		fmt.Fprintf(svg, `<text x="%.0f" y="%.0f" fill="%s">%s</text>`+"\n", p.left+float64(i)*p.legend(), plotTop+plotHeight+36, c.colour, c.peer)
	}
}

// legend is how far apart the names of the curves stand.
func (p panel) legend() float64 { return 180 / float64(max(2, len(p.lines))) }

// niceStep is a distance of 1, 2 or 5 times a power of ten that divides an axis
// up to most into about five.
func niceStep(most float64) float64 {
	if most <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, factor := range []float64{1, 2, 5} {
		if most/(factor*power) <= 6 {
			return factor * power
		}
	}
	return 10 * power
}
