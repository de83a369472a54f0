package scenario_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/zkkit/zkkit/internal/scenario"
)

// TestMain makes the test binary a worker when a run of the pause scenario starts it again as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case scenario.PauseWorkerCommand:
			os.Exit(scenario.PauseWorker())
		case sabotagedWorker:
			unfence()
			os.Exit(scenario.PauseWorker())
		}
	}
	os.Exit(m.Run())
}

// A sabotagedWorker is a worker whose resource compares no tokens, whatever its job says.
const sabotagedWorker = "sabotaged-worker"

// unfence changes what comes on standard input.
func unfence() {
	in := os.Stdin
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	os.Stdin = r
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			_, _ = w.WriteString(strings.Replace(lines.Text(), `"fenced":true`, `"fenced":false`, 1) + "\n")
		}
		_ = w.Close()
	}()
}
