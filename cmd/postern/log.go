package main

import (
	"fmt"
	"io"
	"log/slog"

	"postern/configs"
)

// newLogger returns the log that the configuration asks for, and its level, which
// can change.
func newLogger(config configs.Log, w io.Writer, terminal bool) (*slog.Logger, *slog.LevelVar, error) {
	level := new(slog.LevelVar)
	if err := setLevel(level, config); err != nil {
		return nil, nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	if config.Format == "text" || config.Format == "" && terminal {
		return slog.New(slog.NewTextHandler(w, options)), level, nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), level, nil
}

// setLevel sets level to what the configuration asks for.
func setLevel(level *slog.LevelVar, config configs.Log) error {
	if err := level.UnmarshalText([]byte(config.Level)); err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	return nil
}
