package ensemble

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// A namespace is a network namespace without a name: it lives as long as its file is open, or a process or an interface needs it. When this process dies, however
// it dies, the kernel closes the file, and what was in the namespace goes with it: there is nothing to sweep.
type namespace struct {
	mu   sync.RWMutex // guards file against being closed while it is used
	file *os.File     // nil when it is closed
}

// newNamespace makes a namespace, in which nothing is.
func newNamespace() (*namespace, error) {
	var ns *namespace
	err := onOwnThread(func() (err error) {
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		ns, err = currentNamespace()
		return err
	})
	return ns, err
}

// currentNamespace is that of the calling thread.
func currentNamespace() (*namespace, error) {
	f, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", syscall.Gettid()))
	if err != nil {
		return nil, err
	}
	return &namespace{file: f}, nil
}

// path names the namespace for other processes, until it is closed.
func (ns *namespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.file.Fd()) }

// close ends the namespace as soon as nothing else needs it. To close it again does nothing.
func (ns *namespace) close() {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.file != nil {
		_ = ns.file.Close()
		ns.file = nil
	}
}

// do calls f on a thread that is in the namespace: sockets that it opens and processes that it starts are there and stay there.
func (ns *namespace) do(f func() error) error {
	return onOwnThread(func() error {
		if err := ns.enter(); err != nil {
			return err
		}
		return f()
	})
}

// onOwnThread calls f on a thread that nothing else uses meanwhile, and returns that thread to its namespace. If that cannot be, the thread ends.
func onOwnThread(f func() error) (err error) {
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread()
		var home *namespace
		if home, err = currentNamespace(); err != nil {
			runtime.UnlockOSThread()
			return
		}
		defer home.close()
		err = f()
		if home.enter() == nil {
			runtime.UnlockOSThread()
		}
	})
	wg.Wait()
	return err
}

// The number of setns, which package syscall lacks for the oldest architectures.
var setns = map[string]uintptr{
	"386": 346, "amd64": 308, "arm": 375, "arm64": 268, "loong64": 268, "ppc64": 350, "ppc64le": 350, "riscv64": 268, "s390x": 339,
}

// enter moves the calling thread, which must be locked, into the namespace. It fails with ErrStopped when that is closed.
func (ns *namespace) enter() error {
	number, known := setns[runtime.GOARCH]
	if !known {
		return fmt.Errorf("setns on %s: %w", runtime.GOARCH, syscall.ENOSYS)
	}
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	if ns.file == nil {
		return ErrStopped
	}
	if _, _, errno := syscall.RawSyscall(number, ns.file.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
		return os.NewSyscallError("setns", errno)
	}
	return nil
}
