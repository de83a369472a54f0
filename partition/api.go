package partition

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

// apiTimeout bounds one request of a caller whose context does not: a little more than the 25 s that Toxiproxy gives itself.
const apiTimeout = 30 * time.Second

// An api speaks to the HTTP API of a Toxiproxy, in the words of Toxiproxy's own client package but not through its methods: those take no
// context, so that a heal could not be bounded, and leave connections in http.DefaultTransport.
type api struct {
	base *url.URL
	http *http.Client
}

func newAPI(base string) (*api, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("partition: the URL of Toxiproxy: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("partition: the URL of Toxiproxy: %q is not like http://host:8474", base)
	}
	return &api{base: u, http: &http.Client{Transport: &http.Transport{}, Timeout: apiTimeout}}, nil
}

// call sends in, if not nil, to the path of these segments, and reads the answer into out, if not nil. What Toxiproxy answers instead of
// success is an [*toxiproxy.ApiError].
func (a *api) call(ctx context.Context, method string, in, out any, segments ...string) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	target := a.base.JoinPath(segments...)
	request, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "zkkit-partition") // a browser's would be turned away
	response, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		refusal := &toxiproxy.ApiError{}
		if json.Unmarshal(answer, refusal) != nil || refusal.Message == "" {
			refusal.Message = http.StatusText(response.StatusCode)
		}
		refusal.Status = response.StatusCode
		return fmt.Errorf("toxiproxy: %s %s: %w", method, target.Path, refusal)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// status returns the HTTP status of a refusal, 0 if err is none.
func status(err error) int {
	var refusal *toxiproxy.ApiError
	if errors.As(err, &refusal) {
		return refusal.Status
	}
	return 0
}

// gone turns "not found" into success, for what is deleted.
func gone(err error) error {
	if status(err) == http.StatusNotFound {
		return nil
	}
	return err
}
