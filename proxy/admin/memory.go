package admin

import (
	"context"
	"runtime"
	"slices"
)

func memoryColumns() []column {
	return slices.Concat(text("name"), bigint("size", "used", "free", "memtotal"))
}

// memoryRows tells what the process holds, in bytes. PgBouncer counts objects of a
// size; here a size is 1.
func (c *Console) memoryRows(context.Context) ([]row, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	area := func(name string, total, used uint64) row {
		return row{name, int64(1), int64(used), int64(total - min(used, total)), int64(total)}
	}
	return []row{
		area("heap", m.HeapSys-m.HeapReleased, m.HeapAlloc),
		area("stacks", m.StackSys, m.StackInuse),
		area("runtime", m.GCSys+m.OtherSys+m.MSpanSys+m.MCacheSys+m.BuckHashSys, m.GCSys+m.OtherSys+m.MSpanInuse+m.MCacheInuse+m.BuckHashSys),
	}, nil
}
