package configs

// Changed returns the keys of the settings in which next differs from c, in the
// order of the documentation.
func (c Config) Changed(next Config) []string {
	var keys []string
	others := settings(&next)
	for i, s := range settings(&c) {
		if !equal(s.field, others[i].field) {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// Changeable reports whether a running Postern can bring another value of the
// setting into effect; else it needs a restart.
func Changeable(key string) bool {
	var c Config
	for _, s := range settings(&c) {
		if s.key == key {
			return s.changeable()
		}
	}
	return false
}

// changeable: what nothing obeys yet can be changed, too.
func (s setting) changeable() bool { return s.tag.Get("live") != "" || s.tag.Get("later") != "" }
