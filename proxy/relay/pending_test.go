package relay

import "testing"

// Promises: C46.
func TestC46MultipleStatements(t *testing.T) {
	playAll(t, map[string]string{
		"one ReadyForQuery":         "idle >Q busy <TDC busy <TDC busy <CZ idle",
		"error ends it":             ">Q <TDC <E busy <Z idle",
		"two Queries, two of them":  ">QQ <CZ busy <CZ idle",
		"in a transaction":          ">Q <CZ/T busy >Q <CZ idle",
		"in a failed transaction":   ">Q <CZ/T >Q <EZ/E busy >Q <CZ idle",
		"notices count for nothing": ">Q <NSAC busy <NSAZ idle <NSA idle",
	})
}

// Promises: C47.
func TestC47EmptyQuery(t *testing.T) {
	playAll(t, map[string]string{
		"simple":   ">Q <I busy <Z idle",
		"extended": ">PBES <12I busy <Z idle",
	})
}

// Promises: C48.
func TestC48ErrorMidPipeline(t *testing.T) {
	playAll(t, map[string]string{
		"skips to the Sync":            ">PBES >PBES <E busy <Z busy <12CZ idle",
		"in the second batch":          ">PBES >PBES <12CZ <1E busy <Z idle",
		"in both":                      ">PBES >PBES <EZ busy <EZ idle",
		"of the Sync itself":           ">PBES <12C busy <E busy <Z idle",
		"of the Sync, another follows": ">PBESPBES <12CEZ busy <12CZ idle",
		"before Close and Describe":    ">PDBDECS <E busy <Z idle",
	})
}

// Promises: C50.
func TestC50DelayedSync(t *testing.T) {
	playAll(t, map[string]string{
		"sent after the error was read": ">PBE <E busy >S busy <Z idle",
		"more is sent and skipped":      ">PBE <E >PBE busy >PBE busy >S busy <Z idle",
		"two Syncs":                     ">PBE <E >SS <Z busy <Z idle",
		"Syncs alone":                   ">SSS <ZZ busy <Z idle",
		"Terminate instead":             ">PBE <E busy >X busy",
	})
}

// Promises: C51.
func TestC51SecondTransactionPipelined(t *testing.T) {
	playAll(t, map[string]string{
		"simple":   ">Q >Q <CZ busy <CZ/T busy >Q <CZ idle",
		"extended": ">PBES >PBES <12CZ busy >PBES <12CZ busy <12CZ idle",
		"no Sync":  ">PBES >PBE <12CZ busy <12C busy >S <Z idle",
	})
}

// Promises: C54.
func TestC54Flush(t *testing.T) {
	playAll(t, map[string]string{
		"answers before the Sync": ">PBDEH busy <12TC busy >S busy <Z idle",
		"alone":                   ">H idle",
		"one by one":              ">PH <1 busy >BH <2 busy >EH <C busy >CH <3 busy >S <Z idle",
	})
}

// Promises: C55.
func TestC55ErrorWithoutSync(t *testing.T) {
	playAll(t, map[string]string{
		"with Flush":    ">PH <E busy >H busy >S <Z idle",
		"without Flush": ">P <E busy >S <Z idle",
	})
}

// A Query within a batch is run, but after an error it is skipped like the rest.
// Promises: C56.
func TestC56SimpleInTheMiddleOfExtended(t *testing.T) {
	playAll(t, map[string]string{
		"run":                       ">PBEQ <12C busy <TDCZ idle",
		"run, then a Sync":          ">PBEQS <12C <CZ busy <Z idle",
		"skipped":                   ">PBEQS <E busy <Z idle",
		"skipped, Sync sent later":  ">PBEQ <E busy >S <Z idle",
		"two skipped":               ">PQQS <E <Z idle",
		"sent after the error":      ">P <E >Q busy >S <Z idle",
		"fails itself":              ">PBEQS <12C <E <Z busy <Z idle",
		"fails itself, then batch":  ">PBEQPBES <12C <EZ busy <12CZ idle",
		"error of the second batch": ">PQPQS <1 <CZ busy <E <Z idle",
		"FunctionCall is the same":  ">PF <E busy >S <Z idle",
	})
}

