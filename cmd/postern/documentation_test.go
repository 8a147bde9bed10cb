package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

const (
	documentation     = "../../docs/cli.md"
	documentationHead = `# The command line

Made from the commands themselves by ` + "`go test ./cmd/postern -run TestDocumentation -update`" + `.

Data goes to standard output, talk to standard error. Whatever prints data takes
` + "`-o json`" + ` (or ` + "`--json`" + `); fields may be added there, none is renamed. Verbs that find
nothing to do succeed and say ` + "`already_<state>`" + `. What destroys something asks on a
terminal and needs ` + "`--yes`" + ` elsewhere.

| exit code | means |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | usage or configuration error |
| 3 | not found |
| 4 | conflict |
| 5 | refused (quota, permission) |
| 6 | some of many failed |
| 7 | timed out or unavailable |
| 130 | interrupted |
`
)

// The documentation of the commands is what they say of themselves.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(documentationHead)
	for _, cmd := range leaves(newRootCommand(&app{})) {
		document(&b, cmd)
	}
	if *update {
		if err := os.WriteFile(documentation, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Error("docs/cli.md is not what the commands say; run this test with -update")
	}
}

func document(b *strings.Builder, cmd *cobra.Command) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n```\n%s\n", cmd.CommandPath(), text, cmd.UseLine())
	for _, flags := range []string{cmd.LocalFlags().FlagUsages(), cmd.InheritedFlags().FlagUsages()} {
		if flags != "" {
			fmt.Fprintf(b, "\n%s", flags)
		}
	}
	b.WriteString("```\n")
}
