package egress_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/carteiro/carteiro/internal/egress"
)

// receiver is a server on this machine that counts the connections made to it.
type receiver struct {
	port        string
	connections atomic.Int64
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	r.port = u.Port()
	return r
}

// get makes a request as a delivery would: a guarded dialer, no proxy.
func get(t *testing.T, guard *egress.Guard, resolver *net.Resolver, rawURL string) error {
	t.Helper()
	dialer := &net.Dialer{ControlContext: guard.Control, Resolver: resolver}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, rawURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func TestTheDialerReachesNoServerOfThisMachine(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		t.Run(host, func(t *testing.T) {
			r := newReceiver(t)
			err := get(t, egress.New(false), nil, "http://"+host+":"+r.port)
			var blocked *egress.BlockedError
			if !errors.Is(err, egress.ErrBlocked) || !errors.As(err, &blocked) || !blocked.Addr.IsValid() {
				t.Errorf("got %v, want a BlockedError with its address", err)
			}
			if n := r.connections.Load(); n != 0 {
				t.Errorf("%d connections were made", n)
			}
		})
	}
}

func TestTheDialerReachesThemWhenPrivateAddressesAreAllowed(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		t.Run(host, func(t *testing.T) {
			r := newReceiver(t)
			if err := get(t, egress.New(true), nil, "http://"+host+":"+r.port); err != nil {
				t.Error(err)
			}
			if n := r.connections.Load(); n != 1 {
				t.Errorf("%d connections were made, want 1", n)
			}
		})
	}
}

func TestANameThatResolvesToThisMachineIsBlockedWhenItIsDialled(t *testing.T) {
	tests := map[string][]netip.Addr{
		"loopback":                 {netip.MustParseAddr("127.0.0.1")},
		"loopback of both kinds":   {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")},
		"several, all of them bad": {netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("fd00:ec2::254")},
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			r, resolver := newReceiver(t), resolverAnswering(t, answer)
			raw := "http://rebind.example:" + r.port
			guard := egress.New(false)
			if err := guard.CheckURL(raw); err != nil {
				t.Fatalf("the name itself is refused: %v", err)
			}
			if err := get(t, guard, resolver, raw); !errors.Is(err, egress.ErrBlocked) {
				t.Errorf("got %v, want ErrBlocked", err)
			}
			if n := r.connections.Load(); n != 0 {
				t.Errorf("%d connections were made", n)
			}
			if err := get(t, egress.New(true), resolverAnswering(t, answer[:1]), raw); name == "loopback" && err != nil {
				t.Errorf("the resolver of this test does not lead to the receiver: %v", err)
			}
		})
	}
}

// resolverAnswering resolves every name to addrs, without a network.
func resolverAnswering(t *testing.T, addrs []netip.Addr) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				if err := answerDNS(server, addrs); err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("DNS: %v", err)
				}
			}()
			return client, nil
		},
	}
}

// answerDNS answers one query on a stream, where each message follows its length in two bytes (RFC 1035, section
// 4.2.2).
func answerDNS(conn net.Conn, addrs []netip.Addr) error {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return err
	}
	var message dnsmessage.Message
	if err := message.Unpack(query); err != nil {
		return err
	}
	message.Response, message.Authoritative, message.Additionals = true, true, nil
	for _, addr := range addrs {
		if resource, ok := resourceFor(message.Questions[0], addr); ok {
			message.Answers = append(message.Answers, resource)
		}
	}
	packed, err := message.AppendPack(make([]byte, 2))
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint16(packed, uint16(len(packed)-2))
	_, err = conn.Write(packed)
	return err
}

func resourceFor(question dnsmessage.Question, addr netip.Addr) (dnsmessage.Resource, bool) {
	header := dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class}
	switch {
	case question.Type == dnsmessage.TypeA && addr.Is4():
		return dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}}, true
	case question.Type == dnsmessage.TypeAAAA && addr.Is6():
		return dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}, true
	}
	return dnsmessage.Resource{}, false
}
