package main

import (
	"fmt"
	"strings"

	"github.com/zkkit/zkkit/internal/scenario"
)

// planText says, before the cut, what is about to be tried, and whether the run can prove anything.
func planText(e scenario.Evidence, inconclusive string, style scenario.Style) string {
	p, t := e.Parameters, newTable(style, 10)
	t.row("engine", e.Engine.String())
	if p.Recipe == scenario.RecipeProgram {
		t.row("lock", fmt.Sprintf("%s, wanted by %d instances of %s", p.LockPath, p.Clients, strings.Join(p.Command, " ")))
	} else {
		t.row("lock", fmt.Sprintf("%s at %s, wanted by %d clients", p.Recipe, p.LockPath, p.Clients))
	}
	session := fmt.Sprintf("%v asked for, %v given; ", p.SessionRequested, p.SessionNegotiated)
	if p.Tick > 0 {
		session += fmt.Sprintf("the server ticks every %v", p.Tick)
	} else {
		session += "the server does not say its tick, so half of the session is taken"
	}
	t.row("session", session)
	if p.Kind == scenario.KindNone {
		t.row("fault", fmt.Sprintf("none, for %v: %s", p.For, aboutNone))
	} else {
		fault := fmt.Sprintf("%s: %s, %s, for %v", p.Between(), p.Kind, p.Direction, p.For)
		if p.Recipe != scenario.RecipeProgram || p.Resource != "" {
			fault += "; holder <-> resource: jam"
		}
		t.row("fault", fault)
		t.row("expected", fmt.Sprintf("the server deletes the holder's node at %v after the cut", e.Predicted)+p.Meanwhile())
		t.row("seed", fmt.Sprintf("%d: --seed cuts again at this moment between two renewals", p.Seed))
	}
	if inconclusive == "" && p.Recipe == scenario.RecipeProgram {
		t.row("plan", "OK: what the program believes is known as far as it says so, or writes to a resource")
	} else if inconclusive == "" {
		t.row("plan", "OK: the run can tell a lock that is safe from one that is not")
	} else {
		t.row("plan", "THIS RUN CAN PROVE NOTHING: "+inconclusive)
	}
	return t.String() + "\n"
}
