// The behaviors of docs/clients.md through github.com/hashicorp/vault/api, each a function of its own.
//
// usage: suite list
//
//	suite NAME=URL ...
//
// `list` prints the names; those of logins.go, which need more than a server, are not among them. Otherwise each NAME runs
// against the server at its URL, and prints one line: `ok NAME`, or `FAILED NAME: why`. The environment says how to get
// in: SUITE_ROOT_TOKEN, and SUITE_AUTHORITY for HTTPS.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

type behavior struct {
	name string
	test func(*server)
}

var behaviors = concat(nodeBehaviors, accessBehaviors, identityBehaviors, approleBehaviors, tokenBehaviors,
	kvBehaviors, wrappingBehaviors, operationBehaviors, errorBehaviors)

func concat(parts ...[]behavior) []behavior {
	var all []behavior
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// failure is what a behavior that is not there panics with.
type failure struct{ why string }

// check ends the behavior unless ok. The rest tells what was seen, as for Sprintf.
func check(ok bool, format string, seen ...interface{}) {
	if ok {
		return
	}
	_, file, line, _ := runtime.Caller(1)
	panic(failure{fmt.Sprintf(format, seen...) + fmt.Sprintf(" (%s:%d)", filepath.Base(file), line)})
}

// must gives the value of a call that must not fail.
func must[T any](value T, err error) T {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		panic(failure{fmt.Sprintf("%v (%s:%d)", err, filepath.Base(file), line)})
	}
	return value
}

// done is must for a call that only may fail.
func done(err error) {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		panic(failure{fmt.Sprintf("%v (%s:%d)", err, filepath.Base(file), line)})
	}
}

// run says why the behavior is not there, on one line; nothing when it is.
func run(name, url string) (why string) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case failure:
			why = strings.Join(strings.Fields(thrown.why), " ")
		default:
			// The client itself, or the suite reading what is not there: a failure as well, and not the end.
			why = strings.Join(strings.Fields(fmt.Sprintf("panic: %v %s", thrown, place(debug.Stack()))), " ")
		}
	}()
	for _, known := range concat(behaviors, loginBehaviors) {
		if known.name == name {
			known.test(&server{url: url})
			return ""
		}
	}
	return "there is no such behavior"
}

// place finds the suite's own line in a stack.
func place(stack []byte) string {
	lines := strings.Split(string(stack), "\n")
	for _, line := range lines {
		if strings.Contains(line, "/e2e/go/") && !strings.Contains(line, "/main.go:") {
			return "(" + filepath.Base(strings.Fields(line)[0]) + ")"
		}
	}
	return "(no place)"
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "list" {
		for _, known := range behaviors {
			fmt.Println(known.name)
		}
		return
	}
	for _, argument := range os.Args[1:] {
		at := strings.IndexByte(argument, '=')
		if at < 0 {
			fmt.Fprintln(os.Stderr, "not NAME=URL:", argument)
			os.Exit(2)
		}
		name := argument[:at]
		if why := run(name, argument[at+1:]); why != "" {
			fmt.Printf("FAILED %s: %s\n", name, why)
		} else {
			fmt.Printf("ok %s\n", name)
		}
	}
}
