package leaktest

import (
	"context"
	"time"
)

// cancelAgain is how long a canceller waits before it thinks that its request
// came before the query.
const cancelAgain = 200 * time.Millisecond

// cancel cancels a query that would take half a minute.
func (c *client) cancel() {
	c.perform() // what was planned before must not be cancelled
	if c.ended() {
		return
	}
	st := selects(aboutRow, "select $1::text from pg_sleep(30)", "")
	st.rows[0][0] = c.word()
	st.params, st.fails = st.rows[0], canceled
	c.alone(st)
	c.session.prepared[""] = prepared{form: formOther} // whoever cancels may do so before the server has seen it
	delay := time.Duration(c.random.IntN(10_000)) * time.Microsecond
	if c.random.IntN(3) == 0 {
		delay = 0
	}
	answered, stopped := make(chan struct{}), make(chan struct{})
	go c.canceller(delay, answered, stopped)
	c.perform()
	close(answered)
	<-stopped // so that no request comes later than this
}

// canceller sends requests until the answer is there.
func (c *client) canceller(delay time.Duration, answered <-chan struct{}, stopped chan<- struct{}) {
	defer close(stopped)
	for {
		select {
		case <-answered:
			return
		case <-time.After(delay):
		}
		c.sendCancel()
		delay = cancelAgain
	}
}

// sendCancel sends a CancelRequest and waits until it was taken.
func (c *client) sendCancel() {
	ctx, done := context.WithTimeout(c.ctx, c.config.timeout())
	defer done()
	_ = c.conn.CancelRequest(ctx) // if it did not work, it is sent again
}

// strayCancel cancels when there is nothing to cancel: nobody may feel it.
func (c *client) strayCancel() {
	c.perform()
	if c.ended() {
		return
	}
	c.note("CancelRequest, but nothing runs")
	c.sendCancel()
}
