package proxy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/catalog"
	"postern/proxy/wire"
)

// Fleet is the proxies that share a catalog; *membership.Member is one.
type Fleet interface {
	// Number is this proxy's, 0 to 4095, in its clients' cancel keys.
	Number() uint16
	// Proxies are those that live, this one included.
	Proxies(ctx context.Context) []catalog.Proxy
}

// alone is the Fleet of a proxy that shares its catalog with nobody.
type alone struct{}

func (alone) Number() uint16 { return 0 }

func (alone) Proxies(context.Context) []catalog.Proxy { return nil }

// forwardSeal is the size of the MAC behind the secret of a key that a proxy passes
// on, in bytes. By its length it says that it is never to be passed on again.
const forwardSeal = 16

// maker returns which proxy has made the key, if any has; without an address if it is
// not alive.
func (r *cancelRegistry) maker(ctx context.Context, key *cancelKey) (catalog.Proxy, bool) {
	for _, number := range []uint16{r.fleet.Number(), key.names()} {
		if key.madeBy(r.secret, number) {
			return r.proxy(ctx, number), true
		}
	}
	if len(key.secret) != shortSecret {
		return catalog.Proxy{}, false
	}
	for _, p := range r.fleet.Proxies(ctx) { // the pid may be a backend's
		if key.madeBy(r.secret, p.Number) {
			return p, true
		}
	}
	return catalog.Proxy{}, false
}

func (r *cancelRegistry) proxy(ctx context.Context, number uint16) catalog.Proxy {
	for _, p := range r.fleet.Proxies(ctx) {
		if p.Number == number {
			return p
		}
	}
	return catalog.Proxy{Number: number}
}

// seal makes a request that passes key on.
func seal(fleet []byte, key *cancelKey) wire.CancelRequest {
	secret := append([]byte(nil), key.secret...)
	return wire.CancelRequest{PID: key.pid, Secret: append(secret, sealOf(fleet, key)...)}
}

// unseal returns the key of a request, and whether another proxy has passed it on.
func unseal(fleet []byte, request *wire.CancelRequest) (_ *cancelKey, forwarded bool) {
	key := &cancelKey{pid: request.PID, secret: request.Secret}
	size := len(request.Secret) - forwardSeal
	if size != shortSecret && size != longSecret {
		return key, false
	}
	inner := &cancelKey{pid: request.PID, secret: request.Secret[:size]}
	if !hmac.Equal(sealOf(fleet, inner), request.Secret[size:]) {
		return key, false // which is nobody's
	}
	return inner, true
}

func sealOf(fleet []byte, key *cancelKey) []byte {
	mac := hmac.New(sha256.New, fleet)
	mac.Write([]byte("postern forwarded cancel request"))
	mac.Write(binary.BigEndian.AppendUint32(nil, key.pid))
	mac.Write(key.secret)
	return mac.Sum(nil)[:forwardSeal]
}

// forward sends a cancel request to another proxy and returns when that has dealt
// with it. It is encrypted if the other can; whose certificate that is does not
// matter, since the request proves itself and says nothing that is of use elsewhere.
func forward(ctx context.Context, address string, request wire.CancelRequest) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err = encrypt(ctx, conn)
	if err != nil {
		return fmt.Errorf("ask for TLS: %w", err)
	}
	if _, err := conn.Write(wire.AppendCancel(nil, request)); err != nil {
		return fmt.Errorf("send cancel request: %w", err)
	}
	_, err = conn.Read(make([]byte, 1))
	switch {
	case err == nil:
		return errors.New("it answers a cancel request")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return nil
	}
	return fmt.Errorf("wait for the cancel request to be taken: %w", err)
}

// encrypt asks for TLS and returns what to go on with.
func encrypt(ctx context.Context, conn net.Conn) (net.Conn, error) {
	request, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		return conn, err
	}
	if _, err := conn.Write(request); err != nil {
		return conn, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return conn, err
	}
	if answer[0] != 'S' {
		return conn, nil
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	return secure, secure.HandshakeContext(ctx)
}
