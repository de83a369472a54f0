package stores

import "testing"

func withDocker(t *testing.T) {
	t.Helper()
	t.Skip("later")
}
