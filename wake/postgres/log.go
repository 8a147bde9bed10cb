package postgres

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// logTailSize is how much of a log an error carries at most, in bytes.
const logTailSize = 4096

// logTail is what was written to a log from some place on.
type logTail struct {
	path string
	from int64
}

// says reports whether the text was written.
func (t logTail) says(text string) bool {
	b, err := t.bytes()
	return err == nil && bytes.Contains(b, []byte(text))
}

// read returns the end of what was written, at most so many bytes, in whole
// lines.
func (t logTail) read(size int) string {
	b, err := t.bytes()
	if err != nil {
		return ""
	}
	if len(b) > size {
		b = b[len(b)-size:]
		if _, whole, ok := bytes.Cut(b, []byte("\n")); ok {
			b = whole
		}
	}
	return strings.TrimSpace(string(b))
}

func (t logTail) bytes() ([]byte, error) {
	f, err := os.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, t.from, 1<<20))
}

// LogTail returns the last lines of a log, at most 4 KiB; "" if there is none.
func LogTail(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return logTail{path: path, from: max(0, info.Size()-logTailSize-1)}.read(logTailSize)
}
