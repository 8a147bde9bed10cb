package proxy

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pool"
	"postern/proxy/wire"
)

// A refusal speaks of the client's names, with all its other fields as they were.
func TestInClientsNames(t *testing.T) {
	t.Parallel()
	client := pool.Login{Role: "app", Database: "app"}
	server := pool.Login{Role: "t_0123456789ab_app", Database: "t_0123456789ab"}
	for _, test := range []struct{ message, detail, want string }{
		{`database "t_0123456789ab" does not exist`, "", `database "app" does not exist`},
		{`too many connections for role "t_0123456789ab_app"`, "", `too many connections for role "app"`},
		{`permission denied for database "t_0123456789ab"`, "User does not have CONNECT privilege.", `permission denied for database "app"`},
	} {
		message := mustEncode(nil, &pgproto3.ErrorResponse{
			Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "3D000", Message: test.message, Detail: test.detail,
			File: "postinit.c", Line: 948, Routine: "InitPostgres", UnknownFields: map[byte]string{},
		})
		refused := &pool.RefusedError{Code: "3D000", Message: message}
		if err := inClientsNames(refused, client, server); err != refused {
			t.Fatalf("another error: %v", err)
		}
		var got pgproto3.ErrorResponse
		if err := got.Decode(refused.Message[wire.HeaderSize:]); err != nil {
			t.Fatal(err)
		}
		if got.Message != test.want || got.Detail != test.detail || got.Line != 948 || got.Routine != "InitPostgres" || got.Severity != "FATAL" {
			t.Errorf("%s: %+v", test.message, got)
		}
	}
	other := errors.New("another")
	if err := inClientsNames(other, client, server); err != other {
		t.Errorf("error %v", err)
	}
	own := &pool.RefusedError{Code: "3D000", Message: []byte("whatever it is")}
	if err := inClientsNames(own, client, client); err != own || string(own.Message) != "whatever it is" {
		t.Errorf("an instance of the tenant's own: %v, %q", err, own.Message)
	}
}
