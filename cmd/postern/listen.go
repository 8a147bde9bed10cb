package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"postern/configs"
)

// listeners are where a daemon is reached.
type listeners struct {
	postgres net.Listener
	http     net.Listener
	control  net.Listener // a Unix socket of mode 0600: who can open it needs no token
}

// listen opens all of them or none. The caller holds the data directory's lock,
// so a control socket that is there is a dead one's.
func listen(config configs.Config, dataDir string) (_ listeners, err error) {
	var l listeners
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.postgres, err = net.Listen("tcp", config.Listen.Postgres); err != nil {
		return l, addressError("listen.postgres", err)
	}
	if l.http, err = net.Listen("tcp", config.HTTP.Listen); err != nil {
		return l, addressError("http.listen", err)
	}
	path := controlSocket(dataDir)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, fmt.Errorf("remove old control socket: %w", err)
	}
	if l.control, err = net.Listen("unix", path); err != nil {
		return l, fmt.Errorf("listen on the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return l, fmt.Errorf("protect the control socket: %w", err)
	}
	return l, nil
}

func addressError(setting string, err error) error {
	return &exitError{code: exitFailed, err: fmt.Errorf("%s: %w", setting, err), hint: "Choose another address, or stop what uses it."}
}

// controlSocket is where commands find the Postern of a data directory.
func controlSocket(dataDir string) string { return filepath.Join(dataDir, "control.sock") }

func (l listeners) close() {
	for _, listener := range []net.Listener{l.postgres, l.http, l.control} {
		if listener != nil {
			listener.Close()
		}
	}
}

// serveHTTP serves until the server is closed.
func serveHTTP(server *http.Server, listener net.Listener) error {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// publicHandler is what anybody may ask: health and metrics. The API is on the
// control socket alone until there are tokens.
func (d *daemon) publicHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if d.draining.Load() {
			http.Error(w, "draining", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.registry, promhttp.HandlerOpts{}))
	return mux
}

// controlHandler is the API, what is public, and the profiler.
func (d *daemon) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", d.api)
	public := d.publicHandler()
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		mux.Handle(path, public)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
