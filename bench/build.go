package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// buildPostern builds the program of this checkout into dir, as it is released.
func buildPostern(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "postern")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "./cmd/postern")
	command.Env = append(command.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build postern: %w: %s", err, output)
	}
	return program, nil
}
