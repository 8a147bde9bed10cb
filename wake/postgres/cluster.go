package postgres

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// DefaultPort names the socket, and a TCP port only if Settings ask for one.
const DefaultPort = 5432

// MaxSocketPath is the longest path of a Unix socket in bytes.
const MaxSocketPath = 107

// Cluster is one data directory and how to run it. It holds no state: whoever
// calls its methods sees to it that nobody else does at the same time.
type Cluster struct {
	Installation
	// User runs it and owns its files.
	User User
	// DataDir is absolute.
	DataDir string
	// SocketDir holds the Unix socket; it must exist, and User must be able to
	// write there.
	SocketDir string
	// LogFile takes stdout and stderr; it is made if need be and appended to.
	LogFile string
	// Port is 5432 if 0.
	Port int
	// Settings go on the command line, where nothing can override them. There is
	// no TCP unless listen_addresses is among them.
	Settings map[string]string
}

// SocketPath is where clients of this machine connect to.
func (c *Cluster) SocketPath() string {
	return SocketPath(c.SocketDir, c.port())
}

// SocketPath is the socket that Postgres makes in dir for a port.
func SocketPath(dir string, port int) string {
	return filepath.Join(dir, ".s.PGSQL."+strconv.Itoa(port))
}

func (c *Cluster) port() int { return cmp.Or(c.Port, DefaultPort) }

// arguments is the command line of the postmaster, which others recognise it
// by: it begins with <bindir>/postgres -D <data directory>.
func (c *Cluster) arguments() []string {
	args := []string{filepath.Join(c.BinDir, "postgres"), "-D", c.DataDir, "-k", c.SocketDir, "-p", strconv.Itoa(c.port())}
	if _, ok := c.Settings["listen_addresses"]; !ok {
		args = append(args, "-c", "listen_addresses=")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		args = append(args, "-c", name+"="+c.Settings[name])
	}
	return args
}

// environment is what Postgres gets to see: no secrets of this process, and no
// PG variables, which it would take as settings.
func environment() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "TZ"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// DataVersion reads the major version that a data directory was made with. The
// error is fs.ErrNotExist where there is none.
func DataVersion(dir string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("read %s/PG_VERSION: %w", dir, err)
	}
	return major, nil
}
