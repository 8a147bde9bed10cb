package catalog

// defaultLimit is what Query.Limit means by 0.
const defaultLimit = 100

// Selects reports whether List returns t, its limit and Unheld aside.
func (q Query) Selects(t *Tenant) bool {
	if t.ID <= q.After || q.State != "" && t.State != q.State || t.Deleted() && !q.Deleted {
		return false
	}
	for name, value := range q.Labels {
		if has, ok := t.Labels[name]; !ok || has != value {
			return false
		}
	}
	return true
}

// Most is the greatest number of tenants that List returns.
func (q Query) Most() int {
	if q.Limit <= 0 {
		return defaultLimit
	}
	return q.Limit
}
