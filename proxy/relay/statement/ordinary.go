package statement

// Ordinary reports whether the text changes nothing that anybody has to ask about,
// and does nothing beyond its data.
func (s *Summary) Ordinary() bool {
	return s.Changes == 0 && s.Ends == 0 && s.Effects == 0 && !s.Truncated && s.Settings == nil && s.Databases == nil
}

// Deallocated returns the name of the prepared statement if the text is a single
// DEALLOCATE of one, else "".
func (s *Summary) Deallocated() string {
	if s.Statements == 1 && s.Ends&Prepared != 0 && !s.DeallocateAll && len(s.Names) == 1 {
		return s.Names[0].Name
	}
	return ""
}
