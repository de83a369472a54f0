//go:build !unix

package zklock_test

// child is not started where no process can be stopped.
func child() {}
