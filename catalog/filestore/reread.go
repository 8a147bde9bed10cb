package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/catalog"
)

// suffix ends the names of tenants' files.
const suffix = ".toml"

// settling is how long after its last write a file may be written again without
// its time of modification telling: clocks of file systems are coarse.
const settling = 100 * time.Millisecond

// file is what is known of a tenant's file, good or bad.
type file struct {
	info   fs.FileInfo // nil if it could not be had
	readAt time.Time
	err    error // why it is not in force
}

// unchanged reports whether the file is certainly as it was read.
func (f *file) unchanged(info fs.FileInfo) bool {
	return f != nil && f.err == nil && os.SameFile(f.info, info) &&
		f.info.Size() == info.Size() && f.info.ModTime().Equal(info.ModTime()) &&
		f.readAt.Sub(info.ModTime()) > settling
}

func (s *Store) path(id catalog.TenantID) string {
	return filepath.Join(s.dir, string(id)+suffix)
}

// scan rereads what has changed in the whole directory. It needs mu.
func (s *Store) scan() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.log.Warn("cannot read the tenants' directory", "dir", s.dir, "err", err)
		return
	}
	ids := slices.Collect(maps.Keys(s.files)) // some may have gone
	for _, entry := range entries {
		if id, ok := tenantOf(entry.Name()); ok && s.files[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	// Twice, because a host name may be freed by a file behind the one that
	// wants it.
	for range 2 {
		for _, id := range ids {
			s.reread(id, false)
		}
	}
}

// tenantOf returns the id in a file's name, which need not be a valid one.
func tenantOf(name string) (catalog.TenantID, bool) {
	id, ok := strings.CutSuffix(name, suffix)
	return catalog.TenantID(id), ok && id != "" && !strings.HasPrefix(id, ".")
}

// reread brings the tenant up to date with its file, unless the file seems to be
// as it was and force is not set. It needs mu.
func (s *Store) reread(id catalog.TenantID, force bool) {
	known := s.files[id]
	info, err := os.Stat(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		s.drop(id)
		return
	}
	if err == nil && !force && known.unchanged(info) {
		return
	}
	now := &file{info: info, readAt: time.Now(), err: err}
	if err == nil {
		now.err = s.readFile(id)
	}
	if now.err != nil {
		if known == nil || known.err == nil || known.err.Error() != now.err.Error() {
			s.log.Warn("tenant's file is not in force", "file", s.path(id), "err", now.err)
		}
		if err := s.restore(id); err != nil {
			now.err = errors.Join(now.err, err)
		}
	} else if known != nil && known.err != nil {
		s.log.Info("tenant's file is in force again", "file", s.path(id))
	}
	s.files[id] = now
}

// readFile puts the tenant's file into force. It needs mu.
func (s *Store) readFile(id catalog.TenantID) error {
	if valid, err := catalog.ParseTenantID(string(id)); err != nil {
		return err
	} else if valid != id {
		return fmt.Errorf("tenant id %q is not in lower case", id)
	}
	content, err := os.ReadFile(s.path(id))
	if err != nil {
		return err
	}
	c, err := parseConfiguration(content)
	if err != nil {
		return err
	}
	if err := s.restore(id); err != nil {
		return err
	}
	if r := s.records[id]; r != nil {
		return s.reconfigure(r, c)
	}
	t := &catalog.Tenant{ID: id, State: catalog.Provisioning, Roles: rolesByName(c.Roles)}
	c.configure(t)
	if t, err = catalog.Created(t, time.Now()); err != nil {
		return err
	}
	return s.put(nil, &record{tenant: t, file: c})
}

// restore makes the record of a tenant that has none yet from what was filed
// last, if anything was. It needs mu.
func (s *Store) restore(id catalog.TenantID) error {
	if s.records[id] != nil {
		return nil
	}
	if valid, err := catalog.ParseTenantID(string(id)); err != nil || valid != id {
		return nil // a file's name that is no id has nothing filed
	}
	r, err := s.loadState(id)
	if err != nil || r == nil {
		return err
	}
	if err := s.hostnamesFree(r.tenant); err != nil {
		return err
	}
	s.keep(nil, r)
	return nil
}

// reconfigure files the version of r that its file now asks for. It needs mu.
func (s *Store) reconfigure(r *record, c configuration) error {
	next, err := catalog.Updated(r.tenant, time.Now(), func(t *catalog.Tenant) error {
		c.configure(t)
		mergeRoles(t.Roles, r.file.Roles, c.Roles)
		return nil
	})
	if err != nil {
		return err
	}
	if next != r.tenant {
		return s.put(r, &record{tenant: next, file: c})
	}
	if r.file.same(c) {
		return nil
	}
	return s.put(r, &record{tenant: next, greetings: r.greetings, file: c})
}

// drop forgets a tenant whose file has gone. It needs mu.
func (s *Store) drop(id catalog.TenantID) {
	delete(s.files, id)
	if r := s.records[id]; r != nil {
		for _, hostname := range r.tenant.Hostnames {
			delete(s.hostnames, hostname)
		}
		delete(s.records, id)
		s.watchers.Changed(id)
	}
}

// put files next in the place of former, which may be nil. It needs mu.
func (s *Store) put(former, next *record) error {
	if err := s.hostnamesFree(next.tenant); err != nil {
		return err
	}
	if err := s.saveState(next); err != nil {
		return err
	}
	s.keep(former, next)
	return nil
}

// keep holds next, which is filed, in the place of former. It needs mu.
func (s *Store) keep(former, next *record) {
	if former != nil {
		for _, hostname := range former.tenant.Hostnames {
			delete(s.hostnames, hostname)
		}
	}
	for _, hostname := range next.tenant.Hostnames {
		s.hostnames[hostname] = next.tenant.ID
	}
	s.records[next.tenant.ID] = next
	s.watchers.Changed(next.tenant.ID)
}

// hostnamesFree returns an error if another tenant has one of t's host names.
// It needs mu.
func (s *Store) hostnamesFree(t *catalog.Tenant) error {
	for _, hostname := range t.Hostnames {
		if owner, taken := s.hostnames[hostname]; taken && owner != t.ID {
			return fmt.Errorf("hostname %q is tenant %s's: %w", hostname, owner, catalog.ErrExists)
		}
	}
	return nil
}
