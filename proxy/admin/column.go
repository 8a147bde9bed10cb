package admin

import (
	"fmt"
	"math/big"
	"strconv"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// column is a column of a result. Its type is one of the constants below.
type column struct {
	name string
	oid  uint32
}

// text and the others make columns. The types are those that PgBouncer gives, so
// that clients read the values the same way: counters are numeric.
func text(names ...string) []column    { return columns(pgtype.TextOID, names) }
func integer(names ...string) []column { return columns(pgtype.Int4OID, names) }
func bigint(names ...string) []column  { return columns(pgtype.Int8OID, names) }
func numeric(names ...string) []column { return columns(pgtype.NumericOID, names) }

func columns(oid uint32, names []string) []column {
	all := make([]column, 0, len(names))
	for _, name := range names {
		all = append(all, column{name: name, oid: oid})
	}
	return all
}

// row is one value a column: a string, an int64, or nil for NULL.
type row []any

// format is how values are sent: 0 text, 1 binary.
type format = int16

const (
	textFormat   format = 0
	binaryFormat format = 1
)

// describe returns the head of a result whose columns have these formats: none
// for text, one for all, or one each.
func describe(columns []column, formats []format) *pgproto3.RowDescription {
	d := &pgproto3.RowDescription{Fields: make([]pgproto3.FieldDescription, 0, len(columns))}
	for i, c := range columns {
		size := int16(-1)
		switch c.oid {
		case pgtype.Int4OID:
			size = 4
		case pgtype.Int8OID:
			size = 8
		}
		d.Fields = append(d.Fields, pgproto3.FieldDescription{
			Name: []byte(c.name), DataTypeOID: c.oid, DataTypeSize: size, TypeModifier: -1, Format: formatOf(formats, i),
		})
	}
	return d
}

func formatOf(formats []format, i int) format {
	switch len(formats) {
	case 0:
		return textFormat
	case 1:
		return formats[0]
	}
	return formats[i]
}

// encoder turns rows into messages. The zero encoder works; it is not for more
// than one goroutine.
type encoder struct{ types *pgtype.Map }

func (e *encoder) encode(r row, columns []column, formats []format) (*pgproto3.DataRow, error) {
	message := &pgproto3.DataRow{Values: make([][]byte, len(columns))}
	for i, c := range columns {
		var err error
		if formatOf(formats, i) == binaryFormat {
			message.Values[i], err = e.binary(c, r[i])
		} else {
			message.Values[i] = plain(r[i])
		}
		if err != nil {
			return nil, fmt.Errorf("encode column %s: %w", c.name, err)
		}
	}
	return message, nil
}

// plain returns a value as text, nil for NULL.
func plain(value any) []byte {
	switch v := value.(type) {
	case string:
		return append([]byte{}, v...)
	case int64:
		return strconv.AppendInt(nil, v, 10)
	}
	return nil
}

func (e *encoder) binary(c column, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	if e.types == nil {
		e.types = pgtype.NewMap()
	}
	if n, ok := value.(int64); ok && c.oid == pgtype.NumericOID {
		value = pgtype.Numeric{Int: big.NewInt(n), Valid: true}
	}
	b, err := e.types.Encode(c.oid, binaryFormat, value, []byte{})
	return b, err
}
