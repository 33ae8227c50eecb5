//go:build unix

package ingest

import (
	"os/exec"
	"syscall"
)

// A broker's program may be a script that starts others: all of them end together.

func setGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
