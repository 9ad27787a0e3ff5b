// Command ringsync keeps RingCentral's users equal to the people assigned to an enterprise application in Microsoft
// Entra ID. This package owns the command line: flags, output, exit codes, signals, and joining the configuration to
// connectors and engine. What the commands do is in the packages below.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name time zones, which containers and Windows have none of
)

func main() {
	// The first signal cancels what is under way; from then on the next one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, args: args}
	root := newRootCommand(a)
	root.SetArgs(args)
	return a.report(root.ExecuteContext(ctx))
}
