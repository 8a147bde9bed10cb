// Command postern is Postern: the proxy, and the verbs that steer a running one
// over its control socket or its HTTP API. It is the only place that wires the
// packages together; docs/cli.md describes every command.
//
// One file holds one verb, or the verbs of one noun. A command is a function
// newXCommand(a *app) that is registered in root.go and touches nothing of the
// process but what app holds, so that tests run commands as functions.
package main
