//go:build !unix

package ensemble

func playWatchdog() { panic("there is no watchdog on this system") }
