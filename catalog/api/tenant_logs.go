package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// maxLog is how much of the end of a log is looked at, in bytes.
const maxLog = 1 << 20

// Logs is the end of a tenant's own log.
type Logs struct {
	ID    string   `json:"id"`
	Lines []string `json:"lines" nullable:"false" doc:"The last lines, oldest first"`
}

type getLogsInput struct {
	TenantPath
	Lines int `query:"lines" minimum:"1" maximum:"10000" default:"200" doc:"The most lines to return; they are sought in the last MiB"`
}

type getLogsOutput struct {
	Body Logs
}

func (a *api) getLogs(ctx context.Context, in *getLogsInput) (*getLogsOutput, error) {
	t, err := a.lookup(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	status, err := a.Instances.Status(ctx, t)
	if err != nil {
		return nil, err
	}
	if status.Log == "" {
		return nil, problemf(http.StatusNotImplemented, "driver %s keeps no log of tenant %s", t.Driver, t.ID)
	}
	lines, err := lastLines(status.Log, in.Lines)
	if err != nil {
		return nil, fmt.Errorf("read log of tenant %s: %w", t.ID, err)
	}
	return &getLogsOutput{Body: Logs{ID: string(t.ID), Lines: lines}}, nil
}

// lastLines returns at most n lines from the end of a file, within its last
// maxLog bytes. A file that is not there has no lines.
func lastLines(name string, n int) ([]string, error) {
	// The directory belongs to the user that runs the instances: follow no link
	// out of it.
	file, err := os.OpenInRoot(filepath.Dir(name), filepath.Base(name))
	if errors.Is(err, fs.ErrNotExist) {
		return []string{}, nil
	} else if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	start := max(0, info.Size()-maxLog)
	text, err := io.ReadAll(io.NewSectionReader(file, start, maxLog))
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return []string{}, nil
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if start > 0 && len(lines) > 1 {
		lines = lines[1:] // most likely the end of a longer line
	}
	return lines[max(0, len(lines)-n):], nil
}
