package process

import (
	"fmt"
	"testing"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/superuser"
)

// BenchmarkByHand is what the others are held against: the same postgres on the
// same data directory, started and asked SELECT 1, with nothing around it.
func BenchmarkByHand(b *testing.B) {
	d := newDriver(b)
	tenant := drivertest.Tenant(b, "acme")
	awake(b, d, tenant)
	lull(b, d, tenant)
	h := d.tenant(tenant.ID)
	c := h.cluster(d.config.Installations[0])
	for b.Loop() {
		i, err := c.Start(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := h.ask(b.Context(), i); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := h.stop(b.Context(), i); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkWake is from asleep to an answered query.
func BenchmarkWake(b *testing.B) {
	d := newDriver(b)
	tenant := drivertest.Tenant(b, "acme")
	awake(b, d, tenant)
	lull(b, d, tenant)
	for b.Loop() {
		rouse(b, d, tenant)
		b.StopTimer()
		lull(b, d, tenant)
		b.StartTimer()
	}
}

// BenchmarkAdopt is a wake of what runs already.
func BenchmarkAdopt(b *testing.B) {
	d := newDriver(b)
	tenant := drivertest.Tenant(b, "acme")
	awake(b, d, tenant)
	for b.Loop() {
		rouse(b, d, tenant)
	}
}

// BenchmarkProvision is from nothing but the template to an answered query.
func BenchmarkProvision(b *testing.B) { benchmarkProvision(b, 0, 0) }

// BenchmarkProvisionPrepared is the same with a clone that lies ready.
func BenchmarkProvisionPrepared(b *testing.B) { benchmarkProvision(b, 1, 0) }

// BenchmarkProvisionSpare is the same with a spare that runs.
func BenchmarkProvisionSpare(b *testing.B) { benchmarkProvision(b, 0, 1) }

func benchmarkProvision(b *testing.B, prepared, spares int) {
	d := newSparing(b, spares, func(c *Config) { c.Prepared = prepared })
	n := 0
	for b.Loop() {
		n++
		b.StopTimer()
		prepare(b, d)
		b.StartTimer()
		tenant := drivertest.Tenant(b, catalog.TenantID(fmt.Sprint("acme-", n)))
		if err := d.Provision(b.Context(), tenant); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := d.Destroy(b.Context(), tenant, true); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkSuspend is from awake and idle to the end of the process.
func BenchmarkSuspend(b *testing.B) {
	d := newDriver(b)
	tenant := drivertest.Tenant(b, "acme")
	awake(b, d, tenant)
	for b.Loop() {
		if err := d.Suspend(b.Context(), tenant, wake.Suspension{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		conn, err := superuser.Connect(b.Context(), rouse(b, d, tenant), "postgres")
		if err != nil {
			b.Fatal(err)
		}
		conn.Close()
		b.StartTimer()
	}
}
