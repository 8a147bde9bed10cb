package process

import (
	"strings"
	"testing"
)

func TestConf(t *testing.T) {
	t.Parallel()
	text := conf(15, map[string]string{"work_mem": "1MB", "jit": "on"}, map[string]string{"work_mem": "2MB", "a.b": `'\`})
	for _, want := range []string{"\nwork_mem = '2MB'\n", "\njit = 'on'\n", "\na.b = '''\\\\'\n", "\nlisten_addresses = ''\n", "\ntemp_file_limit = '10GB'\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if own := conf(15, nil, map[string]string{"temp_file_limit": "-1", "shared_buffers": "64MB"}); !strings.Contains(own, "\ntemp_file_limit = '-1'\n") ||
		!strings.Contains(own, "\nshared_buffers = '64MB'\n") {
		t.Errorf("a tenant's own bounds are not in\n%s", own)
	}
	if strings.Contains(text, "io_method") || !strings.Contains(conf(18), "io_method = 'sync'") {
		t.Error("io_method is for version 18 alone")
	}
	if text != conf(15, map[string]string{"work_mem": "1MB", "jit": "on"}, map[string]string{"work_mem": "2MB", "a.b": `'\`}) {
		t.Error("the same settings make another text")
	}
}