// Promises: C57.
func TestC57Describe(t *testing.T) {
	playAll(t, map[string]string{
		"statement with rows":    ">PDS <1tT busy <Z idle",
		"statement without rows": ">PDS <1tn busy <Z idle",
		"statement and portal":   ">PDBDES <1tT2TDC busy <Z idle",
		"an error is not lost":   ">PDBES <1tT <E busy <Z idle",
	})
}

// Promises: C58.
func TestC58PortalSuspended(t *testing.T) {
	playAll(t, map[string]string{
		"then Sync":   ">PBES <12Ds busy <Z idle",
		"then more":   ">PBEH <12Ds busy >EH <Ds busy >ES <DC busy <Z idle",
		"then errors": ">PBEEPS <12DsE <Z idle",
	})
}

// Promises: C62.
func TestC62Close(t *testing.T) {
	playAll(t, map[string]string{
		"in a batch": ">PBECS <12C3 busy <Z idle",
		"alone":      ">CS <3 busy <Z idle",
		"skipped":    ">PCS <E <Z idle",
	})
}

// Promises: C75.
func TestC75FunctionCall(t *testing.T) {
	playAll(t, map[string]string{
		"answered":         ">F busy <V busy <Z idle",
		"fails":            ">F <E busy <Z idle",
		"pipelined":        ">FFQ <VZ <VZ busy <CZ idle",
		"within a batch":   ">PF <1 <VZ idle",
		"behind a skipped": ">PFS <E busy <Z idle",
	})
}

// Promises: D83.
func TestD83CopyFailsEarly(t *testing.T) {
	playAll(t, map[string]string{
		"before it begins":                 ">Qddc <E busy <Z idle",
		"late data":                        ">Q <EZ idle >ddc idle",
		"late data, then a query":          ">Q <EZ >dc >Q busy <CZ idle",
		"amid the data":                    ">Q <G >d <E busy <Z >dc idle",
		"amid the data, end already sent":  ">Qddc <G <E <Z idle",
		"end sent between error and ready": ">Q <G >d <E >dc busy <Z idle",
		"query already sent":               ">QdcQ <E <Z busy <CZ idle",
		"CopyFail":                         ">Q <G >df busy <E <Z idle",
		"CopyFail sent early":              ">Qdf <G <EZ idle",
		"CopyFail too late":                ">Q <EZ >f idle",
		"extended, at Bind":                ">PBEdcS <1E busy <Z idle",
		"extended, late end and Sync":      ">PBES <12E <Z idle >dc idle >S busy <Z idle",
		"extended, end and Sync were sent": ">PBESdcS <12E <Z busy <Z idle",
		"extended, no Sync yet":            ">PBE <12E >dc busy >S <Z idle",
		"extended, amid the data":          ">PBE <12G >d <E >dc busy >S <Z idle",
	})
}

// Promises: D84.
func TestD84CopyExtended(t *testing.T) {
	playAll(t, map[string]string{
		"end after the response":            ">PBE <12G busy >dc busy <C busy >S <Z idle",
		"all at once":                       ">PBEdcS <12G busy <C busy <Z idle",
		"all at once, and more":             ">PBEdcSPBES <12GCZ busy <12CZ idle",
		"Flush, all at once":                ">PBEHdcH <12G <C busy >S <Z idle",
		"CopyFail at once":                  ">PBEfS <12G <E busy <Z idle",
		"more of the batch follows":         ">PBEdcPBES <12GC busy <12C busy <Z idle",
		"the next of the batch fails":       ">PBEdcPBES <12GC <E busy <Z idle",
		"libpq: Sync, data, Sync":           ">PBES <12G busy >ddc busy >S <C busy <Z idle",
		"libpq, sent before the response":   ">PBESdcS <12G busy <C busy <Z idle",
		"libpq, error amid the data":        ">PBES <12G >dd <E busy >dcS busy <Z idle",
		"Syncs before the data":             ">PBESSSdcS <12G busy <C busy <Z idle",
		"Sync while copying":                ">PBE <12G >Sd >c <C busy >S <Z idle",
		"stray CopyDone within a batch":     ">PBEcS <12C busy <Z idle",
		"stray CopyDone before a batch":     ">cPBES <12C busy <Z idle",
		"stray between batches":             ">PBESc >PBES <12CZ busy <12CZ idle",
		"ParseComplete keeps the early end": ">PBEdcS <1 busy <2 busy <G busy <C busy <Z idle",
	})
}

