//go:build !unix

package outbox

// lock does nothing where there is no lock that a killed process frees: whoever opens the outbox sees to it that nobody else
// does.
func lock(string) (unlock func() error, err error) { return func() error { return nil }, nil }

// syncDirectory does nothing where directories cannot be synchronised: there a rename is as durable as the file system makes
// it.
func syncDirectory(string) error { return nil }
