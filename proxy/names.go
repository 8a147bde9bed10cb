package proxy

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pool"
	"postern/proxy/wire"
)

// inClientsNames has the refusal of a login call the role and the database what the
// client does, not what they are called in an instance that tenants share.
func inClientsNames(err error, client, server pool.Login) error {
	var refused *pool.RefusedError
	if !errors.As(err, &refused) || client.Role == server.Role && client.Database == server.Database {
		return err
	}
	var m pgproto3.ErrorResponse
	if m.Decode(refused.Message[wire.HeaderSize:]) != nil {
		return err
	}
	// Within quotes, since one name can begin with the other.
	names := strings.NewReplacer(`"`+server.Role+`"`, `"`+client.Role+`"`, `"`+server.Database+`"`, `"`+client.Database+`"`)
	for _, text := range []*string{&m.Message, &m.Detail, &m.Hint} {
		*text = names.Replace(*text)
	}
	if message, encodeErr := m.Encode(nil); encodeErr == nil {
		refused.Message = message
	}
	return err
}
