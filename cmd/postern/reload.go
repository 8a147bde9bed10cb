package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"postern/configs"
)

// reloads is how the configuration of a running daemon changes: it is read anew
// and built completely, and then either all of it comes into effect or nothing.
type reloads struct {
	source
	mu   sync.Mutex  // held while the configuration is read again
	tls  *tls.Config // under mu: that in effect
	seen fingerprint // under mu: the files when they were last read
}

// source is where a configuration comes from.
type source struct {
	// read returns the configuration as it is now.
	read func() (configs.Config, error)
	// file is where it stands, "" if in no file.
	file string
	// level is the log's.
	level *slog.LevelVar
	// hangups are SIGHUP.
	hangups chan os.Signal
	// first is of the files when read was first called.
	first fingerprint
}

// reloadFrom makes reloads possible; it is called before run.
func (d *daemon) reloadFrom(s source) { d.reloads.source, d.reloads.seen = s, s.first }

// reload reads the configuration again and brings it into effect. After an error
// everything is as it was.
func (d *daemon) reload() error {
	r := &d.reloads
	if r.read == nil {
		return errors.New("there is no configuration to read again")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := d.config()
	r.seen = fingerprintOf(r.file, before)
	next, err := r.read() // what changes behind our back from here on will differ from seen
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	changed := before.Changed(next)
	if fixed := slices.DeleteFunc(slices.Clone(changed), configs.Changeable); len(fixed) > 0 {
		return &restartNeededError{fixed}
	}
	r.seen.certificates = hashOf(certificateFiles(next)...)
	offered, err := clientTLS(next.TLS)
	if err != nil {
		return err
	}
	if sameTLS(r.tls, offered) {
		offered = r.tls // with the keys that clients resume their sessions by
	}
	if err := setLevel(r.level, next.Log); err != nil {
		return err
	}
	d.proxy.Reconfigure(proxySettings(next, offered))
	d.suspender.Reconfigure(suspenderSettings(next.Wake))
	newTLS := r.tls != offered
	r.tls = offered
	d.inEffect.Store(&next)
	d.log.Info("configuration reloaded", "changed", changed, "new_certificates", newTLS)
	d.warnNotYet()
	return nil
}

// config is the configuration in effect.
func (d *daemon) config() configs.Config { return *d.inEffect.Load() }

// warnNotYet tells of settings that nothing obeys.
func (d *daemon) warnNotYet() {
	for _, name := range d.config().NotYet() {
		d.log.Warn("this setting has no effect yet", "setting", name)
	}
}

// restartNeededError is a reload of settings that cannot change.
type restartNeededError struct{ keys []string }

func (e *restartNeededError) Error() string {
	verb := "needs"
	if len(e.keys) > 1 {
		verb = "need"
	}
	return fmt.Sprintf("%s %s a restart", strings.Join(e.keys, ", "), verb)
}

// reloadAndTell is reload for whom nobody waits.
func (d *daemon) reloadAndTell(because string) {
	d.log.Info("reloading the configuration", "because", because)
	if err := d.reload(); err != nil {
		d.log.Error("the configuration was not reloaded; the old one stays in effect as a whole", "error", err)
	}
}

// followConfiguration reloads at each SIGHUP, and whenever the file or one of the
// certificates has changed.
func (d *daemon) followConfiguration(ctx context.Context) error {
	r := &d.reloads
	watch := newFileWatch(d.log)
	defer watch.close()
	if r.file != "" && d.filesHaveChanged() { // while everything was being started
		d.reloadAndTell("file")
	}
	for {
		watch.add(append(certificateFiles(d.config()), r.file))
		select {
		case <-r.hangups:
			d.reloadAndTell("SIGHUP")
		case <-watch.events():
			watch.quiet.Reset(settleTime)
		case err := <-watch.errors():
			d.log.Warn("cannot watch the configuration", "error", err)
		case <-watch.quiet.C:
			if d.filesHaveChanged() {
				d.reloadAndTell("file")
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// filesHaveChanged reports whether they hold something else than when they were
// last read.
func (d *daemon) filesHaveChanged() bool {
	r := &d.reloads
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read != nil && r.seen != fingerprintOf(r.file, d.config())
}
