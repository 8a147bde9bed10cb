package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pgbench is how pgbench is run.
type pgbench struct {
	script    string // "" is TPC-B, "-S" the select
	protocol  string // simple, extended or prepared
	clients   int
	encrypted bool
	pinned    bool
	logged    float64 // part of the transactions whose latency is kept; 0 for none
}

// run measures a peer with it. The CPU of the few logins is counted along.
func (b pgbench) run(ctx context.Context, l *lab, p *peer, seconds int) (sample, error) {
	logDir, err := os.MkdirTemp(l.dir, "pgbench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(logDir)
	if b.pinned {
		unpin, err := pin(l.server.instance.PID)
		if err != nil {
			return nil, err
		}
		defer unpin()
	}
	meter, err := startMeter(p)
	if err != nil {
		return nil, err
	}
	result, err := b.execute(ctx, l, p, seconds, filepath.Join(logDir, "log"))
	if err != nil {
		return nil, err
	}
	s := sample{perSecond: result.perSecond, latency: 1e6 * float64(b.clients) / result.perSecond}
	if err := meter.perEach(result.transactions, s); err != nil {
		return nil, err
	}
	took, err := readLogs(logDir)
	took.into(s)
	return s, err
}

func (b pgbench) execute(ctx context.Context, l *lab, p *peer, seconds int, logPrefix string) (pgbenchResult, error) {
	host, port := p.host()
	who := p.identity(0)
	args := []string{"-n", "-M", b.protocol, "-c", strconv.Itoa(b.clients), "-j", strconv.Itoa(min(b.clients, 2)),
		"-T", strconv.Itoa(seconds), "-h", host, "-p", port, "-U", who.user}
	if b.script != "" {
		args = append(args, b.script)
	}
	if b.logged > 0 {
		args = append(args, "-l", "--log-prefix", logPrefix)
		if b.logged < 1 {
			args = append(args, "--sampling-rate", strconv.FormatFloat(b.logged, 'f', -1, 64))
		}
	}
	command := exec.CommandContext(ctx, l.server.program("pgbench"), append(args, who.database)...)
	command.Env = p.login.environment(b.encrypted)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.WaitDelay = time.Second
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	err := startOn(command, b.pinned)
	if err == nil {
		err = command.Wait()
	}
	if err != nil {
		text := output.String()
		return pgbenchResult{}, fmt.Errorf("run pgbench: %w: %s", err, strings.TrimSpace(text[max(0, len(text)-400):]))
	}
	return parsePgbench(output.String())
}

// pgbenchResult is what pgbench prints at its end.
type pgbenchResult struct {
	transactions float64
	perSecond    float64 // without the time for connecting
}

var (
	transactionsLine = regexp.MustCompile(`(?m)^number of transactions actually processed: (\d+)`)
	failedLine       = regexp.MustCompile(`(?m)^number of failed transactions: (\d+)`)
	perSecondLine    = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \((?:without initial connection time|excluding connections establishing)\)`)
)

// parsePgbench reads the output of pgbench 13 and later.
func parsePgbench(output string) (r pgbenchResult, err error) {
	if failed := failedLine.FindStringSubmatch(output); failed != nil && failed[1] != "0" {
		return r, fmt.Errorf("%s transactions failed", failed[1])
	}
	count, rate := transactionsLine.FindStringSubmatch(output), perSecondLine.FindStringSubmatch(output)
	if count == nil || rate == nil {
		return r, fmt.Errorf("read pgbench's output: no figures in %q", output)
	}
	r.transactions, err = strconv.ParseFloat(count[1], 64)
	if err == nil {
		r.perSecond, err = strconv.ParseFloat(rate[1], 64)
	}
	if err == nil && (r.transactions == 0 || r.perSecond == 0) {
		err = errors.New("pgbench processed no transaction")
	}
	return r, err
}

// readLogs reads all of pgbench's logs in a directory.
func readLogs(dir string) (all latencies, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		found, err := parseLog(file)
		file.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// parseLog reads a per-transaction log: client, number, latency in microseconds
// and more.
func parseLog(r io.Reader) (found latencies, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			return nil, fmt.Errorf("read pgbench's log: line %q", lines.Text())
		}
		micros, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return nil, fmt.Errorf("read pgbench's log: line %q", lines.Text())
		}
		found = append(found, micros)
	}
	return found, lines.Err()
}
