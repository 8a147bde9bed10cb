package main

import (
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"postern/configs"
)

// settleTime is how long the files of the configuration must be left alone before
// they are looked at: a certificate and its key come one after the other.
const settleTime = 100 * time.Millisecond

// fileWatch tells when something happens in the directories of some files. It
// watches those, not the files, since editors and Kubernetes put another file in
// the place of the old one.
type fileWatch struct {
	log     *slog.Logger
	watcher *fsnotify.Watcher // nil where there is none
	watched map[string]bool
	quiet   *time.Timer // runs out when nothing has happened for settleTime
}

// newFileWatch returns one that watches nothing yet. The caller closes it.
func newFileWatch(log *slog.Logger) *fileWatch {
	w := &fileWatch{log: log, watched: make(map[string]bool), quiet: time.NewTimer(0)}
	w.quiet.Stop()
	var err error
	if w.watcher, err = fsnotify.NewWatcher(); err != nil {
		log.Warn("cannot watch the configuration; SIGHUP and RELOAD work", "error", err)
	}
	return w
}

// add watches the directories of files.
func (w *fileWatch) add(files []string) {
	for _, file := range files {
		dir := filepath.Dir(file)
		if w.watcher == nil || file == "" || w.watched[dir] {
			continue
		}
		w.watched[dir] = true
		if err := w.watcher.Add(dir); err != nil {
			w.log.Warn("cannot watch the configuration; SIGHUP and RELOAD work", "directory", dir, "error", err)
		}
	}
}

func (w *fileWatch) events() <-chan fsnotify.Event {
	if w.watcher == nil {
		return nil
	}
	return w.watcher.Events
}

func (w *fileWatch) errors() <-chan error {
	if w.watcher == nil {
		return nil
	}
	return w.watcher.Errors
}

func (w *fileWatch) close() {
	w.quiet.Stop()
	if w.watcher != nil {
		w.watcher.Close()
	}
}

// hash is that of what some files hold.
type hash [sha256.Size]byte

// fingerprint tells whether the files that a configuration is made of have
// changed.
type fingerprint struct{ file, certificates hash }

// fingerprintOf is that of the configuration's file, "" for none, and of the
// certificates that the configuration names.
func fingerprintOf(file string, config configs.Config) fingerprint {
	return fingerprint{hashOf(file), hashOf(certificateFiles(config)...)}
}

// hashOf is that of what the files hold, or of why they cannot be read.
func hashOf(files ...string) hash {
	whole := sha256.New()
	for _, file := range files {
		if file == "" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			content = []byte(err.Error())
		}
		part := sha256.Sum256(content)
		whole.Write(part[:])
	}
	return hash(whole.Sum(nil))
}

// certificateFiles are the files that the configuration names for TLS.
func certificateFiles(config configs.Config) []string {
	var files []string
	for _, c := range config.TLS.Certificates {
		files = append(files, c.Cert, c.Key)
	}
	return files
}
