package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// addYes gives a destructive command the flag --yes.
func addYes(cmd *cobra.Command) *bool {
	return cmd.Flags().BoolP("yes", "y", false, "do not ask")
}

// confirm asks before something is destroyed. Without a terminal there is nobody
// to ask, and --yes is needed.
func (a *app) confirm(ctx context.Context, yes bool, question string, args ...any) error {
	if yes {
		return nil
	}
	question = fmt.Sprintf(question, args...)
	if !a.terminal {
		return usageErrorf("%s needs --yes where there is no terminal to ask at", strings.TrimSuffix(question, "?"))
	}
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	answer, err := a.readLine(ctx)
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing done")
}
