package docs

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/configs"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// texts returns the text of an SVG's text elements, which must be well-formed.
func texts(t *testing.T, path string) []string {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(read(t, path)))
	var all []string
	inText := false
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.CharData:
			if inText {
				all = append(all, string(token))
			}
		case xml.EndElement:
			inText = false
		}
	}
}

// TestPictureMatchesCode holds the stages of the picture and of the table in
// design.md against those that sessions go through, and that name packages
// against the directories.
func TestPictureMatchesCode(t *testing.T) {
	t.Parallel()
	var stages []string
	for _, match := range regexp.MustCompile(`(?m)^\t\t\w+: +"(\w+)",`).FindAllStringSubmatch(read(t, "../proxy/stage.go"), -1) {
		stages = append(stages, match[1])
	}
	if len(stages) < 5 {
		t.Fatalf("proxy/stage.go has the stages %q", stages)
	}
	// Some packages, in the column beside, have the names of stages.
	var drawn []string
	for _, text := range texts(t, "way-in.svg") {
		if slices.Contains(stages, text) && !slices.Contains(drawn, text) {
			drawn = append(drawn, text)
		}
	}
	if !slices.Equal(drawn, stages) {
		t.Errorf("the picture has the stages %q, the code %q", drawn, stages)
	}
	var described []string
	for _, match := range regexp.MustCompile(`(?m)^\| \d+ \| (\w+) \|`).FindAllStringSubmatch(read(t, "design.md"), -1) {
		described = append(described, match[1])
	}
	if !slices.Equal(described, stages) {
		t.Errorf("design.md has the stages %q, the code %q", described, stages)
	}
	for _, path := range []string{"proxy", "proxy/wire", "proxy/auth", "proxy/pool", "proxy/engine", "proxy/relay", "router", "catalog", "wake"} {
		if _, err := os.Stat(filepath.Join("..", path, "doc.go")); err != nil {
			t.Errorf("package %s: %v", path, err)
		}
	}
}

// TestLinks follows every relative link.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md", "../CHANGELOG.md") {
		for _, match := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(read(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// TestReadmeSettings looks for each setting that the README names.
func TestReadmeSettings(t *testing.T) {
	t.Parallel()
	example := read(t, "../configs/postern.toml")
	for _, match := range regexp.MustCompile("`([a-z]+(?:\\.[a-z]+)*)\\.([a-z_]+)(?: = [^`]*)?`").FindAllStringSubmatch(read(t, "../README.md"), -1) {
		table, name := match[1], match[2]
		_, below, found := strings.Cut(example, "\n["+table+"]\n")
		if !found {
			continue // the name of a file
		}
		below, _, _ = strings.Cut(below, "\n[")
		if !strings.Contains("\n"+below, "\n"+name+" = ") {
			t.Errorf("README names %s.%s, which postern.toml does not have", table, name)
		}
	}
}

// TestReadmeConfigurations loads the configurations that the README shows.
func TestReadmeConfigurations(t *testing.T) {
	t.Parallel()
	loaded := 0
	for _, match := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(read(t, "../README.md"), -1) {
		if !strings.Contains(match[1], "[catalog]") {
			continue // a tenant's file
		}
		path := filepath.Join(t.TempDir(), "postern.toml")
		if err := os.WriteFile(path, []byte(match[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		config, err := configs.Load(path, nil, nil)
		if err == nil {
			err = config.Complete()
		}
		if err != nil {
			t.Error(err)
		}
		loaded++
	}
	if loaded == 0 {
		t.Error("the README shows no configuration")
	}
}
