package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// NewSystemIdentifier makes an identifier the way initdb does: the time in the
// upper half, so that it is unique and tells when. The lower half is random.
func NewSystemIdentifier() uint64 {
	return uint64(time.Now().Unix())<<32 | uint64(rand.Uint32())
}

// SystemIdentifier reads a cluster's. The error is fs.ErrNotExist where there is
// no cluster.
func SystemIdentifier(dataDir string) (uint64, error) {
	control, err := readControl(dataDir)
	if err != nil {
		return 0, err
	}
	return control.identifier(), nil
}

// SetSystemIdentifier gives a stopped cluster, usually a fresh clone, another
// system identifier, so that its WAL and its standbys can never be taken for
// those of another one. It writes global/pg_control and the first page of every
// WAL segment. The caller sees to Sync.
func SetSystemIdentifier(dataDir string, identifier uint64) error {
	control, err := readControl(dataDir)
	if err != nil {
		return err
	}
	if !control.shutDown() {
		return fmt.Errorf("set system identifier: cluster was not shut down in order")
	}
	old := control.identifier()
	segments, err := filepath.Glob(filepath.Join(dataDir, "pg_wal", "????????????????????????"))
	if err != nil {
		return fmt.Errorf("set system identifier: %w", err)
	}
	for _, segment := range segments {
		if err := setSegmentIdentifier(segment, old, identifier); err != nil {
			return fmt.Errorf("set system identifier: %w", err)
		}
	}
	binary.NativeEndian.PutUint64(control.bytes, identifier)
	if err := control.write(); err != nil {
		return fmt.Errorf("set system identifier: %w", err)
	}
	return nil
}

// setSegmentIdentifier changes XLogLongPageHeaderData.xlp_sysid, which pages
// of the WAL carry without a checksum.
func setSegmentIdentifier(segment string, old, identifier uint64) error {
	const position, longHeader = 24, 2 // XLP_LONG_HEADER of xlp_info
	f, err := os.OpenFile(segment, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	header := make([]byte, position+8)
	if _, err := f.ReadAt(header, 0); err != nil {
		return err
	}
	info, is := binary.NativeEndian.Uint16(header[2:]), binary.NativeEndian.Uint64(header[position:])
	if info&longHeader == 0 || is != old {
		return nil // made ahead, not written to yet
	}
	binary.NativeEndian.PutUint64(header[position:], identifier)
	if _, err := f.WriteAt(header[position:], position); err != nil {
		return err
	}
	return f.Close()
}

// control is global/pg_control: the system identifier in bytes 0–7, two version
// numbers, the state in bytes 16–19, more that differs by version, and a CRC-32C
// of all before it.
type control struct {
	path  string
	bytes []byte
	crc   int // position of the CRC
}

func readControl(dataDir string) (*control, error) {
	c := &control{path: filepath.Join(dataDir, "global", "pg_control")}
	b, err := os.ReadFile(c.path)
	if err != nil {
		return nil, fmt.Errorf("read pg_control: %w", err)
	}
	c.bytes = b
	table := crc32.MakeTable(crc32.Castagnoli)
	const least, most = 64, 508 // it fits into one sector of a disk
	sum := crc32.Checksum(b[:min(least, len(b))], table)
	for at := least; at <= most && at+4 <= len(b); at += 4 {
		if sum == binary.NativeEndian.Uint32(b[at:]) {
			c.crc = at
			return c, nil
		}
		sum = crc32.Update(sum, table, b[at:at+4])
	}
	return nil, errors.New("read pg_control: checksum not found: damaged, or of an unknown version")
}

func (c *control) identifier() uint64 { return binary.NativeEndian.Uint64(c.bytes) }

// shutDown reports DB_SHUTDOWNED.
func (c *control) shutDown() bool { return binary.NativeEndian.Uint32(c.bytes[16:]) == 1 }

// write puts the file back in place with a new CRC.
func (c *control) write() error {
	sum := crc32.Checksum(c.bytes[:c.crc], crc32.MakeTable(crc32.Castagnoli))
	binary.NativeEndian.PutUint32(c.bytes[c.crc:], sum)
	f, err := os.OpenFile(c.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(c.bytes[:c.crc+4], 0); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
