package scenario_test

import (
	"os"
	"testing"

	"github.com/zkkit/zkkit/internal/scenario"
)

// TestMain makes the test binary a worker when a run of the pause scenario starts it again as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == scenario.PauseWorkerCommand {
		os.Exit(scenario.PauseWorker())
	}
	os.Exit(m.Run())
}
