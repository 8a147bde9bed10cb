package proxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// The sizes of a cancel key's secret in bytes: protocol 3.0 has room for four,
// 3.2 for whatever we like.
const (
	shortSecret = 4
	longSecret  = 32
)

// cancelKey is what BackendKeyData tells a client.
//
// In protocol 3.0 the pid is 0, twelve bits of proxy number and nineteen random
// ones, and the secret sixteen random bits and sixteen of a MAC. In 3.2 the
// secret is the proxy number, 128 random bits and a MAC of 96. The MAC lets a
// proxy drop a forged key before it asks another proxy; the owner compares the
// whole key. Where a server connection is attached at login, the pid is the
// backend's own, since tools kill by it; whose a short key is only the MAC tells
// then, which is over the proxy number as well.
type cancelKey struct {
	pid    uint32
	secret []byte

	// Of the registry, which has those of one pid in a chain.
	session *session
	next    *cancelKey
}

// newKey makes a key with a secret of size bytes. pid is the backend's, or 0.
func newKey(fleet []byte, number uint16, pid uint32, size int) *cancelKey {
	k := &cancelKey{pid: pid, secret: make([]byte, size)}
	var random [20]byte
	rand.Read(random[:])
	if pid == 0 {
		k.pid = uint32(number&0xfff)<<19 | binary.BigEndian.Uint32(random[16:])>>13
	}
	if size == longSecret {
		binary.BigEndian.PutUint16(k.secret, number)
		copy(k.secret[4:], random[:16])
	} else {
		copy(k.secret, random[:2])
	}
	seal := k.seal(fleet, number)
	copy(k.secret[size-len(seal):], seal)
	return k
}

// seal returns the MAC that belongs at the end of a secret made by a proxy.
func (k *cancelKey) seal(fleet []byte, number uint16) []byte {
	size := 2
	if len(k.secret) == longSecret {
		size = 12
	}
	mac := hmac.New(sha256.New, fleet)
	mac.Write([]byte("postern cancel key"))
	mac.Write(binary.BigEndian.AppendUint16(nil, number))
	mac.Write(binary.BigEndian.AppendUint32(nil, k.pid))
	mac.Write(k.secret[:len(k.secret)-size])
	return mac.Sum(nil)[:size]
}

// madeBy reports whether that proxy of the fleet has made the key.
func (k *cancelKey) madeBy(fleet []byte, number uint16) bool {
	if len(k.secret) != shortSecret && len(k.secret) != longSecret {
		return false
	}
	seal := k.seal(fleet, number)
	return hmac.Equal(k.secret[len(k.secret)-len(seal):], seal)
}

// names returns the number that the key itself tells, for what that is worth.
func (k *cancelKey) names() uint16 {
	if len(k.secret) == longSecret {
		return binary.BigEndian.Uint16(k.secret)
	}
	return uint16(k.pid >> 19)
}
