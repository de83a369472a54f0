package scenario_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/zkkit/zkkit/internal/scenario"
)

// TestMain makes the test binary a worker when a run of the pause scenario starts it again as one, and a server when one of the rate limit scenario does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case scenario.PauseWorkerCommand:
			os.Exit(scenario.PauseWorker())
		case sabotagedWorker:
			sabotage(`"fenced":true`, `"fenced":false`)
			os.Exit(scenario.PauseWorker())
		case scenario.RateLimitWorkerCommand:
			os.Exit(scenario.RateLimitWorker())
		case sabotagedServer:
			sabotage(`"max":20,`, `"max":35,`)
			os.Exit(scenario.RateLimitWorker())
		}
	}
	os.Exit(m.Run())
}

// A sabotagedWorker is a worker whose resource compares no tokens, whatever its job says.
const sabotagedWorker = "sabotaged-worker"

// A sabotagedServer is a server that takes its limit for a higher one.
const sabotagedServer = "sabotaged-server"

// sabotage changes what comes on standard input.
func sabotage(job, instead string) {
	in := os.Stdin
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	os.Stdin = r
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			_, _ = w.WriteString(strings.Replace(lines.Text(), job, instead, 1) + "\n")
		}
		_ = w.Close()
	}()
}
