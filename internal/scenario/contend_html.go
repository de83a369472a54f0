package scenario

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
)

// ContendFile is the page with pictures that [WriteContendFiles] writes.
const ContendFile = "contend.html"

// WriteContendHTML writes a page.
func WriteContendHTML(w io.Writer, r Report) error {
	_, err := io.WriteString(w, ContendText(r, Style{}))
	return err
}

// WriteContendFiles writes report.json and contend.html into a directory, which it makes if it is not there. Files of these names are replaced, each at one instant.
func WriteContendFiles(dir string, r Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return &FileError{Path: dir, Err: err}
	}
	for name, encode := range map[string]func(io.Writer, Report) error{
		ReportFile:  func(w io.Writer, r Report) error { return r.Encode(w) },
		ContendFile: WriteContendHTML,
	} {
		var b bytes.Buffer
		if err := encode(&b, r); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(dir, name), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
