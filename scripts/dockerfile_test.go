package scripts

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The Dockerfile is not built where tests run, so its text is checked: what a
// reader would look for, and the slips that only show when it is too late.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := parseDockerfile(t, string(text))

	var names []string
	for _, s := range stages {
		names = append(names, s.name)
		if image, _, _ := strings.Cut(s.image, ":"); strings.Contains(image, "/") {
			t.Errorf("stage %q names a registry: %s", s.name, s.image)
		}
		if s.image != "scratch" && !strings.Contains(s.image, ":") {
			t.Errorf("stage %q: image %s has no tag", s.name, s.image)
		}
	}
	if !slices.Equal(names, []string{"build", "dev", ""}) {
		t.Fatalf("stages are %q, want build, dev and the one that is made by default", names)
	}

	build := stages[0]
	if run := strings.Join(build.all("RUN"), "\n"); !strings.Contains(run, "CGO_ENABLED=0 go build -trimpath -o /postern ./cmd/postern") {
		t.Errorf("the build is not static, or keeps paths:\n%s", run)
	}
	if i, j := build.index("COPY", "go.mod"), build.index("COPY", ". ."); i < 0 || j < i {
		t.Error("go.mod must be copied, and modules downloaded, before the source is")
	}
	for _, s := range stages[1:] {
		for keyword, want := range map[string]string{"STOPSIGNAL": "SIGTERM", "EXPOSE": "6432 6480"} {
			if got := s.all(keyword); !slices.Equal(got, []string{want}) {
				t.Errorf("stage %q: %s is %q, want %q", s.name, keyword, got, want)
			}
		}
		user := s.all("USER")
		if len(user) != 1 || user[0] == "root" || strings.HasPrefix(user[0], "0") {
			t.Errorf("stage %q runs as %q, want a user that is not root", s.name, user)
		}
		if s.index("USER", "") < s.index("RUN", "") {
			t.Errorf("stage %q: RUN after USER cannot install anything", s.name)
		}
		for _, keyword := range []string{"ENTRYPOINT", "CMD"} {
			if got := s.all(keyword); len(got) != 1 || !strings.HasPrefix(got[0], "[") {
				t.Errorf("stage %q: %s is %q, want one in exec form, or signals do not arrive", s.name, keyword, got)
			}
		}
		if s.index("COPY", "--from=build /postern") < 0 {
			t.Errorf("stage %q lacks the binary", s.name)
		}
	}
	run := strings.Join(stages[1].all("RUN"), "\n")
	cluster, install := strings.Index(run, "create_main_cluster = false"), strings.Index(run, "apt-get install")
	if cluster < 0 || install < cluster {
		t.Error("the dev stage must switch the default cluster off before it installs postgresql")
	}
}

type stage struct {
	image, name  string
	instructions []instruction
}

type instruction struct{ keyword, arguments string }

// all returns the arguments of each instruction with the keyword.
func (s stage) all(keyword string) []string {
	var all []string
	for _, i := range s.instructions {
		if i.keyword == keyword {
			all = append(all, i.arguments)
		}
	}
	return all
}

// index returns where the first such instruction stands, or -1.
func (s stage) index(keyword, arguments string) int {
	return slices.IndexFunc(s.instructions, func(i instruction) bool {
		return i.keyword == keyword && strings.Contains(i.arguments, arguments)
	})
}

func parseDockerfile(t *testing.T, text string) []stage {
	t.Helper()
	known := []string{"FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "EXPOSE", "USER", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
	var stages []stage
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		keyword, arguments, _ := strings.Cut(line, " ")
		if !slices.Contains(known, keyword) {
			t.Fatalf("unknown instruction: %s", line)
		}
		if keyword == "FROM" {
			image, name, _ := strings.Cut(arguments, " AS ")
			stages = append(stages, stage{image: image, name: name})
			continue
		}
		if len(stages) == 0 {
			t.Fatalf("%s before FROM", keyword)
		}
		s := &stages[len(stages)-1]
		s.instructions = append(s.instructions, instruction{keyword, arguments})
	}
	return stages
}
