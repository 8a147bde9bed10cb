package superuser

import "context"

// others selects the sessions of pg_stat_activity that are not this proxy's own. A
// superuser's connection of another proxy counts: it does something for somebody.
const others = `backend_type IN ('client backend', 'walsender')
	AND pid <> pg_backend_pid()
	AND application_name NOT IN ('` + ApplicationName + `', current_setting('application_name'))`

// Busy lists what is there of the tenant that is not this proxy's own, a phrase each:
// sessions of clients, whatever they do, replication, prepared transactions, and
// replication slots in use. None of it means that the instance may be stopped.
//
// The backends that are given by process id are this proxy's, too, as long as they are
// idle.
func (c *Conn) Busy(ctx context.Context, own ...uint32) ([]string, error) {
	pids := make([]int64, len(own)) // not nil, which would be NULL
	for n, pid := range own {
		pids[n] = int64(pid)
	}
	return c.strings(ctx, "look who is at work", `
		SELECT format('%s of role %s%s%s',
		              CASE backend_type WHEN 'walsender' THEN 'replication' ELSE 'session' END,
		              CASE WHEN starts_with(usename, $1) THEN substr(usename, length($1) + 1) ELSE usename END,
		              ' (' || nullif(application_name, '') || ')',
		              ': ' || state)
		  FROM pg_stat_activity WHERE `+others+` AND (`+c.owns("datname")+` OR `+c.ownsRole("usename")+`)
		   AND NOT (pid = ANY ($2::bigint[]) AND state = 'idle')
		UNION ALL
		SELECT format('prepared transaction %s', gid) FROM pg_prepared_xacts WHERE `+c.owns("database")+`
		UNION ALL
		SELECT format('replication slot %s', slot_name) FROM pg_replication_slots
		 WHERE active AND `+c.owns("database"),
		c.endpoint.Share.RolePrefix(), pids)
}

// TerminateClients ends every session of the tenant that is not this proxy's own with
// 57P01. It does not wait for them to be gone.
func (c *Conn) TerminateClients(ctx context.Context) error {
	return c.exec(ctx, "terminate clients", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "+others+
		" AND ("+c.owns("datname")+" OR "+c.ownsRole("usename")+")")
}
