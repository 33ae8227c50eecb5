package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// ErrUsage matches errors for which the command line or the environment is at fault. The process exits with code 2.
var ErrUsage = errors.New("usage")

// Usage marks an error as one of usage; nil stays nil. Its text does not change.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

type usageError struct{ error }

// Is makes errors.Is match ErrUsage.
func (usageError) Is(target error) bool { return target == ErrUsage }

// Unwrap returns the error as it was.
func (e usageError) Unwrap() error { return e.error }

const (
	// maxFile is the maximum size of a settings file in bytes.
	maxFile = 16 << 20
	// maxFileWait is how long a pipe that stands in for a settings file may take.
	maxFileWait = 10 * time.Second
)

// readFile reads a settings file of at most 16 MiB. It may be a pipe, as in <(command), which has 10 seconds to deliver; a
// named pipe without a writer reads as empty. Errors match [ErrUsage].
func readFile(path string) ([]byte, error) {
	// Without O_NONBLOCK, opening a named pipe waits for a writer, possibly forever.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the file that the operator names
	if err != nil {
		return nil, Usage(err)
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = file.SetReadDeadline(time.Now().Add(maxFileWait))
	}
	if err != nil {
		return nil, Usage(fmt.Errorf("%s: not a file or a pipe", path))
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, Usage(fmt.Errorf("%s: no end of file within %s", path, maxFileWait))
	case err != nil:
		return nil, Usage(err)
	case len(text) > maxFile:
		return nil, Usage(fmt.Errorf("%s: larger than %d MiB", path, maxFile>>20))
	}
	return text, nil
}

// ListensPublicly lists the files with secrets that users other than the owner and the group can read.
func (s *Server) ListensPublicly() (paths []string) {
	for _, path := range []string{s.EncryptionKeyFile, s.AdminTokenFile} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
			paths = append(paths, path)
		}
	}
	return paths
}
