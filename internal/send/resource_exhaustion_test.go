package send

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
)

// What a machine lacks is told from faults that a receiver may have a part in.
func TestWhatAMachineLacksIsNoFaultOfTheReceiver(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"descriptors":               {&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}, syscall.EMFILE},
		"descriptors of the system": {os.NewSyscallError("socket", syscall.ENFILE), syscall.ENFILE},
		"descriptors for DNS":       {&net.DNSError{Err: "dial udp 9.9.9.9:53: socket: too many open files", Name: "crm.example"}, syscall.EMFILE},
		"buffers":                   {&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENOBUFS)}, syscall.ENOBUFS},
		"refused":                   {&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, nil},
		"no such name":              {&net.DNSError{Err: "no such host", Name: "crm.example", IsNotFound: true}, nil},
		"nothing":                   {nil, nil},
	} {
		if got := resourceExhaustion(test.err); !errors.Is(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
