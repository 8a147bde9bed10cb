package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// output is how a command prints its data.
type output struct {
	format format
	json   bool
}

// addOutput gives cmd the flags -o and --json.
func addOutput(cmd *cobra.Command) *output {
	o := &output{format: "table"}
	cmd.Flags().VarP(&o.format, "output", "o", "`format` of the data, table or json")
	cmd.Flags().BoolVar(&o.json, "json", false, "same as -o json")
	return o
}

// text writes value as JSON, or calls plain for people.
func (o *output) text(w io.Writer, value any, plain func(w io.Writer)) error {
	if !o.json && o.format != "json" {
		plain(w)
		return nil
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// table writes value as JSON, or the rows that rows writes, in columns.
func (o *output) table(w io.Writer, value any, rows func(w io.Writer)) error {
	return o.text(w, value, func(w io.Writer) {
		columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		rows(columns)
		_ = columns.Flush()
	})
}

// format is "table" or "json". (pflag.Value)
type format string

func (f *format) String() string { return string(*f) }

func (f *format) Type() string { return "format" }

func (f *format) Set(s string) error {
	if s != "table" && s != "json" {
		return fmt.Errorf("want table or json")
	}
	*f = format(s)
	return nil
}

// row writes the cells of one line of a table.
func row(w io.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = cellText(cell)
	}
	fmt.Fprintln(w, strings.Join(texts, "\t"))
}

// cellText keeps a cell on its line, and shows that an empty one is there.
func cellText(cell any) string {
	var text string
	switch cell := cell.(type) {
	case time.Time:
		text = cell.UTC().Format(time.RFC3339)
	case *time.Time:
		if cell != nil {
			text = cell.UTC().Format(time.RFC3339)
		}
	default:
		text = fmt.Sprint(cell)
	}
	if text == "" {
		return "-"
	}
	return strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(text)
}
