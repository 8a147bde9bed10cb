package proxy

import (
	"testing"
)

// Keys are of their proxy and client alone, and no key is made by changing one.
//
// Promises: E92, J7.
func TestE92KeysAreTheirOwn(t *testing.T) {
	t.Parallel()
	fleet, other := []byte("a secret of thirty-two bytes, yes"), []byte("another secret of as many bytes..")
	for _, size := range []int{shortSecret, longSecret} {
		for _, pid := range []uint32{0, 4711} {
			seen, strangers := make(map[string]bool), 0
			for range 1000 {
				key := newKey(fleet, 7, pid, size)
				if len(key.secret) != size || pid != 0 && key.pid != pid || pid == 0 && key.pid>>19 != 7 {
					t.Fatalf("key %+v", key)
				}
				if !key.madeBy(fleet, 7) || pid == 0 && key.names() != 7 || size == longSecret && key.names() != 7 {
					t.Fatal("a key is not its proxy's")
				}
				if key.madeBy(other, 7) || key.madeBy(fleet, 8) {
					strangers++
				}
				seen[string(key.secret)] = true
				forged := *key
				forged.pid ^= 1
				if size == longSecret && forged.madeBy(fleet, 7) {
					t.Fatal("a key is genuine with another pid")
				}
			}
			// A short secret has sixteen bits of chance and as many of seal, so that
			// some are the same, and one in 65,536 is another fleet's by chance.
			if size == longSecret && strangers > 0 || strangers > 20 {
				t.Errorf("of a thousand keys %d are genuine elsewhere, too", strangers)
			}
			if len(seen) < 950 || size == longSecret && len(seen) < 1000 {
				t.Errorf("a thousand keys have %d secrets", len(seen))
			}
		}
	}
	for _, secret := range [][]byte{nil, {}, {1}, make([]byte, shortSecret), make([]byte, longSecret), make([]byte, 256)} {
		if key := (&cancelKey{pid: 1, secret: secret}); key.madeBy(fleet, 0) {
			t.Errorf("a key of %d zero bytes is genuine", len(secret))
		}
	}
}
