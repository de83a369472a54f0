package containers

import "github.com/testcontainers/testcontainers-go/log"

// Quiet keeps testcontainers-go from writing to the standard error of this process, for programs that say themselves what they do. It concerns the whole process,
// and must not be called while anything of that library runs.
func Quiet() { log.SetDefault(log.NewNoopLogger()) }
