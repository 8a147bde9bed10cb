package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"postern/catalog"
)

// Operations keeps the records of work that nobody waits for; every store of
// Postern's does.
type Operations interface {
	// FileOperation keeps the record of a new operation.
	FileOperation(ctx context.Context, o catalog.Operation) error
	// MoveOperation files its next state; one that is over stays as it is.
	MoveOperation(ctx context.Context, id string, to catalog.OperationState, failure string) error
	// LookupOperation returns it, or catalog.ErrNoOperation.
	LookupOperation(ctx context.Context, id string) (catalog.Operation, error)
}

// Operation is work on a tenant that goes on after the answer.
type Operation struct {
	ID        string                 `json:"id"`
	Tenant    string                 `json:"tenant" doc:"What is worked on"`
	Kind      string                 `json:"kind" doc:"What is done" example:"create"`
	State     catalog.OperationState `json:"state" enum:"scheduling,running,finished,failed,cancelled"`
	Failure   string                 `json:"failure,omitempty" doc:"Why it failed or was cancelled"`
	CreatedAt time.Time              `json:"created_at"`
	UpdatedAt time.Time              `json:"updated_at"`
}

type operationInput struct {
	ID string `path:"id" doc:"The operation"`
}

type operationOutput struct {
	Body Operation
}

func (a *api) getOperation(ctx context.Context, in *operationInput) (*operationOutput, error) {
	if a.Operations == nil {
		return nil, problemf(http.StatusNotFound, "there is no operation %q", in.ID)
	}
	o, err := a.Operations.LookupOperation(ctx, in.ID)
	if errors.Is(err, catalog.ErrNoOperation) {
		return nil, problemf(http.StatusNotFound, "there is no operation %q", in.ID)
	}
	if err != nil {
		return nil, err
	}
	o = o.At(time.Now())
	return &operationOutput{Body: Operation{
		ID: o.ID, Tenant: string(o.Tenant), Kind: o.Kind, State: o.State, Failure: o.Failure,
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}}, nil
}

// operate has work go on beside the answer, at most for Config.Timeout, and returns
// the operation that tells what came of it; "" where that is not to be had, and
// then nothing was begun.
func (a *api) operate(ctx context.Context, t *catalog.Tenant, kind string, work func(context.Context) error) (id string, err error) {
	if a.Operations == nil || a.Background == nil {
		return "", nil
	}
	o := catalog.NewOperation(t.ID, kind, time.Now(), a.Timeout+operationMargin)
	if err := a.Operations.FileOperation(ctx, o); err != nil {
		return "", fmt.Errorf("%s tenant %s: %w", kind, t.ID, err)
	}
	a.Background(func(ctx context.Context) { a.carryOut(ctx, o, work) })
	return o.ID, nil
}

// operationMargin is left for filing the end of an operation.
const operationMargin = 10 * time.Second

func (a *api) carryOut(life context.Context, o catalog.Operation, work func(context.Context) error) {
	ctx, cancel := context.WithTimeout(life, a.Timeout)
	defer cancel()
	a.moveOperation(ctx, o, catalog.Running, "")
	err := work(ctx)
	ending, cancel := context.WithTimeout(context.WithoutCancel(life), operationMargin)
	defer cancel()
	switch {
	case err == nil:
		a.moveOperation(ending, o, catalog.Finished, "")
	case life.Err() != nil:
		a.moveOperation(ending, o, catalog.Cancelled, "Postern has ended")
	default:
		a.Log.Warn("operation failed", "operation", o.ID, "tenant", o.Tenant, "kind", o.Kind, "error", err)
		a.moveOperation(ending, o, catalog.Unfinished, err.Error())
	}
}

// moveOperation: the work goes on, whether the record of it can be written or not.
func (a *api) moveOperation(ctx context.Context, o catalog.Operation, to catalog.OperationState, failure string) {
	if err := a.Operations.MoveOperation(ctx, o.ID, to, failure); err != nil {
		a.Log.Warn("cannot file the state of an operation", "operation", o.ID, "tenant", o.Tenant, "state", to, "error", err)
	}
}
