package main

import (
	"context"
	"errors"
	"strings"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/internal/scenario"
)

// A cutState is whether this machine can cut at one place.
type cutState struct {
	Where    scenario.Where `json:"where"`
	Possible bool           `json:"possible"`
	About    string         `json:"about"`
	// Engines are those that can.
	Engines []string `json:"engines"`
	// How is by what each of them does, and why others cannot, a line for each.
	How []string `json:"how"`
}

// Whys of what an engine cannot cut.
const (
	noLocal  = "no ZooKeeper of this machine works"
	noDocker = "no Docker engine answers"
)

// cutStates says where this machine can cut, given how the engines fare.
func cutStates(ctx context.Context, engines []engineState) []cutState {
	works := map[string]bool{}
	for _, e := range engines {
		works[e.Kind] = e.works()
	}
	var all []cutState
	for _, where := range scenario.Wheres() {
		all = append(all, cutAt(where, works, ensemble.CanLink, func() error { return ensemble.CanNamespaces(ctx) }))
	}
	return all
}

// cutAt says who can cut at one place: everybody between a client and a server, and between servers those that are started here.
func cutAt(where scenario.Where, works map[string]bool, canLink, canNamespaces func() error) cutState {
	s := cutState{Where: where, About: where.About(), Engines: []string{}, How: []string{}}
	can := func(engine, how string, why func() error, missing string) {
		err := errors.New(missing)
		if works[engine] {
			err = why()
		}
		if err != nil {
			s.How = append(s.How, "not with --engine "+engine+": "+err.Error())
			return
		}
		s.Engines = append(s.Engines, engine)
		s.How = append(s.How, "--engine "+engine+": "+how)
	}
	switch where {
	case scenario.WhereHolder:
		for _, engine := range scenario.EngineKinds() {
			if works[engine] {
				s.Engines = append(s.Engines, engine)
			}
		}
		if len(s.Engines) > 0 {
			s.How = append(s.How, "--engine "+strings.Join(s.Engines, "|")+": on the holder's own connections")
		}
	case scenario.WhereLeader:
		can(scenario.EngineLocal, "each server in a network namespace", canNamespaces, noLocal)
		can(scenario.EngineDocker, "on a network that only the servers are in", func() error { return nil }, noDocker)
	default:
		can(scenario.EngineLocal, "on the links between the servers", canLink, noLocal)
		can(scenario.EngineDocker, "on a network that only the servers are in", func() error { return nil }, noDocker)
	}
	s.Possible = len(s.Engines) > 0
	return s
}
