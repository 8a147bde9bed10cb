package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// copySize is how many bytes are copied each way.
const copySize = 100 << 20

// copyOutAndIn copies a file into a table and out of it again.
func copyOutAndIn(t *testing.T, a *tenant, dir string) {
	in, out := filepath.Join(dir, "in.tsv"), filepath.Join(dir, "out.tsv")
	writeRows(t, in)
	query(t, a.dsn(), "create unlogged table big(id bigint, body text)")
	psql{DSN: a.dsn(), Args: []string{"-c", `\copy big from '` + in + `'`}}.must(t)
	psql{DSN: a.dsn(), Args: []string{"-c", `\copy (select * from big order by id) to '` + out + `'`}}.must(t)
	if want, got := checksum(t, in), checksum(t, out); want != got {
		t.Errorf("sha256 %s went in, %s came out", want, got)
	}
	query(t, a.dsn(), "drop table big")
	for _, file := range []string{in, out} {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// writeRows writes copySize bytes of rows, short ones and some that are longer
// than any buffer on the way.
func writeRows(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = 'a' + byte(random.IntN(26))
	}
	for written, id := 0, 0; written < copySize; id++ {
		size := 60 + random.IntN(600)
		if id%5000 == 0 {
			size = 2 << 20
		}
		from := random.IntN(len(noise) - size)
		row := strconv.Itoa(id) + "\t" + string(noise[from:from+size]) + "\n"
		if _, err := w.WriteString(row); err != nil {
			t.Fatal(err)
		}
		written += len(row)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

func checksum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