// Whether the Sync was behind the bad data or before it, nobody can tell who
// sees both of them before the error: such a session is never idle again.
// Promises: D84.
func TestD84SyncAmongBadData(t *testing.T) {
	playAll(t, map[string]string{
		"extended, not yet copying": ">PBEdSdcS <12G <E busy <Z busy <Z busy",
		"extended, copying":         ">PBE <12G >dSdc <E busy >S <Z busy",
		"simple":                    ">QdSc <G <E <Z busy <Z busy",
		"no error, no doubt":        ">PBEdSdcS <12GC busy <Z idle",
		"simple, no error":          ">QdSdc <GC busy <Z idle",
		"an error later":            ">PBEdSdcS <12GCZ idle >Q <EZ idle",
	})
}

// Promises: D86, D87.
func TestD87CopyMatrix(t *testing.T) {
	playAll(t, map[string]string{
		"out":                           ">Q <HddcC busy <Z idle",
		"out, extended":                 ">PBES <12HddcC busy <Z idle",
		"out fails":                     ">Q <Hd <E busy <Z idle",
		"in the middle of a Query":      ">Q <TDC <G busy >dc <C busy <TDC busy <Z idle",
		"two in one Query":              ">Q <G >dc <C <G busy >dc busy <C busy <Z idle",
		"two in one Query, sent early":  ">Qdcdc <GC busy <GC busy <Z idle",
		"two, the first fails":          ">Qdcdc <GE <Z idle",
		"two, a Sync between":           ">QdcSdc <GC <GC busy <Z idle",
		"two, a Sync between, one only": ">QdcSdc <GC <E <Z busy <Z idle",
		"two Queries":                   ">QdcQdc <GCZ busy <GCZ idle",
		"two Queries, the first fails":  ">QdcQdc <EZ busy <GCZ idle",
		"Sync before the data, simple":  ">QSdc <GC busy <Z idle",
		"Sync while copying, simple":    ">Q <G >Sdc <C <Z idle",
		"both ways, then ended":         ">Q <Wddd busy >dd <d >c busy <cC busy <Z idle",
		"both ways, ended by server":    ">Q <W >d <c >c <C <Z idle",
	})
}

// Promises: F107.
func TestF107Fatal(t *testing.T) {
	t.Parallel()
	for _, script := range []string{">Q <!", "<!", ">PBE <12!", ">Q <NTD!"} {
		if s := play(t, script); !s.Fatal() {
			t.Errorf("%s: not seen", script)
		}
	}
	if s := play(t, ">Q <EZ"); s.Fatal() {
		t.Error("an ERROR was taken for the server's end")
	}
}

// What nobody has asked for must not be counted.
func TestUnsolicited(t *testing.T) {
	playAll(t, map[string]string{
		"ReadyForQuery":   "<Z idle >Q busy <CZ idle",
		"CommandComplete": "<C idle >Q busy <CZ idle",
		"error":           "<E idle >Q busy <CZ idle",
		"after the skip":  ">P <E busy <Z idle",
	})
}

// However long the pipeline, an answer costs the same.
// Promises: G120.
func TestManyPending(t *testing.T) {
	t.Parallel()
	const many = 200_000
	var p pending
	for range many {
		p.sentSync()
	}
	for range many {
		if p.empty() {
			t.Fatal("empty too early")
		}
		p.ready()
	}
	if !p.empty() || cap(p.units.all) > maxSpare {
		t.Errorf("empty %v, and keeps room for %d", p.empty(), cap(p.units.all))
	}
}
