//go:build unix

package outbox

import (
	"os"
	"path/filepath"
	"syscall"
)

// lock keeps other processes out. The kernel frees it if this one dies.
func lock(dir string) (unlock func() error, err error) {
	file, err := os.OpenFile(filepath.Join(dir, "outbox.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, err
	}
	return file.Close, nil
}

// syncDirectory makes a directory's entries durable.
func syncDirectory(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return firstError(file.Sync(), file.Close())
}
