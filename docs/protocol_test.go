package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sections are the promises that protocol.md must have, from and to which number
// of each letter.
var sections = map[string][2]int{
	"A": {1, 29}, "B": {30, 45}, "C": {46, 82}, "D": {83, 87}, "E": {88, 95}, "F": {96, 108}, "G": {109, 120},
	"H": {1, 3}, "I": {1, 6}, "J": {1, 9}, "K": {1, 10},
}

// vulnerabilities are those that it must have besides.
var vulnerabilities = []string{
	"CVE-2012-4575", "CVE-2015-4054", "CVE-2015-6817", "CVE-2021-3935", "CVE-2021-43766", "CVE-2021-43767",
	"CVE-2025-2291", "CVE-2025-12819", "CVE-2026-6664", "CVE-2026-6665", "CVE-2026-6666", "CVE-2026-6667",
}

// transcripts is the test that runs the scripts of package pgtest.
const transcripts = "proxy.TestTranscripts"

// TestPromises holds protocol.md against the tests: each promise is there and is
// kept by tests that say so themselves, or says why not; and each test that says
// so is named there.
func TestPromises(t *testing.T) {
	t.Parallel()
	rows := promiseRows(t)
	marks, tests := promiseMarks(t)
	for _, promise := range wantedPromises() {
		if rows[promise] == nil {
			t.Errorf("protocol.md has no promise %s", promise)
		}
	}
	for promise, row := range rows {
		if !slices.Contains(wantedPromises(), promise) {
			t.Errorf("protocol.md has a promise %s, which this test does not know", promise)
		}
		if len(row.tests) == 0 && !strings.Contains(row.rest, "Does not apply: ") && !strings.HasPrefix(row.rest, "Later: ") {
			t.Errorf("%s has neither a test nor a reason", promise)
		}
		for _, test := range row.tests {
			switch {
			case !tests[test]:
				t.Errorf("%s: there is no test %s", promise, test)
			case !slices.Contains(marks[test], promise):
				t.Errorf("%s: %s does not say that it keeps it", promise, test)
			}
		}
	}
	for test, promises := range marks {
		for _, promise := range promises {
			if row := rows[promise]; row == nil || !slices.Contains(row.tests, test) {
				t.Errorf("%s says that it keeps %s, and protocol.md does not", test, promise)
			}
		}
	}
}

// wantedPromises are the names of all that protocol.md must have.
func wantedPromises() []string {
	wanted := slices.Clone(vulnerabilities)
	for letter, numbers := range sections {
		for n := numbers[0]; n <= numbers[1]; n++ {
			wanted = append(wanted, letter+strconv.Itoa(n))
		}
	}
	return wanted
}

// promiseRow is a row of a table.
type promiseRow struct {
	tests []string
	rest  string // of the last cell, without them
}

var (
	promiseLine = regexp.MustCompile(`(?m)^\| ((?:[A-K]|CVE-\d+-)\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$`)
	testName    = regexp.MustCompile("`([a-z0-9/]+\\.(?:Test|Fuzz)\\w+(?:/[^`]+)?)`(?:, )?")
)

func promiseRows(t *testing.T) map[string]*promiseRow {
	t.Helper()
	page := read(t, "protocol.md")
	rows := make(map[string]*promiseRow)
	for _, match := range promiseLine.FindAllStringSubmatch(page, -1) {
		if rows[match[1]] != nil {
			t.Errorf("protocol.md has %s twice", match[1])
		}
		row := &promiseRow{rest: strings.TrimLeft(testName.ReplaceAllString(match[2], ""), ". ")}
		for _, test := range testName.FindAllStringSubmatch(match[2], -1) {
			row.tests = append(row.tests, test[1])
		}
		rows[match[1]] = row
	}
	// Whatever looks like a row must have been read as one.
	if lines := strings.Count(page, "\n| ") - strings.Count(page, "\n| promise |"); lines != len(rows) {
		t.Errorf("protocol.md has %d rows, of which %d could be read", lines, len(rows))
	}
	return rows
}

var mark = regexp.MustCompile(`(?m)^Promises: ([A-K0-9CVE, -]+)\.$`)

// promiseMarks returns what tests say which promises they keep, and which tests
// there are, by the names that protocol.md uses.
func promiseMarks(t *testing.T) (marks map[string][]string, tests map[string]bool) {
	t.Helper()
	marks, tests = make(map[string][]string), make(map[string]bool)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		dir, file := filepath.Split(path)
		dir = strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(dir), "../"), "/")
		scripts := dir == "proxy/pgtest" && strings.HasPrefix(file, "scripts")
		if err != nil || !scripts && !strings.HasSuffix(file, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		said := 0
		for _, declared := range parsed.Decls {
			function, ok := declared.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := dir + "." + function.Name.Name
			if scripts {
				said += scriptMarks(parsed, function, marks, tests)
				continue
			}
			tests[name] = true
			if found := markIn(function.Doc); found != nil {
				marks[name] = append(marks[name], found...)
				said++
			}
		}
		for _, comment := range parsed.Comments {
			if strings.Contains(comment.Text(), "Promises: ") {
				said--
			}
		}
		if said != 0 {
			return fmt.Errorf("%s: promises stand where they belong to no test, or are not written as they should be", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return marks, tests
}

// scriptMarks does the same for the scripts that a function makes, whose marks
// stand in front of each, and returns how many those are.
func scriptMarks(file *ast.File, function *ast.FuncDecl, marks map[string][]string, tests map[string]bool) (said int) {
	names := make(map[token.Pos]string) // by where the script begins
	ast.Inspect(function, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		for _, element := range literal.Elts {
			field, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			value, ok := field.Value.(*ast.BasicLit)
			if key, isName := field.Key.(*ast.Ident); ok && isName && key.Name == "Name" {
				name, _ := strconv.Unquote(value.Value)
				names[literal.Pos()] = transcripts + "/" + name
				tests[transcripts+"/"+name] = true
			}
		}
		return true
	})
	begins := slices.Sorted(maps.Keys(names))
	for _, comment := range file.Comments {
		found := markIn(comment)
		if found == nil || comment.Pos() < function.Pos() || comment.Pos() > function.End() {
			continue
		}
		if i, _ := slices.BinarySearch(begins, comment.End()); i < len(begins) {
			marks[names[begins[i]]] = append(marks[names[begins[i]]], found...)
			said++
		}
	}
	return said
}

// markIn returns the promises in a comment, nil if it names none.
func markIn(comment *ast.CommentGroup) []string {
	match := mark.FindStringSubmatch(comment.Text())
	if match == nil {
		return nil
	}
	return strings.Split(match[1], ", ")
}
