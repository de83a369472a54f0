//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd

package main

import "os"

// terminalColumns knows no width here.
func terminalColumns(f *os.File) (n int, ok bool) {
	info, err := f.Stat()
	null, nullErr := os.Stat(os.DevNull)
	return 0, err == nil && info.Mode()&os.ModeCharDevice != 0 && !(nullErr == nil && os.SameFile(info, null))
}
