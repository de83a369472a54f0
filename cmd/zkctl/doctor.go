package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
	"github.com/zkkit/zkkit/partition"
)

// doctorOptions is the command line of zkctl doctor.
type doctorOptions struct {
	servers   []string
	toxiproxy string // URL of one elsewhere, "" for none
	quick     bool
	json      bool
}

func newDoctorCmd(c *console, runF func(context.Context, *doctorOptions) error) *cobra.Command {
	o := &doctorOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *doctorOptions) error { return runDoctor(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say which engines, stores and faults work on this machine, and how to get the others",
		Long: `Say which engines, stores and faults work on this machine, and how to get the others. To know that a ZooKeeper, a Redis
and a PostgreSQL that are installed here work, they are started and stopped, which takes some seconds.`,
		Annotations: map[string]string{notes: "Exit codes:\n  0    the engine that --engine auto stands for works\n  2    wrong usage\n  4    it does not\n\n" + environment + environmentOfStores},
		Example: `  zkctl doctor
  zkctl doctor --servers zk1:2181,zk2:2181
  zkctl doctor --toxiproxy http://127.0.0.1:8474`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine := scenario.EngineConfig{Servers: o.servers}
			if err := serversFromEnvironment(c, &engine); err != nil {
				return err
			}
			o.servers = engine.Servers
			return runF(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	serversFlag(cmd, &o.servers)
	newFlag(cmd, &o.toxiproxy, "toxiproxy", "URL", "", "ask a Toxiproxy that runs elsewhere what it can do", aURL)
	f.BoolVar(&o.quick, "quick", false, "start nothing: only look what is installed")
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	return cmd
}

// A diagnosis is all that the doctor found.
type diagnosis struct {
	// Auto is the engine that --engine auto stands for, "" if that one does not work.
	Auto      string         `json:"auto"`
	Engines   []engineState  `json:"engines"`
	Stores    []storeState   `json:"stores"`
	Cuts      []cutState     `json:"cuts"`
	Faults    []faultState   `json:"faults"`
	Toxiproxy toxiproxyState `json:"toxiproxy"`
	Lacking   []lack         `json:"not_possible"`
	Exit      int            `json:"exit"`
}

// A faultState is one kind of fault that links of this process offer.
type faultState struct {
	Kind       scenario.Kind `json:"kind"`
	Directions []string      `json:"directions"`
	About      string        `json:"about"`
}

// A toxiproxyState is what is known of Toxiproxy, here and elsewhere.
type toxiproxyState struct {
	BuiltIn string `json:"built_in"` // version
	// URL is that of the one elsewhere; the fields below are about it.
	URL       string `json:"url,omitempty"`
	Reachable bool   `json:"reachable"`
	// Gate says that it knows the toxic that makes a drop and a jam complete.
	Gate    bool     `json:"gate"`
	Caveats []string `json:"caveats"`
	Error   string   `json:"error,omitempty"`
}

// A lack is something that cannot be done.
type lack struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// lacking returns what this version, or any proxy, cannot do.
func lacking() []lack {
	return []lack{
		{"lost SYNs", "the kernel completes every connection to a proxy: a dial that hangs takes network namespaces (root), a firewall or containers"},
		{"servers elsewhere", "those that are named are not cut off from each other, nor from other clients than those of the run"},
		{"a Toxiproxy elsewhere", "package partition can use one in a Go test; zkctl partition always uses the one built in"},
	}
}

// runDoctor looks, and prints what it found. It returns an outcome if the engine that would be used does not work.
func runDoctor(ctx context.Context, c *console, o *doctorOptions) error {
	d, err := diagnose(ctx, c, o)
	if err != nil {
		return after(err, "cleaned up")
	}
	var b strings.Builder
	if o.json {
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(d); err != nil {
			return err
		}
	} else {
		b.WriteString(doctorText(d, styleFor(c, colorNever)))
	}
	return firstOf(writeOut(c.out, b.String()), verdict(d.Exit))
}

// diagnose looks at everything. It fails only when ctx ends, with its cause.
func diagnose(ctx context.Context, c *console, o *doctorOptions) (diagnosis, error) {
	_, terminal := columns(c.err)
	s := newScreen(c.out, c.err, terminal, func(error) {})
	defer func() { _ = s.close(ctx) }() // It prints nothing.
	d := diagnosis{Lacking: lacking(), Faults: faults(), Exit: exitEnvironment}
	if len(o.servers) > 0 {
		s.doing("asking "+strings.Join(o.servers, ", "), 0)
	}
	connect := connectState(ctx, o.servers)
	if !o.quick {
		s.doing("starting a ZooKeeper, and stopping it", 0)
	}
	d.Engines = []engineState{
		localState(ctx, o.quick), connect,
		dockerState(ctx),
		embeddedState(ctx),
	}
	d.Cuts = cutStates(ctx, d.Engines)
	if !o.quick {
		s.doing("starting a Redis and a PostgreSQL, and stopping them", 0)
	}
	d.Stores = storeStates(ctx, c, o.quick)
	if o.toxiproxy != "" {
		s.doing("asking the Toxiproxy at "+o.toxiproxy, 0)
	}
	d.Toxiproxy = toxiproxyAt(ctx, o.toxiproxy)
	if ctx.Err() != nil {
		return d, context.Cause(ctx)
	}
	for _, e := range d.Engines {
		if e.Kind == scenario.AutoEngine(ctx, o.servers) && e.works() {
			d.Auto, d.Exit = e.Kind, 0
		}
	}
	return d, nil
}

// faults lists what the proxies of this process can do.
func faults() []faultState {
	var all []faultState
	for _, k := range partition.Kinds() {
		f := faultState{Kind: scenario.Kind(k.String()), About: k.About(), Directions: []string{partition.Both.String()}}
		if k.OneWay() {
			f.Directions = stringsOf(directions())
		}
		all = append(all, f)
	}
	return append(all, faultState{Kind: scenario.KindNone, About: aboutNone, Directions: []string{}})
}

// toxiproxyPatience bounds what a Toxiproxy elsewhere is asked.
const toxiproxyPatience = 5 * time.Second

// toxiproxyAt asks the Toxiproxy at a URL what it can do.
func toxiproxyAt(ctx context.Context, url string) toxiproxyState {
	t := toxiproxyState{BuiltIn: moduleVersion("github.com/Shopify/toxiproxy/v2"), URL: url, Caveats: []string{}}
	if url == "" {
		return t
	}
	ctx, cancel := context.WithTimeout(ctx, toxiproxyPatience)
	defer cancel()
	network, err := partition.New(ctx, partition.Config{API: url})
	if err != nil {
		t.Error = strings.TrimPrefix(err.Error(), "partition: ")
		return t
	}
	t.Reachable, t.Gate = true, true
	for _, caveat := range network.Caveats() {
		t.Caveats = append(t.Caveats, caveat)
		t.Gate = t.Gate && !strings.HasPrefix(caveat, "Without the gate")
	}
	if err := network.Close(); err != nil {
		t.Error = err.Error()
	}
	return t
}
