package router

import (
	"sync"
	"testing"
)

// Promises: J8.
func TestAdmission(t *testing.T) {
	t.Parallel()
	a := NewAdmission(2)
	first, ok1 := a.Admit()
	second, ok2 := a.Admit()
	if _, ok3 := a.Admit(); !ok1 || !ok2 || ok3 {
		t.Fatalf("admitted %v %v %v, want the first two", ok1, ok2, ok3)
	}
	first.Release()
	first.Release() // counts once
	if _, ok := a.Admit(); !ok {
		t.Error("a released place stays taken")
	}
	if _, ok := a.Admit(); ok {
		t.Error("a place was given back twice")
	}
	second.Release()
}

func TestAdmissionResize(t *testing.T) {
	t.Parallel()
	a := NewAdmission(2)
	first, _ := a.Admit()
	second, _ := a.Admit()
	a.Resize(1) // who is in stays
	first.Release()
	if _, ok := a.Admit(); ok {
		t.Error("admitted beyond the new bound")
	}
	second.Release()
	a.Resize(3)
	for range 3 {
		if _, ok := a.Admit(); !ok {
			t.Error("refused within the new bound")
		}
	}
}

func TestAdmissionNeverExceedsItsBound(t *testing.T) {
	t.Parallel()
	a := NewAdmission(10)
	tickets := make(chan *Ticket, 100)
	var clients sync.WaitGroup
	for range 100 {
		clients.Go(func() {
			if ticket, ok := a.Admit(); ok {
				tickets <- ticket
			}
		})
	}
	clients.Wait()
	if len(tickets) > 10 {
		t.Errorf("%d clients were admitted", len(tickets))
	}
	for range len(tickets) {
		(<-tickets).Release()
	}
	for i := range 10 {
		if _, ok := a.Admit(); !ok {
			t.Fatalf("only %d places are left", i)
		}
	}
}
