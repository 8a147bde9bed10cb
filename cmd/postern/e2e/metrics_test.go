package e2e

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// metric sums up the series of a metric that have all of these labels, each as
// name="value".
func (d *daemon) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	_, text := d.get(t, "/metrics")
	sum := 0.0
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		series, number, ok := strings.Cut(lines.Text(), " ")
		if !ok || series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		if value, err := strconv.ParseFloat(number, 64); err == nil && hasAll(series, labels) {
			sum += value
		}
	}
	return sum
}

func hasAll(series string, labels []string) bool {
	for _, label := range labels {
		if !strings.Contains(series, label) {
			return false
		}
	}
	return true
}

// wakes is how often an instance was started.
func (d *daemon) wakes(t testing.TB) float64 {
	t.Helper()
	return d.metric(t, "postern_wakes_total")
}

// get asks the public HTTP address.
func (d *daemon) get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.http+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true // nothing stays open that a drain would see
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
