package superuser

import "context"

// Lock waits for the lock of that name in the instance, which Postern's superuser
// connections take among themselves, whichever proxy they are of. Close gives it up.
func (c *Conn) Lock(ctx context.Context, name string) error {
	return c.exec(ctx, "lock", "SELECT pg_advisory_lock("+lockKey(name)+")")
}

// TryLock is Lock, but does not wait for somebody else who has it.
func (c *Conn) TryLock(ctx context.Context, name string) (ours bool, err error) {
	found, err := c.strings(ctx, "lock", "SELECT pg_try_advisory_lock("+lockKey(name)+")::text")
	return len(found) == 1 && found[0] == "true", err
}

func lockKey(name string) string { return "hashtextextended(" + literal(name) + ", 0)" }
