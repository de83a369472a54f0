package sqlfence_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence/sqlfence"
)

// The check goes where the statement looks at it, if that is one place that nothing follows, and in front of the statement otherwise.
func TestFoldOfPostgres(t *testing.T) {
	const hold = `(SELECT resource, token FROM "zkkit_fences" WHERE resource = $2 AND token = $3 AND sealed = $3 FOR KEY SHARE)`
	for query, want := range map[string]string{
		"DELETE FROM a WHERE id = $1 AND EXISTS (SELECT FROM fence)":                         "DELETE FROM a WHERE id = $1 AND EXISTS (SELECT FROM @ AS fence)",
		"DELETE FROM a WHERE id = $1 AND EXISTS (SELECT FROM\n\tFence )":                     "DELETE FROM a WHERE id = $1 AND EXISTS (SELECT FROM\n\t@ AS fence )",
		"INSERT INTO a SELECT $1, token FROM fence":                                          "INSERT INTO a SELECT $1, token FROM @ AS fence",
		"WITH x AS (SELECT 1) INSERT INTO a SELECT $1 FROM fence ":                           "WITH x AS (SELECT 1) INSERT INTO a SELECT $1 FROM @ AS fence ",
		"INSERT INTO a SELECT $1, fence.token FROM fence":                                    "WITH fence AS @ INSERT INTO a SELECT $1, fence.token FROM fence",
		"INSERT INTO a SELECT $1 FROM fence f":                                               "WITH fence AS @ INSERT INTO a SELECT $1 FROM fence f",
		"INSERT INTO a SELECT $1 FROM fence, b":                                              "WITH fence AS @ INSERT INTO a SELECT $1 FROM fence, b",
		"INSERT INTO a SELECT $1 FROM fence WHERE true ON CONFLICT DO NOTHING":               "WITH fence AS @ INSERT INTO a SELECT $1 FROM fence WHERE true ON CONFLICT DO NOTHING",
		"INSERT INTO a SELECT $1 FROM b CROSS JOIN fence":                                    "WITH fence AS @ INSERT INTO a SELECT $1 FROM b CROSS JOIN fence",
		"UPDATE a SET b = 'fence' WHERE id = $1 AND EXISTS (SELECT FROM fence)":              "WITH fence AS @ UPDATE a SET b = 'fence' WHERE id = $1 AND EXISTS (SELECT FROM fence)",
		"DELETE FROM a WHERE id = $1 AND EXISTS (SELECT xfrom fence)":                        "WITH fence AS @ DELETE FROM a WHERE id = $1 AND EXISTS (SELECT xfrom fence)",
		"DELETE FROM a WHERE id = $1 AND EXISTS (SELECT FROM \"fence\")":                     "WITH fence AS @ DELETE FROM a WHERE id = $1 AND EXISTS (SELECT FROM \"fence\")",
		"DELETE FROM a WHERE id = $1 AND EXISTS (SELECT FROM b.fence)":                       "WITH fence AS @ DELETE FROM a WHERE id = $1 AND EXISTS (SELECT FROM b.fence)",
		"with recursive x AS (SELECT 1) DELETE FROM a WHERE id IN (SELECT $1 FROM fence, x)": "WITH RECURSIVE fence AS @, x AS (SELECT 1) DELETE FROM a WHERE id IN (SELECT $1 FROM fence, x)",
		" WITH x AS (SELECT 1) DELETE FROM a WHERE id IN (SELECT $1 FROM fence, x)":          "WITH fence AS @, x AS (SELECT 1) DELETE FROM a WHERE id IN (SELECT $1 FROM fence, x)",
	} {
		got, args := sqlfence.PostgreSQL{}.Fold(query, []any{1}, "orders", six)
		require.Equal(t, strings.Replace(want, "@", hold, 1), got)
		require.Equal(t, []any{1, "orders", "00000000:0000000000000006"}, args)
	}
}
