package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"regexp"
)

// readAddresses looks for the log's line that says where Postern listens.
func (d *daemon) readAddresses(from int64) bool {
	for _, line := range d.logLines(from) {
		if line.Message == "ready" {
			d.postgres, d.http = line.Postgres, line.HTTP
			return true
		}
	}
	return false
}

// logLine is what tests read of a line of the log.
type logLine struct {
	Message  string `json:"msg"`
	Postgres string `json:"postgres"`
	HTTP     string `json:"http"`
}

// logLines are the complete lines of the log from an offset on.
func (d *daemon) logLines(from int64) []logLine {
	text, _ := os.ReadFile(d.logFile())
	var lines []logLine
	for scanner := bufio.NewScanner(bytes.NewReader(text[min(int64(len(text)), from):])); scanner.Scan(); {
		var line logLine
		if json.Unmarshal(scanner.Bytes(), &line) == nil {
			lines = append(lines, line)
		}
	}
	return lines
}

// printedLine is what postern dev writes to standard output.
var printedLine = regexp.MustCompile(`(?m)^psql '([^']+)'$`)

func (d *daemon) readPrinted(from int64) bool {
	text, _ := os.ReadFile(d.outputFile())
	match := printedLine.FindSubmatch(text[min(int64(len(text)), from):])
	if match == nil {
		return false
	}
	d.printed = string(match[1])
	return true
}
